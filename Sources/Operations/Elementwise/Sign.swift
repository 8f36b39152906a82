import GraphIR
import Tensors

/// The magnitude of every element; that of the least integer wraps around to itself.
public struct Abs: UnaryNumberOperation {
  public init() {}

  public static let schema = Schema<Self>(
    "Abs", inputs: ["input"], spellings: [.onnx("Abs", since: 6), .openVINO("Abs")])

  func apply<Number: Arithmetic>(_ value: Number) -> Number { value.absolute }

  func apply(symbol: Dimension) -> Dimension { symbol.isAtLeast(0) ? symbol : .unknown }
}

/// Every element with the opposite sign.
public struct Neg: UnaryNumberOperation {
  public init() {}

  public static let schema = Schema<Self>(
    "Neg", inputs: ["input"], spellings: [.onnx("Neg", since: 6), .openVINO("Negative")])

  func apply<Number: Arithmetic>(_ value: Number) -> Number { value.negated }

  func apply(symbol: Dimension) -> Dimension { Dimension(0) - symbol }
}

/// −1, 0 or 1 by the sign of every element; NaN stays NaN.
public struct Sign: UnaryNumberOperation {
  public init() {}

  public static let schema = Schema<Self>(
    "Sign", inputs: ["input"], spellings: [.onnx("Sign", since: 9), .openVINO("Sign")])

  func apply<Number: Arithmetic>(_ value: Number) -> Number {
    if value > .zero { return .one }
    return value < .zero ? Number.one.negated : value
  }
}
