import GraphIR
import Tensors

/// `axes`, counted from the end where negative, as indices into `rank` axes. Throws where one is out of range or named twice.
package func normalizedAxes(_ axes: [Int], rank: Int) throws -> [Int] {
  let normalized = try axes.map { try normalizedAxis($0, rank: rank) }
  try require(Set(normalized).count == normalized.count, "the axes \(axes) name one axis twice")
  return normalized
}

/// The product of sizes that a file or an input gives. Throws where one is negative or the product overflows.
package func checkedProduct(_ sizes: [Int]) throws -> Int { try Tensor.elementCount(of: sizes, element: .uint8) }

extension ValueInfo {
  /// The number of elements of a list of axes, sizes and the like, where it is known.
  var listCount: Int? {
    guard let dimensions = shape.dimensions, dimensions.count <= 1 else { return nil }
    return dimensions.isEmpty ? 1 : dimensions[0].constant
  }

  /// The sizes that the value lists, those not known as `Dimension.unknown`; nil where not even their number is known.
  ///
  /// Throws where a size is negative or the value is no list.
  func listedSizes() throws -> [Dimension]? {
    if let rank { try require(rank <= 1, "a shape must have one axis, found \(type)") }
    guard let contents = contentsOrUnknown else { return nil }
    return try contents.map { size in
      if let size = size.constant { try require(size >= 0, "\(size) is no size") }
      return size
    }
  }
}

extension Tensor {
  /// The sizes that an input lists. Throws where it is no list of integers.
  func listedIntegers() throws -> [Int] {
    try require(rank <= 1, "a list of integers was expected, found \(element.rawValue)\(shape)")
    return try integers()
  }

  /// The one element of an integer tensor.
  func scalarInteger() throws -> Int {
    guard count == 1, let value = try integers().first else {
      throw ModelError.invalid("one integer was expected, found \(element.rawValue)\(shape)")
    }
    return value
  }
}

/// Zeros, one for each element of `shape`. Throws where there would be more than can be worked with.
func zeros(_ shape: [Int]) throws -> [Double] {
  let count = try Tensor.elementCount(of: shape, element: .float64)
  try require(count <= 1 << 31, "\(shape) has too many elements to be computed one by one")
  try AllocationLimit.check(count * MemoryLayout<Double>.stride)
  return Array(repeating: 0, count: count)
}

/// As many unknown sizes as `rank`; unranked where it is nil.
func unknownShape(rank: Int?) -> Shape { Shape(rank.map { Array(repeating: Dimension.unknown, count: $0) }) }

/// How many axes a shape in a file may have.
let rankLimit = 64
