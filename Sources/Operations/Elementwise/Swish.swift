import GraphIR

/// x · sigmoid(`alpha`·x), also called SiLU where `alpha` is 1.
public struct Swish: UnaryRealOperation {
  public var alpha = 1.0

  public init() {}

  public init(alpha: Double) { self.alpha = alpha }

  public static let schema = Schema<Self>(
    "Swish", inputs: ["input"], attributes: [.init("alpha", \.alpha)], spellings: [.onnx("Swish", since: 24)])

  func apply<Number: RealArithmetic>(_ value: Number) -> Number { value * logistic(Number(alpha) * value) }
}

extension Swish: CompositeOperation {
  public func decompose(_ inputs: [Value?], in graph: inout Graph) throws -> [Value] {
    let x = try required(inputs, 0)
    let scaled = alpha == 1 ? x : try graph.insert(Mul(), [x, graph.insertNumber(alpha, like: x)])
    return [try graph.insert(Mul(), [x, graph.insert(Sigmoid(), [scaled])])]
  }
}
