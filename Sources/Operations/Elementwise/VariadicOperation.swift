import GraphIR
import Tensors

/// An operation that folds any number of inputs, which broadcast to each other, with a binary operation.
protocol VariadicOperation: BinaryOperation {}

extension VariadicOperation {
  public func infer(_ inputs: Operands<ValueInfo>) throws -> [ValueInfo] {
    let operands = inputs.present
    try require(!operands.isEmpty, "at least one input is needed")
    let type = TensorType(try commonElement(operands), try broadcastShape(operands))
    let contents = broadcastContents(operands, to: type.shape) { elements in
      elements.dropFirst().reduce(elements[0]) { combine(symbols: $0, $1) }
    }
    return [ValueInfo(type, contents: contents)]
  }

  public func evaluate(_ inputs: Operands<Tensor>) throws -> [Tensor] {
    let operands = inputs.present
    guard let first = operands.first else { throw ModelError.invalid("at least one input is needed") }
    return [try operands.dropFirst().reduce(first) { try evaluate($0, $1) }]
  }
}
