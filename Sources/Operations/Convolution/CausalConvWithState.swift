import GraphIR
import Tensors

/// A convolution of each channel of `data [batch, channels, length]` with its own kernel `[channels, 1, k]`, which sees no later element.
///
/// The k − 1 elements before the first are `past_state [batch, channels, k − 1]`, 0 without it; the second result is the last k − 1 of all.
public struct CausalConvWithState: GraphOperation {
  public enum Activation: String, Hashable, Sendable, CaseIterable, AttributeConvertible {
    case none
    /// x · sigmoid(x), under either name.
    case silu
    case swish
  }

  public var activation = Activation.none

  public init() {}

  public static let schema = Schema<Self>(
    "CausalConvWithState", inputs: ["data", "weights", .optional("bias"), .optional("past_state")], outputs: 1...2,
    attributes: [.init("activation", \.activation)], spellings: [.onnx("CausalConvWithState", since: 27)])

  public func infer(_ inputs: Operands<ValueInfo>) throws -> [ValueInfo] {
    let (data, weights) = (try inputs[0], try inputs[1])
    for input in [data, weights] {
      if let rank = input.rank { try require(rank == 3, "3 axes were expected, found \(input.type)") }
    }
    let sizes = data.shape.dimensions ?? [.unknown, .unknown, .unknown]
    let kernel = weights.shape.dimensions?[2] ?? .unknown
    let state = ValueInfo(data.element, [sizes[0], sizes[1], kernel - 1])
    return [ValueInfo(data.element, Shape(sizes)), state]
  }

  public func evaluate(_ inputs: Operands<Tensor>) throws -> [Tensor] {
    let (data, weights) = (try inputs[0], try inputs[1])
    try require(
      data.rank == 3 && weights.rank == 3 && weights.shape[2] > 0, "weights \(weights.shape) don't fit \(data.shape)")
    let stateShape = [data.shape[0], data.shape[1], weights.shape[2] - 1]
    let past = try inputs.optional(3) ?? Tensor(element: data.element, shape: stateShape) { _ in }
    try require(past.shape == stateShape, "a state of shape \(stateShape) was expected, found \(past.shape)")
    let whole = try Concat(axis: 2).evaluate(Operands([past, data]))[0]
    var conv = Conv()
    conv.group = data.shape[1]
    var result = try conv.evaluate(Operands([whole, weights, inputs.optional(2)]))[0]
    if activation != .none { result = try Swish().evaluate(Operands([result]))[0] }
    let bounds = [data.shape[2], whole.shape[2], 2].map { Tensor([Int64($0)]) }
    return [result] + (try Slice().evaluate(Operands([whole, bounds[0], bounds[1], bounds[2]])))
  }
}
