import GraphIR
import Tensors

/// An operation that computes each element of its result from one element of its input.
protocol UnaryOperation: GraphOperation {
  /// The element of an integer tensor of which only an expression is known.
  func apply(symbol: Dimension) -> Dimension
}

extension UnaryOperation {
  func apply(symbol: Dimension) -> Dimension { .unknown }

  public func infer(_ inputs: Operands<ValueInfo>) throws -> [ValueInfo] {
    let input = try inputs[0]
    return [ValueInfo(input.type, contents: input.contents?.map(apply(symbol:)))]
  }
}

/// A unary operation on numbers of every type.
protocol UnaryNumberOperation: UnaryOperation {
  func apply<Number: Arithmetic>(_ value: Number) -> Number
}

/// A unary operation on floating-point numbers.
protocol UnaryRealOperation: UnaryOperation {
  func apply<Number: RealArithmetic>(_ value: Number) -> Number
}

extension UnaryNumberOperation {
  public func evaluate(_ inputs: Operands<Tensor>) throws -> [Tensor] {
    let input = try inputs[0]
    return [try UnaryNumberLoop(operation: self, input: input).dispatch(on: input.element)]
  }
}

extension UnaryRealOperation {
  public func evaluate(_ inputs: Operands<Tensor>) throws -> [Tensor] {
    let input = try inputs[0]
    return [try UnaryRealLoop(operation: self, input: input).dispatch(on: input.element)]
  }
}

private struct UnaryNumberLoop<Operation: UnaryNumberOperation>: NumberComputation {
  let operation: Operation
  let input: Tensor

  func run<Scalar: NumberScalar>(_ type: Scalar.Type) throws -> Tensor {
    try input.withElements(as: Scalar.self) { values in
      try Tensor.filled(Scalar.self, input.shape) { result in
        for i in 0..<values.count { result[i] = Scalar(number: operation.apply(values[i].number)) }
      }
    }
  }
}

private struct UnaryRealLoop<Operation: UnaryRealOperation>: RealComputation {
  let operation: Operation
  let input: Tensor

  func run<Scalar: RealScalar>(_ type: Scalar.Type) throws -> Tensor {
    try input.withElements(as: Scalar.self) { values in
      try Tensor.filled(Scalar.self, input.shape) { result in
        for i in 0..<values.count { result[i] = Scalar(number: operation.apply(values[i].number)) }
      }
    }
  }
}
