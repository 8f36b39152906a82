import GraphIR
import Tensors

/// An operation that computes each element of its result from one element of either input, which broadcast to each other.
///
/// Both inputs and the result have one numeric element type.
protocol BinaryOperation: GraphOperation {
  func combine<Number: Arithmetic>(_ left: Number, _ right: Number) -> Number
  /// The element of an integer tensor where only expressions are known.
  func combine(symbols left: Dimension, _ right: Dimension) -> Dimension
  /// Throws where the operation is not defined for these right operands.
  func check(divisor: Tensor) throws
}

extension BinaryOperation {
  func combine(symbols left: Dimension, _ right: Dimension) -> Dimension { .unknown }

  func check(divisor: Tensor) throws {}

  public func infer(_ inputs: Operands<ValueInfo>) throws -> [ValueInfo] {
    let operands = [try inputs[0], try inputs[1]]
    let type = TensorType(try commonElement(operands), try broadcastShape(operands))
    try require(type.element != .bool, "numbers were expected, found booleans")
    return [
      ValueInfo(type, contents: broadcastContents(operands, to: type.shape) { combine(symbols: $0[0], $0[1]) })
    ]
  }

  public func evaluate(_ inputs: Operands<Tensor>) throws -> [Tensor] {
    [try evaluate(try inputs[0], try inputs[1])]
  }

  func evaluate(_ left: Tensor, _ right: Tensor) throws -> Tensor {
    try require(
      left.element == right.element,
      "the inputs must have one element type, found \(left.element.rawValue) and \(right.element.rawValue)")
    try check(divisor: right)
    let shape = try broadcastShape([left.shape, right.shape])
    let plan = try BroadcastPlan([left.shape, right.shape], to: shape)
    return try BinaryLoop(operation: self, left: left, right: right, shape: shape, plan: plan)
      .dispatch(on: left.element)
  }
}

private struct BinaryLoop<Operation: BinaryOperation>: NumberComputation {
  let operation: Operation
  let left: Tensor
  let right: Tensor
  let shape: [Int]
  let plan: BroadcastPlan

  func run<Scalar: NumberScalar>(_ type: Scalar.Type) throws -> Tensor {
    try left.withElements(as: Scalar.self) { first in
      try right.withElements(as: Scalar.self) { second in
        try Tensor.filled(Scalar.self, shape) { result in
          combineBroadcast(plan, first, second, result) { Scalar(number: operation.combine($0.number, $1.number)) }
        }
      }
    }
  }
}

/// Whether an integer tensor holds a 0.
func containsZero(_ tensor: Tensor) throws -> Bool {
  struct Search: WordComputation {
    let tensor: Tensor
    func run<Word: TensorScalar & FixedWidthInteger>(_ type: Word.Type) throws -> Bool {
      try tensor.withWords(as: Word.self) { $0.contains(0) }
    }
  }
  return try Search(tensor: tensor).dispatch(on: tensor.element)
}
