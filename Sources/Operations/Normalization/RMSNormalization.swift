import GraphIR
import Tensors

/// x / √(mean(x²) + `epsilon`) · `scale`, with the mean over `axis` and all axes after it.
public struct RMSNormalization: GraphOperation {
  public var axis = -1
  public var epsilon = 1e-5
  /// ONNX's number of the type that the mean is computed in: 1 is 32 bits, which is what narrower types get here.
  public var stashType = 1

  public init() {}

  public static let schema = Schema<Self>(
    "RMSNormalization", inputs: ["input", "scale"],
    attributes: [.init("axis", \.axis), .init("epsilon", \.epsilon), .init("stash_type", \.stashType)],
    spellings: [.onnx("RMSNormalization", since: 23)])

  public func infer(_ inputs: Operands<ValueInfo>) throws -> [ValueInfo] {
    let input = try inputs[0]
    if let rank = input.rank { _ = try normalizedAxis(axis, rank: rank) }
    return [ValueInfo(input.type)]
  }

  public func evaluate(_ inputs: Operands<Tensor>) throws -> [Tensor] {
    let input = try inputs[0]
    let axis = try normalizedAxis(axis, rank: input.rank)
    let rows = Standardization(
      input: input, groups: try checkedProduct(Array(input.shape[..<axis])), groupSize: product(input.shape[axis...]),
      epsilon: epsilon, centers: false)
    return [try scaledAndShifted(try rows.dispatch(on: input.element).result, by: try inputs[1], nil)]
  }
}

extension RMSNormalization: CompositeOperation {
  public func decompose(_ inputs: [Value?], in graph: inout Graph) throws -> [Value] {
    let input = try required(inputs, 0)
    let element = graph.type(of: input).element
    let x = try graph.insertCast(input, to: element == .float64 ? .float64 : .float32)
    let mean = try graph.insertMean(
      graph.insert(Mul(), [x, x]), overLast: graph.axisCount(of: input, from: axis))
    let sum = try graph.insert(Add(), [mean, graph.insertNumber(epsilon, like: x)])
    let result = try graph.insertCast(graph.insert(Div(), [x, graph.insert(Sqrt(), [sum])]), to: element)
    return [try graph.insert(Mul(), [result, required(inputs, 1)])]
  }
}
