import GraphIR
import Tensors

/// Queries or keys turned by their positions: `input` · `cosines` + rotated(`input`) · `sines`.
///
/// Pairs of features along the last axis, of an even number, are points that turn by a right angle: feature *i* pairs with the one half
/// of all features further on, or neighbours pair where `interleaved`. Cosines and sines broadcast to the input; unlike those of
/// `RotaryEmbedding` they have a number for each feature. As code, for the last axis:
///
///     let (first, second) = interleaved ? (input[::2], input[1::2]) : input.halves
///     let rotated = interleaved ? zip(-second, first) : -second + first     // joined
///     return input * cosines + rotated * sines
public struct RotaryPosition: GraphOperation {
  public var interleaved = false

  public init() {}

  public init(interleaved: Bool) { self.interleaved = interleaved }

  public static let schema = Schema<Self>(
    "RotaryPosition", inputs: ["input", "cosines", "sines"], attributes: [.init("interleaved", \.interleaved)])

  public func infer(_ inputs: Operands<ValueInfo>) throws -> [ValueInfo] {
    let input = try inputs[0]
    if let features = input.shape.dimensions?.last?.constant {
      try require(features % 2 == 0, "an even number of features was expected, found \(input.type)")
    }
    _ = try commonElement([input, try inputs[1], try inputs[2]])
    for angles in [try inputs[1], try inputs[2]] {
      let shape = try Shape.broadcast(input.shape, angles.shape)
      try require((shape.rank ?? 0) <= (input.rank ?? .max), "\(angles.shape) does not broadcast to \(input.shape)")
    }
    return [ValueInfo(input.type)]
  }

  public func evaluate(_ inputs: Operands<Tensor>) throws -> [Tensor] { try evaluateDecomposed(inputs) }
}

extension RotaryPosition: CompositeOperation {
  public func decompose(_ inputs: [Value?], in graph: inout Graph) throws -> [Value] {
    let x = try required(inputs, 0)
    guard let rank = graph.type(of: x).rank, rank > 0, let size = graph.type(of: x).shape.dimensions?.last?.constant
    else { throw ModelError.unsupported("a rotary embedding of an unknown number of features") }
    func integers(_ values: [Int]) throws -> Value {
      try graph.addConstant(Tensor(integers: values, shape: [values.count]))
    }
    let kept = Array(repeating: 0, count: rank - 1)
    let pairs = interleaved ? try graph.insert(Reshape(), [x, integers(kept + [size / 2, 2])]) : x
    let half = interleaved ? 1 : size / 2
    let split = try graph.add(Split(axis: -1), [pairs, integers([half, half])], outputs: 2)
    let negated = try graph.insert(Neg(), [Value(split, 1)])
    var rotated = try graph.insert(Concat(axis: -1), [negated, Value(split, 0)])
    if interleaved { rotated = try graph.insert(Reshape(), [rotated, integers(kept + [size])]) }
    let straight = try graph.insert(Mul(), [x, required(inputs, 1)])
    return [try graph.insert(Add(), [straight, graph.insert(Mul(), [rotated, required(inputs, 2)])])]
  }
}
