import GraphIR
import Tensors

/// Parts of the input along `axis`, of the sizes that `split` lists, or as `parts` parts of which the last may be smaller.
public struct Split: GraphOperation {
  public var axis = 0
  public var parts: Int?

  public init() {}

  public init(axis: Int, parts: Int? = nil) {
    self.axis = axis
    self.parts = parts
  }

  public static let schema = Schema<Self>(
    "Split", inputs: ["input", .optional("split")], outputs: 1...Int.max,
    attributes: [.init("axis", \.axis), .init("num_outputs", \.parts)], spellings: [.onnx("Split", since: 18)])

  /// How many parts there may be.
  private static let partsLimit = 1 << 16

  public func infer(_ inputs: Operands<ValueInfo>) throws -> [ValueInfo] {
    let input = try inputs[0]
    guard let dimensions = input.shape.dimensions else {
      let count = inputs.optional(1)?.listCount ?? parts ?? 1
      try require(count > 0 && count <= Split.partsLimit, "\(count) parts can't be made")
      return Array(repeating: ValueInfo(input.element, .unranked), count: count)
    }
    let axis = try normalizedAxis(axis, rank: dimensions.count)
    let results = try sizes(of: dimensions[axis], inputs.optional(1)).map { size in
      var shape = dimensions
      shape[axis] = size
      return ValueInfo(input.element, Shape(shape))
    }
    return movingContents(inputs, moved: [0], into: results)
  }

  private func sizes(of total: Dimension, _ split: ValueInfo?) throws -> [Dimension] {
    if let split {
      if let listed = try split.listedSizes() {
        if let length = total.constant, let sum = listed.reduce(Dimension(0), +).constant {
          try require(sum == length, "parts of \(sum) elements in all don't make up \(length)")
        }
        return listed.map(\.asSize)
      }
      guard let count = split.listCount, count <= Split.partsLimit else {
        throw ModelError.unsupported("a split into an unknown number of parts")
      }
      return Array(repeating: .unknown, count: count)
    }
    let count = try checkedParts()
    if let length = total.constant { return evenSizes(of: length, count).map { Dimension($0) } }
    if let size = total.dividedExactly(by: Dimension(count)) { return Array(repeating: size, count: count) }
    let size = Dimension.ceilingDivision(total, Dimension(count))
    return Array(repeating: size, count: count - 1) + [total - size * Dimension(count - 1)]
  }

  private func checkedParts() throws -> Int {
    guard let parts else { throw ModelError.invalid("neither 'split' nor 'num_outputs' says how many parts to make") }
    try require(parts > 0 && parts <= Split.partsLimit, "\(parts) parts can't be made")
    return parts
  }

  private func evenSizes(of length: Int, _ count: Int) -> [Int] {
    let size = length / count + (length % count == 0 ? 0 : 1)
    var rest = length
    return (0..<count).map { _ in
      let part = min(size, rest)
      rest -= part
      return part
    }
  }

  public func evaluate(_ inputs: Operands<Tensor>) throws -> [Tensor] {
    let input = try inputs[0]
    let axis = try normalizedAxis(axis, rank: input.rank)
    let sizes = try inputs.optional(1)?.listedIntegers() ?? evenSizes(of: input.shape[axis], try checkedParts())
    let strides = denseStrides(input.shape)
    var start = 0
    let results = try sizes.map { size in
      try require(
        size >= 0 && size <= input.shape[axis] - start, "parts of \(sizes) don't make up \(input.shape[axis])")
      var shape = input.shape
      shape[axis] = size
      defer { start += size }
      return try StridedCopy(input, shape: shape, strides: strides, offset: start &* strides[axis]).copied()
    }
    try require(start == input.shape[axis], "parts of \(sizes) don't make up \(input.shape[axis])")
    return results
  }
}
