import KernelInterface

/// Reads `count` numbers that lie `stride` elements apart and writes them as floats; `element` is nil for booleans.
@inline(never)
func copyWidening(
  from source: UnsafeRawPointer, _ element: KernelElement?, stride: Int, count: Int,
  to target: UnsafeMutablePointer<Float>
) {
  switch element {
  case .float32: copy(StoredFloat.self, from: source, stride: stride, count: count, to: target)
  case .float64: copy(StoredDouble.self, from: source, stride: stride, count: count, to: target)
  case .bfloat16: copy(StoredBFloat16.self, from: source, stride: stride, count: count, to: target)
  case .float16: copy(StoredFloat16.self, from: source, stride: stride, count: count, to: target)
  case nil: copy(StoredBoolean.self, from: source, stride: stride, count: count, to: target)
  }
}

@inline(__always)
private func copy<Element: StoredElement>(
  _: Element.Type, from source: UnsafeRawPointer, stride: Int, count: Int, to target: UnsafeMutablePointer<Float>
) {
  var index = 0
  if stride == 1 {
    let output = UnsafeMutableRawPointer(target)
    while index &+ Lanes.scalarCount <= count {
      output.storeBytes(
        of: Element.lanes(at: source + index &* Element.byteCount), toByteOffset: 4 &* index, as: Lanes.self)
      index &+= Lanes.scalarCount
    }
  }
  while index < count {
    target[index] = Element.number(at: source + index &* stride &* Element.byteCount)
    index &+= 1
  }
}

/// Whether `count` numbers that lie `stride` elements apart all equal `value`; `element` is nil for booleans.
@inline(never)
func isUniform(
  _ value: Float, at source: UnsafeRawPointer, _ element: KernelElement?, stride: Int, count: Int
) -> Bool {
  switch element {
  case .float32: areAll(value, StoredFloat.self, at: source, stride: stride, count: count)
  case .float64: areAll(value, StoredDouble.self, at: source, stride: stride, count: count)
  case .bfloat16: areAll(value, StoredBFloat16.self, at: source, stride: stride, count: count)
  case .float16: areAll(value, StoredFloat16.self, at: source, stride: stride, count: count)
  case nil: areAll(value, StoredBoolean.self, at: source, stride: stride, count: count)
  }
}

@inline(__always)
private func areAll<Element: StoredElement>(
  _ value: Float, _: Element.Type, at source: UnsafeRawPointer, stride: Int, count: Int
) -> Bool {
  // In most tiles the first number settles it.
  if count > 0 && Element.number(at: source) != value { return false }
  var index = 0
  if stride == 1 {
    let expected = Lanes(repeating: value)
    var differences = Lanes(repeating: 0)
    while index &+ Lanes.scalarCount <= count {
      let lanes = Element.lanes(at: source + index &* Element.byteCount)
      differences = Lanes(repeating: 1).replacing(with: differences, where: lanes .== expected)
      index &+= Lanes.scalarCount
    }
    for lane in 0..<Lanes.scalarCount where differences[lane] != 0 { return false }
  }
  while index < count {
    if Element.number(at: source + index &* stride &* Element.byteCount) != value { return false }
    index &+= 1
  }
  return true
}

extension ResolvedOperand {
  /// Where a row begins.
  func address(batch: Int, head: Int, row: Int) -> UnsafeRawPointer {
    base + (batch &* batchStride &+ head &* headStride &+ row &* rowStride) &* elementBytes
  }
}
