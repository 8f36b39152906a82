import GraphIR
import Tensors

/// An operation that gives a boolean for every floating-point element.
protocol ClassificationOperation: GraphOperation {
  func test<Number: RealArithmetic>(_ value: Number) -> Bool
}

extension ClassificationOperation {
  public func infer(_ inputs: Operands<ValueInfo>) throws -> [ValueInfo] {
    [ValueInfo(.bool, try inputs[0].shape)]
  }

  public func evaluate(_ inputs: Operands<Tensor>) throws -> [Tensor] {
    let input = try inputs[0]
    return [try ClassificationLoop(operation: self, input: input).dispatch(on: input.element)]
  }
}

private struct ClassificationLoop<Operation: ClassificationOperation>: RealComputation {
  let operation: Operation
  let input: Tensor

  func run<Scalar: RealScalar>(_ type: Scalar.Type) throws -> Tensor {
    try input.withElements(as: Scalar.self) { values in
      try Tensor.filledBooleans(input.shape) { result in
        for i in 0..<values.count { result[i] = operation.test(values[i].number) ? 1 : 0 }
      }
    }
  }
}

/// Whether an element is not a number.
public struct IsNaN: ClassificationOperation {
  public init() {}

  public static let schema = Schema<Self>(
    "IsNaN", inputs: ["input"], spellings: [.onnx("IsNaN", since: 9), .openVINO("IsNaN", since: 10)])

  func test<Number: RealArithmetic>(_ value: Number) -> Bool { value.isNaN }
}

/// Whether an element is infinite, of the signs asked for.
public struct IsInf: ClassificationOperation {
  public var detectNegative = true
  public var detectPositive = true

  public init() {}

  public static let schema = Schema<Self>(
    "IsInf", inputs: ["input"],
    attributes: [.init("detect_negative", \.detectNegative), .init("detect_positive", \.detectPositive)],
    spellings: [.onnx("IsInf", since: 10), .openVINO("IsInf", since: 10)])

  func test<Number: RealArithmetic>(_ value: Number) -> Bool {
    value.isInfinite && (value < 0 ? detectNegative : detectPositive)
  }
}
