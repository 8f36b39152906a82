import GraphIR
import Tensors

/// The sum; integers wrap around.
public struct Add: BinaryOperation {
  public init() {}

  public static let schema = Schema<Self>(
    "Add", inputs: ["left", "right"], spellings: [.onnx("Add", since: 7), .openVINO("Add")])

  func combine<Number: Arithmetic>(_ left: Number, _ right: Number) -> Number { left.plus(right) }

  func combine(symbols left: Dimension, _ right: Dimension) -> Dimension { left + right }
}

/// The difference; integers wrap around.
public struct Sub: BinaryOperation {
  public init() {}

  public static let schema = Schema<Self>(
    "Sub", inputs: ["left", "right"], spellings: [.onnx("Sub", since: 7), .openVINO("Subtract")])

  func combine<Number: Arithmetic>(_ left: Number, _ right: Number) -> Number { left.minus(right) }

  func combine(symbols left: Dimension, _ right: Dimension) -> Dimension { left - right }
}
