import GraphIR
import Tensors

/// A copy of `data` in which the slices that the rows of `indices` name are replaced by, or combined with, those of `updates`.
public struct ScatterND: GraphOperation {
  public var reduction = ScatterReduction.none

  public init() {}

  public static let schema = Schema<Self>(
    "ScatterND", inputs: ["data", "indices", "updates"], attributes: [.init("reduction", \.reduction)],
    spellings: [.onnx("ScatterND", since: 11), .openVINO("ScatterNDUpdate", since: 3)])

  public func infer(_ inputs: Operands<ValueInfo>) throws -> [ValueInfo] {
    let data = try inputs[0]
    _ = try commonElement([data, try inputs[2]])
    if let rank = data.rank, let depth = try inputs[1].shape.dimensions?.last?.constant {
      try require(depth >= 0 && depth <= rank, "tuples of \(depth) don't fit data of rank \(rank)")
    }
    return [ValueInfo(data.type)]
  }

  public func evaluate(_ inputs: Operands<Tensor>) throws -> [Tensor] {
    let data = try inputs[0]
    let indices = try inputs[1]
    let updates = try inputs[2]
    guard let depth = indices.shape.last, depth <= data.rank else {
      throw ModelError.invalid("indices \(indices.shape) don't fit data \(data.shape)")
    }
    let rest = Array(data.shape[depth...])
    try require(
      updates.shape == indices.shape.dropLast() + rest,
      "updates must have the shape \(Array(indices.shape.dropLast()) + rest), found \(updates.shape)")
    guard data.count > 0 else { return [data] }
    let run = try checkedProduct(rest)
    // A tuple of no indices names the whole of the data.
    let rows = try checkedProduct(indices.shape.dropLast())
    let slices =
      depth == 0
      ? Array(repeating: 0, count: rows) : try slicePositions(indices, axes: Array(data.shape[..<depth]), batches: 1)
    let positions = slices.map { $0 &* run }
    return [
      try Scatter(data: data, positions: positions, updates: updates, run: run, reduction: reduction).scattered()
    ]
  }
}

/// A copy of `data` in which elements whose position along `axis` is that which `indices` holds are replaced by, or combined
/// with, those of `updates`.
public struct ScatterElements: GraphOperation {
  public var axis = 0
  public var reduction = ScatterReduction.none

  public init() {}

  public static let schema = Schema<Self>(
    "ScatterElements", inputs: ["data", "indices", "updates"],
    attributes: [.init("axis", \.axis), .init("reduction", \.reduction)],
    spellings: [.onnx("ScatterElements", since: 11)])

  public func infer(_ inputs: Operands<ValueInfo>) throws -> [ValueInfo] {
    let data = try inputs[0]
    _ = try commonElement([data, try inputs[2]])
    if let rank = data.rank { _ = try normalizedAxis(axis, rank: rank) }
    return [ValueInfo(data.type)]
  }

  public func evaluate(_ inputs: Operands<Tensor>) throws -> [Tensor] {
    let data = try inputs[0]
    let indices = try inputs[1]
    let updates = try inputs[2]
    try require(
      updates.shape == indices.shape, "updates \(updates.shape) and indices \(indices.shape) must have one shape")
    let positions = try elementPositions(indices, axis: axis, in: data.shape)
    return [
      try Scatter(data: data, positions: positions, updates: updates, run: 1, reduction: reduction).scattered()
    ]
  }
}
