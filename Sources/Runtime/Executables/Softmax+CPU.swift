import GraphIR
import KernelInterface
import Operations
import Tensors

/// An operation on rows of its first input, whose result its kernel may write over that input.
protocol RowExecutable: CPUExecutable {}

extension Softmax: RowExecutable {
  package func prepare(_ inputs: Operands<ValueInfo>, outputs: [TensorType]) throws -> (any Kernel)? {
    let data = try inputs[0]
    guard let sizes = data.shape.sizes, data.element == .float32 else { return nil }
    let axis = try normalizedAxis(axis, rank: sizes.count)
    // Along the last axis, which rows lie side by side in, or nowhere worth it.
    guard sizes[(axis + 1)...].allSatisfy({ $0 == 1 }) else { return nil }
    return SoftmaxKernel(rows: sizes[..<axis].reduce(1, *), columns: sizes[axis])
  }
}

private struct SoftmaxKernel: Kernel {
  let rows: Int
  let columns: Int

  func run(_ inputs: Operands<Tensor>, into outputs: [TensorBuffer], on workers: Workers) throws {
    try withRows(inputs, outputs, rows: rows, columns: columns) { workers.kernels.softmax($0, on: workers.pool) }
  }
}

/// Calls `body` with the rows of the first input and of the first output.
func withRows(
  _ inputs: Operands<Tensor>, _ outputs: [TensorBuffer], rows: Int, columns: Int, _ body: (RowProblem) throws -> Void
) throws {
  guard let output = outputs.first else { throw InternalError("rows without an output") }
  try inputs[0].withElements(as: Float.self) { source in
    try output.withElements(as: Float.self) { target in
      precondition(source.count >= rows * columns && target.count >= rows * columns)
      guard let first = source.baseAddress, let result = target.baseAddress else { return }
      try body(RowProblem(source: first, target: result, rows: rows, columns: columns))
    }
  }
}
