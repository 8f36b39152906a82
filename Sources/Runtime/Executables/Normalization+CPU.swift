import GraphIR
import KernelInterface
import Operations
import Tensors

extension LayerNormalization: RowExecutable {
  package func prepare(_ inputs: Operands<ValueInfo>, outputs: [TensorType]) throws -> (any Kernel)? {
    // Mean and deviation as results are the definition's.
    guard outputs.count == 1 else { return nil }
    return try NormalizationKernel(inputs, axis: axis, centers: true, epsilon: epsilon)
  }
}

extension RMSNormalization: RowExecutable {
  package func prepare(_ inputs: Operands<ValueInfo>, outputs: [TensorType]) throws -> (any Kernel)? {
    try NormalizationKernel(inputs, axis: axis, centers: false, epsilon: epsilon)
  }
}

/// Normalisation of rows of 32-bit floats, with scale and bias of a row's shape.
private struct NormalizationKernel: Kernel {
  private let rows: Int
  private let columns: Int
  private let centers: Bool
  private let epsilon: Float
  private let hasBias: Bool

  init?(_ inputs: Operands<ValueInfo>, axis: Int, centers: Bool, epsilon: Double) throws {
    let operands = inputs.present
    guard let shape = try inputs[0].shape.sizes, operands.allSatisfy({ $0.element == .float32 }) else { return nil }
    let axis = try normalizedAxis(axis, rank: shape.count)
    columns = shape[axis...].reduce(1, *)
    rows = shape[..<axis].reduce(1, *)
    for parameter in operands.dropFirst() {
      guard let sizes = parameter.shape.sizes, sizes.suffix(shape.count - axis) == shape[axis...],
        sizes.reduce(1, *) == columns
      else { return nil }
    }
    (self.centers, self.epsilon, hasBias) = (centers, Float(epsilon), inputs.optional(2) != nil)
  }

  func run(_ inputs: Operands<Tensor>, into outputs: [TensorBuffer], on workers: Workers) throws {
    let parameters = [try inputs[1]] + (hasBias ? [try inputs[2]] : [])
    try withFloats(of: parameters) { parameters in
      precondition(parameters.allSatisfy { $0.count >= columns })
      let how = RowNormalization(
        centers: centers, epsilon: epsilon, scale: parameters[0].baseAddress,
        bias: hasBias ? parameters[1].baseAddress : nil)
      try withRows(inputs, outputs, rows: rows, columns: columns) {
        workers.kernels.normalize($0, how, on: workers.pool)
      }
    }
  }
}
