import GraphIR
import Tensors

/// What a constant is computed from: tells constants apart without computing them.
indirect enum ConstantExpression: Hashable, Sendable {
  case tensor(Tensor)
  case result(AnyOperation, output: Int, inputs: [ConstantExpression?])

  /// An operation with its attributes. Whatever it computes follows from its inputs: random numbers have a seed.
  struct AnyOperation: Hashable, Sendable {
    let operation: any GraphOperation

    static func == (left: Self, right: Self) -> Bool { left.operation.isEqual(to: right.operation) }

    func hash(into hasher: inout Hasher) { hasher.combine(operation) }
  }
}
