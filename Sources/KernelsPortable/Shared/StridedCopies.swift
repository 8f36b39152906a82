import KernelInterface

/// Reads `count` numbers that lie `stride` elements apart and writes them as floats, `targetStride` apart.
@inline(never)
func copyWidening(
  from source: UnsafeRawPointer, _ element: KernelElement, stride: Int, count: Int,
  to target: UnsafeMutablePointer<Float>, targetStride: Int
) {
  var index = 0
  switch element {
  case .float32:
    while index < count {
      target[index &* targetStride] = source.loadUnaligned(fromByteOffset: 4 &* index &* stride, as: Float.self)
      index &+= 1
    }
  case .float64:
    while index < count {
      target[index &* targetStride] = Float(
        source.loadUnaligned(fromByteOffset: 8 &* index &* stride, as: Double.self))
      index &+= 1
    }
  case .bfloat16:
    if stride == 1 && targetStride == 1 { index = widenVectors(from: source, count: count, to: target) }
    while index < count {
      target[index &* targetStride] = float(
        fromBFloat16: source.loadUnaligned(fromByteOffset: 2 &* index &* stride, as: UInt16.self))
      index &+= 1
    }
  case .float16:
    if stride == 1 && targetStride == 1 { index = widenHalfVectors(from: source, count: count, to: target) }
    while index < count {
      target[index &* targetStride] = float(
        fromFloat16: source.loadUnaligned(fromByteOffset: 2 &* index &* stride, as: UInt16.self))
      index &+= 1
    }
  }
}

/// Writes `count` floats as `element`s that lie `stride` elements apart; reads them `sourceStride` apart.
@inline(never)
func copyNarrowing(
  from source: UnsafePointer<Float>, sourceStride: Int, count: Int,
  to target: UnsafeMutableRawPointer, _ element: KernelElement, stride: Int
) {
  var index = 0
  switch element {
  case .float32:
    while index < count {
      target.storeBytes(of: source[index &* sourceStride], toByteOffset: 4 &* index &* stride, as: Float.self)
      index &+= 1
    }
  case .float64:
    while index < count {
      target.storeBytes(
        of: Double(source[index &* sourceStride]), toByteOffset: 8 &* index &* stride, as: Double.self)
      index &+= 1
    }
  case .bfloat16:
    while index < count {
      target.storeBytes(
        of: bfloat16(from: source[index &* sourceStride]), toByteOffset: 2 &* index &* stride, as: UInt16.self)
      index &+= 1
    }
  case .float16:
    while index < count {
      target.storeBytes(
        of: float16(from: source[index &* sourceStride]), toByteOffset: 2 &* index &* stride, as: UInt16.self)
      index &+= 1
    }
  }
}

/// Widens as many whole vectors of contiguous bfloat16 as there are; returns the numbers done.
private func widenVectors(
  from source: UnsafeRawPointer, count: Int, to target: UnsafeMutablePointer<Float>
) -> Int {
  var index = 0
  let output = UnsafeMutableRawPointer(target)
  while index &+ Lanes.scalarCount <= count {
    let bits = source.loadUnaligned(fromByteOffset: 2 &* index, as: HalfLanes.self)
    output.storeBytes(of: lanes(fromBFloat16: bits), toByteOffset: 4 &* index, as: Lanes.self)
    index &+= Lanes.scalarCount
  }
  return index
}

/// Widens as many whole vectors of contiguous halves as there are; returns the numbers done.
private func widenHalfVectors(
  from source: UnsafeRawPointer, count: Int, to target: UnsafeMutablePointer<Float>
) -> Int {
  var index = 0
  let output = UnsafeMutableRawPointer(target)
  while index &+ Lanes.scalarCount <= count {
    let bits = source.loadUnaligned(fromByteOffset: 2 &* index, as: HalfLanes.self)
    output.storeBytes(of: lanes(fromFloat16: bits), toByteOffset: 4 &* index, as: Lanes.self)
    index &+= Lanes.scalarCount
  }
  return index
}

extension ResolvedOperand {
  /// Where an element lies.
  func address(batch: Int, head: Int, row: Int, column: Int = 0) -> UnsafeRawPointer {
    let offset = batch &* batchStride &+ head &* headStride &+ row &* rowStride &+ column &* columnStride
    return base + offset &* element.byteCount
  }
}
