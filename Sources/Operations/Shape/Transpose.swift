import GraphIR
import Tensors

/// The axes in another order: axis *i* of the result is axis `perm[i]` of the input; without `perm` the order is reversed.
public struct Transpose: GraphOperation {
  public var permutation: [Int]?

  public init() {}

  public init(_ permutation: [Int]) { self.permutation = permutation }

  public static let schema = Schema<Self>(
    "Transpose", inputs: ["data"], attributes: [.init("perm", \.permutation)], spellings: [.onnx("Transpose")])

  public func infer(_ inputs: Operands<ValueInfo>) throws -> [ValueInfo] {
    let data = try inputs[0]
    guard let dimensions = data.shape.dimensions else {
      return [ValueInfo(data.element, unknownShape(rank: permutation?.count))]
    }
    let order = try order(rank: dimensions.count)
    return movingContents(inputs, moved: [0], into: [ValueInfo(data.element, Shape(order.map { dimensions[$0] }))])
  }

  public func evaluate(_ inputs: Operands<Tensor>) throws -> [Tensor] {
    let data = try inputs[0]
    let order = try order(rank: data.rank)
    let strides = denseStrides(data.shape)
    return [
      try StridedCopy(data, shape: order.map { data.shape[$0] }, strides: order.map { strides[$0] }).copied()
    ]
  }

  /// The permutation for `rank` axes. Throws where it is none.
  public func order(rank: Int) throws -> [Int] {
    guard let permutation else { return (0..<rank).reversed() }
    let order = try normalizedAxes(permutation, rank: rank)
    try require(order.count == rank, "the permutation \(permutation) does not fit rank \(rank)")
    return order
  }
}
