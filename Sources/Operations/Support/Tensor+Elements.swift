import Tensors

extension Tensor {
  /// A tensor of `Scalar`, zero at first, that `fill` writes.
  static func filled<Scalar: TensorScalar>(
    _ type: Scalar.Type, _ shape: [Int], _ fill: (UnsafeMutableBufferPointer<Scalar>) throws -> Void
  ) throws -> Tensor {
    try Tensor(element: Scalar.elementType, shape: shape) { try fill($0.assumingMemoryBound(to: Scalar.self)) }
  }

  /// A tensor of booleans that `fill` writes as 0 and 1.
  static func filledBooleans(
    _ shape: [Int], _ fill: (UnsafeMutableBufferPointer<UInt8>) throws -> Void
  ) throws -> Tensor {
    try Tensor(element: .bool, shape: shape) { try fill($0.assumingMemoryBound(to: UInt8.self)) }
  }

  /// A tensor of `element`, of which only the width matters to `fill`.
  static func filledWords<Word: TensorScalar>(
    _ element: ElementType, _ shape: [Int], as type: Word.Type,
    _ fill: (UnsafeMutableBufferPointer<Word>) throws -> Void
  ) throws -> Tensor {
    try Tensor(element: element, shape: shape) { try fill($0.assumingMemoryBound(to: Word.self)) }
  }

  /// The elements as words of their width.
  func withWords<Word: TensorScalar, Result>(
    as type: Word.Type, _ body: (UnsafeBufferPointer<Word>) throws -> Result
  ) throws -> Result {
    try require(Word.elementType.byteCount == element.byteCount, "elements of another width were expected")
    return try withBytes { try body($0.assumingMemoryBound(to: Word.self)) }
  }

  /// The elements of a boolean tensor as bytes, of which every one but 0 is true.
  func withBooleans<Result>(_ body: (UnsafeBufferPointer<UInt8>) throws -> Result) throws -> Result {
    try require(element == .bool, "booleans were expected, found \(element.rawValue)\(shape)")
    return try withBytes { try body($0.assumingMemoryBound(to: UInt8.self)) }
  }
}

/// The product of sizes that belong to a tensor, which can't overflow unless one of its other sizes is 0.
func product(_ sizes: some Sequence<Int>) -> Int { sizes.reduce(1) { $0 &* $1 } }

/// Row-major strides, in elements.
func denseStrides(_ shape: [Int]) -> [Int] {
  var strides = [Int](repeating: 1, count: shape.count)
  for axis in shape.indices.dropLast().reversed() { strides[axis] = strides[axis + 1] &* shape[axis + 1] }
  return strides
}
