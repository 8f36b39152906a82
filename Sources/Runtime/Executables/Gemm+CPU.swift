import GraphIR
import Operations
import Tensors

extension Gemm: CPUExecutable {
  package func prepare(_ inputs: Operands<ValueInfo>, outputs: [TensorType]) throws -> (any Kernel)? {
    guard let left = try inputs[0].shape.sizes, let right = try inputs[1].shape.sizes, let output = outputs.first,
      left.count == 2, right.count == 2
    else { return nil }
    let sizes = MatrixSizes(
      rows: left[transposesLeft ? 1 : 0], columns: right[transposesRight ? 0 : 1],
      depth: left[transposesLeft ? 0 : 1], transposesLeft: transposesLeft, transposesRight: transposesRight)
    try require(right[transposesRight ? 1 : 0] == sizes.depth, "matrices \(left) and \(right) can't be multiplied")
    let addend = inputs.optional(2)?.shape.sizes
    if let addend {
      let fits =
        addend.count <= 2 && zip(addend.reversed(), [sizes.columns, sizes.rows]).allSatisfy { $0 == 1 || $0 == $1 }
      try require(fits, "\(addend) does not broadcast to \([sizes.rows, sizes.columns])")
    }
    guard sizes.fitsBLAS else { return nil }
    switch output.element {
    case .float32: return GemmKernel<Float>(alpha: Float(alpha), beta: Float(beta), sizes: sizes, addend: addend)
    case .float64: return GemmKernel<Double>(alpha: alpha, beta: beta, sizes: sizes, addend: addend)
    default: return nil
    }
  }
}

private struct GemmKernel<Scalar: BLASScalar>: Kernel {
  let alpha: Scalar
  let beta: Scalar
  let sizes: MatrixSizes
  let addend: [Int]?

  func run(_ inputs: Operands<Tensor>, into outputs: [TensorBuffer], on workers: Workers) throws {
    let usesAddend = addend != nil && beta != 0
    try outputs[0].withElements(as: Scalar.self) { result in
      if usesAddend, let shape = addend {
        try inputs[2].withElements(as: Scalar.self) { fill(result, $0, shape) }
      }
      try inputs[0].withElements(as: Scalar.self) { left in
        try inputs[1].withElements(as: Scalar.self) { right in
          MatrixProducts(sizes, offsets: [(0, 0)])
            .run(left, right, into: result, alpha: alpha, beta: usesAddend ? beta : 0, on: workers)
        }
      }
    }
  }

  /// Writes the addend, repeated along axes of size 1.
  private func fill(
    _ result: UnsafeMutableBufferPointer<Scalar>, _ addend: UnsafeBufferPointer<Scalar>, _ shape: [Int]
  ) {
    let columns = shape.last ?? 1
    let rows = shape.count == 2 ? shape[0] : 1
    for row in 0..<sizes.rows {
      let source = rows == 1 ? 0 : row * columns
      for column in 0..<sizes.columns {
        result[row * sizes.columns + column] = addend[source + (columns == 1 ? 0 : column)]
      }
    }
  }
}
