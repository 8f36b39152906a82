import GraphIR
import Tensors

/// x · Φ(x), the Gaussian error linear unit, exactly or by the `tanh` approximation.
public struct Gelu: UnaryRealOperation {
  public enum Approximation: String, Hashable, Sendable, CaseIterable, AttributeConvertible {
    /// ½·x·(1 + erf(x/√2)).
    case none
    /// ½·x·(1 + tanh(√(2/π)·(x + 0.044715·x³))).
    case tanh
  }

  public var approximate = Approximation.none

  public init() {}

  public init(approximate: Approximation) { self.approximate = approximate }

  public static let schema = Schema<Self>(
    "Gelu", inputs: ["input"], attributes: [.init("approximate", \.approximate)], spellings: [.onnx("Gelu", since: 20)])

  func apply<Number: RealArithmetic>(_ value: Number) -> Number {
    switch approximate {
    case .none:
      return 0.5 * value * (1 + .errorFunction(value * Number(0.5.squareRoot())))
    case .tanh:
      let cube = value * value * value
      return 0.5 * value * (1 + .hyperbolicTangent(Number((2 / Double.pi).squareRoot()) * (value + 0.044715 * cube)))
    }
  }
}

extension Gelu: CompositeOperation {
  public func decompose(_ inputs: [Value?], in graph: inout Graph) throws -> [Value] {
    let x = try required(inputs, 0)
    func number(_ value: Double) throws -> Value { try graph.insertNumber(value, like: x) }
    let inner: Value
    switch approximate {
    case .none: inner = try graph.insert(Erf(), [graph.insert(Mul(), [x, number(0.5.squareRoot())])])
    case .tanh:
      let cube = try graph.insert(Mul(), [graph.insert(Mul(), [x, x]), x])
      let sum = try graph.insert(Add(), [x, graph.insert(Mul(), [cube, number(0.044715)])])
      inner = try graph.insert(Tanh(), [graph.insert(Mul(), [sum, number((2 / Double.pi).squareRoot())])])
    }
    let half = try graph.insert(Mul(), [x, number(0.5)])
    return [try graph.insert(Mul(), [half, graph.insert(Add(), [inner, number(1)])])]
  }
}
