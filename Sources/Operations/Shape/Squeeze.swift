import GraphIR
import Tensors

/// Without the axes of size 1 that `axes` names, or without all of them.
public struct Squeeze: GraphOperation {
  public init() {}

  public static let schema = Schema<Self>(
    "Squeeze", inputs: ["data", .optional("axes")], spellings: [.onnx("Squeeze", since: 13), .openVINO("Squeeze")])

  public func infer(_ inputs: Operands<ValueInfo>) throws -> [ValueInfo] {
    let data = try inputs[0]
    guard let dimensions = data.shape.dimensions else { return [ValueInfo(data.element, .unranked)] }
    guard let axes = inputs.optional(1) else {
      // Which axes are of size 1 must be known.
      guard dimensions.allSatisfy({ $0.constant != nil }) else { return [ValueInfo(data.element, .unranked)] }
      let kept = dimensions.filter { $0.constant != 1 }
      return [ValueInfo(TensorType(data.element, Shape(kept)), contents: data.contents)]
    }
    guard let named = axes.integers else {
      return [ValueInfo(data.element, unknownShape(rank: axes.listCount.map { max(dimensions.count - $0, 0) }))]
    }
    let removed = Set(try normalizedAxes(named, rank: dimensions.count))
    for axis in removed {
      if let size = dimensions[axis].constant { try require(size == 1, "axis \(axis) has size \(size), not 1") }
    }
    let kept = dimensions.indices.filter { !removed.contains($0) }.map { dimensions[$0] }
    return [ValueInfo(TensorType(data.element, Shape(kept)), contents: data.contents)]
  }

  public func evaluate(_ inputs: Operands<Tensor>) throws -> [Tensor] {
    let data = try inputs[0]
    guard let axes = inputs.optional(1) else { return [try data.reshaped(to: data.shape.filter { $0 != 1 })] }
    let removed = Set(try normalizedAxes(try axes.listedIntegers(), rank: data.rank))
    for axis in removed { try require(data.shape[axis] == 1, "axis \(axis) has size \(data.shape[axis]), not 1") }
    return [try data.reshaped(to: data.shape.indices.filter { !removed.contains($0) }.map { data.shape[$0] })]
  }
}

/// With further axes of size 1, which are `axes` of the result.
public struct Unsqueeze: GraphOperation {
  public init() {}

  public static let schema = Schema<Self>(
    "Unsqueeze", inputs: ["data", "axes"], spellings: [.onnx("Unsqueeze", since: 13), .openVINO("Unsqueeze")])

  public func infer(_ inputs: Operands<ValueInfo>) throws -> [ValueInfo] {
    let data = try inputs[0]
    let axes = try inputs[1]
    guard let dimensions = data.shape.dimensions else { return [ValueInfo(data.element, .unranked)] }
    guard let named = axes.integers else {
      let added = axes.listCount.flatMap { $0 <= rankLimit ? $0 : nil }
      return [ValueInfo(data.element, unknownShape(rank: added.map { $0 + dimensions.count }))]
    }
    let shape = Shape(try inserting(named, into: dimensions, one: 1))
    return [ValueInfo(TensorType(data.element, shape), contents: data.contents)]
  }

  public func evaluate(_ inputs: Operands<Tensor>) throws -> [Tensor] {
    let data = try inputs[0]
    return [try data.reshaped(to: try inserting(try inputs[1].listedIntegers(), into: data.shape, one: 1))]
  }

  private func inserting<Size>(_ axes: [Int], into sizes: [Size], one: Size) throws -> [Size] {
    try require(axes.count <= rankLimit, "\(axes.count) axes are too many")
    let added = Set(try normalizedAxes(axes, rank: sizes.count + axes.count))
    var rest = sizes[...]
    return (0..<sizes.count + axes.count).map { added.contains($0) ? one : rest.removeFirst() }
  }
}
