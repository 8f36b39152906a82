import GraphIR
import Tensors

/// Each group of channels (axis 1) of each batch entry brought to mean 0 and variance 1, then scaled and shifted channel by channel.
public struct GroupNormalization: GraphOperation {
  public var groups = 1
  public var epsilon = 1e-5
  /// ONNX's number of the type that mean and variance are computed in: 1 is 32 bits, which is what narrower types get here.
  public var stashType = 1

  public init() {}

  public static let schema = Schema<Self>(
    "GroupNormalization", inputs: ["input", "scale", "bias"],
    attributes: [
      .init("num_groups", \.groups), .init("epsilon", \.epsilon), .init("stash_type", \.stashType),
    ],
    spellings: [.onnx("GroupNormalization", since: 21), .openVINO("GroupNormalization", since: 12)])

  public func infer(_ inputs: Operands<ValueInfo>) throws -> [ValueInfo] {
    let input = try inputs[0]
    if let dimensions = input.shape.dimensions {
      try require(dimensions.count >= 2, "2 axes or more were expected, found \(input.type)")
      try require(groups > 0, "\(groups) groups can't be made")
      if let channels = dimensions[1].constant {
        try require(channels % groups == 0, "\(channels) channels can't be shared out among \(groups) groups")
      }
    }
    return [ValueInfo(input.type)]
  }

  public func evaluate(_ inputs: Operands<Tensor>) throws -> [Tensor] {
    let input = try inputs[0]
    return [
      try normalizedByGroups(
        input, groups: groups, epsilon: epsilon, scale: try inputs[1], bias: try inputs[2])
    ]
  }
}

/// Each channel (axis 1) of each batch entry brought to mean 0 and variance 1, then scaled and shifted.
public struct InstanceNormalization: GraphOperation {
  public var epsilon = 1e-5

  public init() {}

  public static let schema = Schema<Self>(
    "InstanceNormalization", inputs: ["input", "scale", "bias"], attributes: [.init("epsilon", \.epsilon)],
    spellings: [.onnx("InstanceNormalization", since: 6)])

  public func infer(_ inputs: Operands<ValueInfo>) throws -> [ValueInfo] {
    let input = try inputs[0]
    if let rank = input.rank { try require(rank >= 2, "2 axes or more were expected, found \(input.type)") }
    return [ValueInfo(input.type)]
  }

  public func evaluate(_ inputs: Operands<Tensor>) throws -> [Tensor] {
    let input = try inputs[0]
    try require(input.rank >= 2, "2 axes or more were expected, found \(input.shape)")
    return [
      try normalizedByGroups(
        input, groups: input.shape[1], epsilon: epsilon, scale: try inputs[1], bias: try inputs[2])
    ]
  }
}

private func normalizedByGroups(
  _ input: Tensor, groups: Int, epsilon: Double, scale: Tensor, bias: Tensor
) throws -> Tensor {
  try require(input.rank >= 2, "2 axes or more were expected, found \(input.shape)")
  let channels = input.shape[1]
  guard input.count > 0 else { return input }
  try require(
    groups > 0 && channels % groups == 0, "\(channels) channels can't be shared out among \(groups) groups")
  try require(
    scale.shape == [channels] && bias.shape == [channels],
    "scale \(scale.shape) and bias \(bias.shape) must have the shape [\(channels)]")
  let count = input.shape[0] &* groups
  let normalized = try Standardization(input: input, groups: count, groupSize: input.count / count, epsilon: epsilon)
    .dispatch(on: input.element).result
  let parameterShape = [channels] + input.shape.dropFirst(2).map { _ in 1 }
  return try scaledAndShifted(
    normalized, by: try scale.reshaped(to: parameterShape), try bias.reshaped(to: parameterShape))
}
