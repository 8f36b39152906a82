import GraphIR
import Tensors

/// An operation that has a faster way to run than its definition.
///
/// An optional ability: whatever has none runs by `evaluate`, which every kernel is tested against.
package protocol CPUExecutable: GraphOperation {
  /// A kernel for inputs and outputs of these types, all sizes numbers; nil where only the definition can do it.
  ///
  /// Contents of inputs are known where they are constant. Throws where the inputs don't fit the operation.
  func prepare(_ inputs: Operands<ValueInfo>, outputs: [TensorType]) throws -> (any Kernel)?
}

/// An operation prepared for given types, to be run any number of times.
package protocol Kernel: Sendable {
  /// Bytes needed beyond inputs and outputs while it runs on `threads` threads.
  func scratchByteCount(threads: Int) -> Int

  /// Writes every element of `outputs`, which have the types that the kernel was prepared for.
  func run(_ inputs: Operands<Tensor>, into outputs: [TensorBuffer], on workers: Workers) throws
}

extension Kernel {
  package func scratchByteCount(threads: Int) -> Int { 0 }
}

/// An operation whose definition copies nothing: its result is its first input's memory under another shape.
package protocol ViewOperation: GraphOperation {
  /// Whether that is so for a first input of this type.
  func isView(_ input: ValueInfo) -> Bool
}

extension ViewOperation {
  package func isView(_ input: ValueInfo) -> Bool { true }
}
