import KernelInterface

/// Copies between rows somewhere in memory and the lanes of a panel.
struct LaneTransposer {
  /// The addresses of as many rows as a vector has lanes.
  let rows: UnsafeMutablePointer<UnsafeMutableRawPointer>
  /// Room for as many vectors.
  let square: UnsafeMutablePointer<Lanes>

  /// Writes number `k` of the rows to the lanes of `target[k · vectors]`; `element` is nil for booleans.
  @inline(never)
  func load(
    _ element: KernelElement?, stride: Int, count: Int, to target: UnsafeMutablePointer<Lanes>, vectors: Int
  ) {
    switch element {
    case .float32: load(StoredFloat.self, stride: stride, count: count, to: target, vectors: vectors)
    case .float64: load(StoredDouble.self, stride: stride, count: count, to: target, vectors: vectors)
    case .bfloat16: load(StoredBFloat16.self, stride: stride, count: count, to: target, vectors: vectors)
    case .float16: load(StoredFloat16.self, stride: stride, count: count, to: target, vectors: vectors)
    case nil: load(StoredBoolean.self, stride: stride, count: count, to: target, vectors: vectors)
    }
  }

  @inline(__always)
  private func load<Element: StoredElement>(
    _: Element.Type, stride: Int, count: Int, to target: UnsafeMutablePointer<Lanes>, vectors: Int
  ) {
    var done = 0
    if stride == 1 {
      while done &+ Lanes.scalarCount <= count {
        for lane in 0..<Lanes.scalarCount { square[lane] = Element.lanes(at: rows[lane] + done &* Element.byteCount) }
        transpose(square)
        for index in 0..<Lanes.scalarCount { target[(done &+ index) &* vectors] = square[index] }
        done &+= Lanes.scalarCount
      }
    }
    let floats = UnsafeMutableRawPointer(target).assumingMemoryBound(to: Float.self)
    let width = vectors &* Lanes.scalarCount
    for lane in 0..<Lanes.scalarCount {
      var index = done
      while index < count {
        floats[index &* width &+ lane] = Element.number(at: rows[lane] + index &* stride &* Element.byteCount)
        index &+= 1
      }
    }
  }

  /// Writes `source[k · vectors]` to number `k` of the rows, for the first `rowCount` of them.
  ///
  /// Reads `source` up to the next multiple of the lanes.
  @inline(never)
  func store(
    _ source: UnsafePointer<Lanes>, vectors: Int, count: Int, _ element: KernelElement, stride: Int, rowCount: Int
  ) {
    let block = UnsafeRawPointer(square).assumingMemoryBound(to: Float.self)
    let step = stride &* element.byteCount
    var movesVectors = false
    if case .float32 = element { movesVectors = stride == 1 }
    var done = 0
    while done < count {
      for index in 0..<Lanes.scalarCount { square[index] = source[(done &+ index) &* vectors] }
      transpose(square)
      let rest = min(Lanes.scalarCount, count &- done)
      if movesVectors && rest == Lanes.scalarCount {
        for row in 0..<rowCount { (rows[row] + done &* step).storeBytes(of: square[row], as: Lanes.self) }
        done &+= Lanes.scalarCount
        continue
      }
      for row in 0..<rowCount {
        let target = rows[row] + done &* step
        copyNarrowing(from: block + row &* Lanes.scalarCount, count: rest, to: target, element, stride: stride)
      }
      done &+= Lanes.scalarCount
    }
  }
}

/// Writes `count` floats as `element`s that lie `stride` elements apart.
func copyNarrowing(
  from source: UnsafePointer<Float>, count: Int, to target: UnsafeMutableRawPointer, _ element: KernelElement,
  stride: Int
) {
  let step = stride &* element.byteCount
  var first = 0
  if stride == 1 && element != .float64 {
    while first &+ Lanes.scalarCount <= count {
      let lanes = UnsafeRawPointer(source + first).loadUnaligned(as: Lanes.self)
      let address = target + first &* step
      switch element {
      case .bfloat16: address.storeBytes(of: bfloat16Bits(of: lanes), as: HalfLanes.self)
      case .float16: address.storeBytes(of: float16Bits(of: lanes), as: HalfLanes.self)
      default: address.storeBytes(of: lanes, as: Lanes.self)
      }
      first &+= Lanes.scalarCount
    }
  }
  for index in first..<count {
    let address = target + index &* step
    switch element {
    case .float32: address.storeBytes(of: source[index], as: Float.self)
    case .float64: address.storeBytes(of: Double(source[index]), as: Double.self)
    case .bfloat16: address.storeBytes(of: bfloat16(from: source[index]), as: UInt16.self)
    case .float16: address.storeBytes(of: float16(from: source[index]), as: UInt16.self)
    }
  }
}
