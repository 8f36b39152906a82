import GraphIR
import Tensors

/// The greatest of all inputs, NaN where one of them is.
public struct Max: VariadicOperation {
  public init() {}

  public static let schema = Schema<Self>(
    "Max", inputs: [.variadic("inputs")], spellings: [.onnx("Max", since: 8), .openVINO("Maximum")])

  func combine<Number: Arithmetic>(_ left: Number, _ right: Number) -> Number { left.maximum(right) }

  func combine(symbols left: Dimension, _ right: Dimension) -> Dimension {
    left.isUnknown || right.isUnknown ? .unknown : .maximum(left, right)
  }
}

/// The least of all inputs, NaN where one of them is.
public struct Min: VariadicOperation {
  public init() {}

  public static let schema = Schema<Self>(
    "Min", inputs: [.variadic("inputs")], spellings: [.onnx("Min", since: 8), .openVINO("Minimum")])

  func combine<Number: Arithmetic>(_ left: Number, _ right: Number) -> Number { left.minimum(right) }

  func combine(symbols left: Dimension, _ right: Dimension) -> Dimension {
    left.isUnknown || right.isUnknown ? .unknown : .minimum(left, right)
  }
}
