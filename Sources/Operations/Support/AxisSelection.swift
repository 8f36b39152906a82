import Tensors

/// The slices of a tensor along one axis that `indices` names, in that order; a negative index stands for `fill`.
struct AxisSelection: WordComputation {
  let source: Tensor
  let axis: Int
  let indices: [Int]
  /// The bits of what a negative index stands for.
  let fill: UInt64

  /// Throws where an index lies beyond the axis.
  init(_ source: Tensor, axis: Int, indices: [Int], fill: UInt64 = 0) throws {
    (self.source, self.axis, self.indices, self.fill) = (source, axis, indices, fill)
    let size = source.shape[axis]
    try require(indices.allSatisfy { $0 < size }, "an index is out of range for an axis of size \(size)")
  }

  func selected() throws -> Tensor { try dispatch(on: source.element) }

  func run<Word: TensorScalar & FixedWidthInteger>(_ type: Word.Type) throws -> Tensor {
    var shape = source.shape
    let size = shape[axis]
    shape[axis] = indices.count
    return try source.withWords(as: Word.self) { from in
      try Tensor.filledWords(source.element, shape, as: Word.self) { to in
        guard to.count > 0 else { return }
        let inner = product(shape[(axis + 1)...])
        let fill = Word(truncatingIfNeeded: fill)
        var position = 0
        for block in 0..<to.count / (indices.count &* inner) {
          let base = block &* size &* inner
          for index in indices {
            if index < 0 {
              for i in 0..<inner { to[position &+ i] = fill }
            } else if inner == 1 {
              to[position] = from[base &+ index]
            } else {
              let start = base &+ index &* inner
              _ = UnsafeMutableBufferPointer(rebasing: to[position..<(position &+ inner)])
                .update(fromContentsOf: from[start..<(start &+ inner)])
            }
            position &+= inner
          }
        }
      }
    }
  }
}

/// `indices` with negative ones counted from the end of an axis of `size`. Throws where one is out of range.
package func normalizedIndices(_ indices: [Int], size: Int) throws -> [Int] {
  var result = indices
  for position in result.indices {
    let index = result[position]
    guard index >= -size, index < size else {
      throw ModelError.invalid("the index \(index) is out of range for an axis of size \(size)")
    }
    if index < 0 { result[position] = index + size }
  }
  return result
}
