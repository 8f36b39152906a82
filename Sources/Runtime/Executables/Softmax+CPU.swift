import Foundation
import GraphIR
import Operations
import Tensors

extension Softmax: CPUExecutable {
  package func prepare(_ inputs: Operands<ValueInfo>, outputs: [TensorType]) throws -> (any Kernel)? {
    let data = try inputs[0]
    guard let sizes = data.shape.sizes, data.element == .float32 else { return nil }
    let axis = try normalizedAxis(axis, rank: sizes.count)
    // Along the last axis, which rows lie side by side in, or nowhere worth it.
    guard sizes[(axis + 1)...].allSatisfy({ $0 == 1 }) else { return nil }
    return SoftmaxKernel(rows: sizes[..<axis].reduce(1, *), length: sizes[axis])
  }
}

/// Softmax of rows of 32-bit numbers that lie one after the other.
private struct SoftmaxKernel: Kernel {
  let rows: Int
  let length: Int

  func run(_ inputs: Operands<Tensor>, into outputs: [TensorBuffer], on workers: Workers) throws {
    try inputs[0].withElements(as: Float.self) { data in
      try outputs[0].withElements(as: Float.self) { result in
        let (source, target) = (RowReader(data), RowWriter(result))
        workers.forRanges(of: rows, minimum: max(1, 8192 / max(length, 1))) { range in
          for row in range {
            let span = (row * length)..<((row + 1) * length)
            normalize(
              UnsafeBufferPointer(rebasing: source.elements[span]),
              UnsafeMutableBufferPointer(rebasing: target.elements[span]))
          }
        }
      }
    }
  }

  private func normalize(_ row: UnsafeBufferPointer<Float>, _ result: UnsafeMutableBufferPointer<Float>) {
    var maximum = -Float.infinity
    for value in row { maximum = value > maximum || value.isNaN ? value : maximum }
    // In 64 bits: the weights of a long row are all positive, so their rounding errors would add up.
    var sum = 0.0
    for index in row.indices {
      let weight = exp(row[index] - maximum)
      result[index] = weight
      sum += Double(weight)
    }
    let factor = Float(1 / sum)
    for index in result.indices { result[index] *= factor }
  }
}

/// Elements that several threads read.
private struct RowReader: @unchecked Sendable {
  let elements: UnsafeBufferPointer<Float>

  init(_ elements: UnsafeBufferPointer<Float>) { self.elements = elements }
}

/// Elements of which every thread writes its own.
private struct RowWriter: @unchecked Sendable {
  let elements: UnsafeMutableBufferPointer<Float>

  init(_ elements: UnsafeMutableBufferPointer<Float>) { self.elements = elements }
}
