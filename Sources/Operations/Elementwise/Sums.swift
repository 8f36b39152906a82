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

/// The sum of all inputs.
public struct Sum: VariadicOperation {
  public init() {}

  public static let schema = Schema<Self>(
    "Sum", inputs: [.variadic("inputs")], spellings: [.onnx("Sum", since: 8)])

  func combine<Number: Arithmetic>(_ left: Number, _ right: Number) -> Number { left.plus(right) }

  func combine(symbols left: Dimension, _ right: Dimension) -> Dimension { left + right }
}

/// The mean of all inputs.
public struct Mean: GraphOperation {
  public init() {}

  public static let schema = Schema<Self>(
    "Mean", inputs: [.variadic("inputs")], spellings: [.onnx("Mean", since: 8)])

  public func infer(_ inputs: Operands<ValueInfo>) throws -> [ValueInfo] {
    [ValueInfo(try Sum().infer(inputs)[0].type)]
  }

  public func evaluate(_ inputs: Operands<Tensor>) throws -> [Tensor] {
    let sum = try Sum().evaluate(inputs)[0]
    let count = try Tensor(doubles: [Double(inputs.present.count)], element: sum.element, shape: [])
    return [try Div().evaluate(sum, count)]
  }
}
