import Tensors

/// Copies elements of a tensor, read by arbitrary strides, into a dense tensor of `shape`.
///
/// Element *(i₀, i₁, …)* of the result is element `offset + Σ iₐ·strides[a]` of the source. Strides may be 0 or negative.
struct StridedCopy: WordComputation {
  let source: Tensor
  let shape: [Int]
  let strides: [Int]
  let offset: Int

  /// Throws where an element would lie outside `source`.
  init(_ source: Tensor, shape: [Int], strides: [Int], offset: Int = 0) throws {
    (self.source, self.shape, self.strides, self.offset) = (source, shape, strides, offset)
    try require(shape.count == strides.count, "there must be one stride an axis")
    let count = try Tensor.elementCount(of: shape, element: source.element)
    guard count > 0 else { return }
    var (low, high) = (offset, offset)
    for (size, stride) in zip(shape, strides) {
      let (reach, overflow) = stride.multipliedReportingOverflow(by: size - 1)
      let (sum, carried) = (reach < 0 ? low : high).addingReportingOverflow(reach)
      try require(!overflow && !carried, "strides \(strides) lead outside the tensor")
      if reach < 0 { low = sum } else { high = sum }
    }
    try require(low >= 0 && high < source.count, "strides \(strides) lead outside the tensor \(source.shape)")
  }

  /// The copy.
  func copied() throws -> Tensor { try dispatch(on: source.element) }

  func run<Word: TensorScalar & FixedWidthInteger>(_ type: Word.Type) throws -> Tensor {
    try source.withWords(as: Word.self) { from in
      try Tensor.filledWords(source.element, shape, as: Word.self) { to in
        guard to.count > 0 else { return }
        copy(from, to)
      }
    }
  }

  private func copy<Word: TensorScalar>(_ from: UnsafeBufferPointer<Word>, _ to: UnsafeMutableBufferPointer<Word>) {
    let axes = mergedAxes()
    let inner = axes.last ?? (size: 1, stride: 1)
    let outer = axes.dropLast()
    var counters = [Int](repeating: 0, count: outer.count)
    var (start, position) = (0, offset)
    while true {
      if inner.stride == 1 {
        _ = UnsafeMutableBufferPointer(rebasing: to[start..<(start &+ inner.size)])
          .update(fromContentsOf: from[position..<(position &+ inner.size)])
      } else {
        for i in 0..<inner.size { to[start &+ i] = from[position &+ i &* inner.stride] }
      }
      start &+= inner.size
      var axis = outer.count - 1
      while axis >= 0 {
        counters[axis] &+= 1
        position &+= outer[axis].stride
        if counters[axis] < outer[axis].size { break }
        counters[axis] = 0
        position &-= outer[axis].stride &* outer[axis].size
        axis -= 1
      }
      if axis < 0 { return }
    }
  }

  /// The axes without those of size 1, neighbours that are walked through as one merged.
  private func mergedAxes() -> [(size: Int, stride: Int)] {
    var merged: [(size: Int, stride: Int)] = []
    for axis in shape.indices where shape[axis] != 1 {
      if let last = merged.last, last.stride == strides[axis] &* shape[axis] {
        merged[merged.count - 1] = (last.size &* shape[axis], strides[axis])
      } else {
        merged.append((shape[axis], strides[axis]))
      }
    }
    return merged
  }
}
