import GraphIR
import Tensors

/// The input broadcast with `shape` in both directions: an entry 1 keeps the size of that axis.
public struct Expand: GraphOperation {
  public init() {}

  public static let schema = Schema<Self>("Expand", inputs: ["input", "shape"], spellings: [.onnx("Expand", since: 8)])

  public func infer(_ inputs: Operands<ValueInfo>) throws -> [ValueInfo] {
    let input = try inputs[0]
    guard let sizes = try inputs[1].listedSizes() else { return [ValueInfo(input.element, .unranked)] }
    let target = Shape(sizes.map(\.asSize))
    let result = ValueInfo(input.element, try Shape.broadcast(input.shape, target))
    return movingContents(inputs, moved: [0], into: [result])
  }

  public func evaluate(_ inputs: Operands<Tensor>) throws -> [Tensor] {
    let input = try inputs[0]
    let target = try inputs[1].listedIntegers()
    _ = try checkedProduct(target)
    let shape = try broadcastShape([input.shape, target])
    return [
      try StridedCopy(input, shape: shape, strides: try BroadcastPlan.strides(of: input.shape, in: shape)).copied()
    ]
  }
}

/// The input repeated along every axis as often as `repeats` says.
public struct Tile: GraphOperation {
  public init() {}

  public static let schema = Schema<Self>("Tile", inputs: ["input", "repeats"], spellings: [.onnx("Tile", since: 6)])

  public func infer(_ inputs: Operands<ValueInfo>) throws -> [ValueInfo] {
    let input = try inputs[0]
    guard let dimensions = input.shape.dimensions else { return [ValueInfo(input.element, .unranked)] }
    guard let repeats = try inputs[1].listedSizes() else {
      return [ValueInfo(input.element, unknownShape(rank: dimensions.count))]
    }
    try require(repeats.count == dimensions.count, "\(repeats.count) repeats don't fit rank \(dimensions.count)")
    let shape = zip(dimensions, repeats).map { size, count in
      count.asSize.isUnknown ? Dimension.unknown : (size * count).asSize
    }
    return movingContents(inputs, moved: [0], into: [ValueInfo(input.element, Shape(shape))])
  }

  public func evaluate(_ inputs: Operands<Tensor>) throws -> [Tensor] {
    let input = try inputs[0]
    let repeats = try inputs[1].listedIntegers()
    try require(repeats.count == input.rank, "\(repeats.count) repeats don't fit rank \(input.rank)")
    let shape = try zip(input.shape, repeats).map { try checkedProduct([$0, $1]) }
    // Each axis becomes two, of which the outer one repeats.
    let doubled = zip(repeats, input.shape).flatMap { [$0, $1] }
    let strides = denseStrides(input.shape).flatMap { [0, $0] }
    return [try StridedCopy(input, shape: doubled, strides: strides).copied().reshaped(to: shape)]
  }
}
