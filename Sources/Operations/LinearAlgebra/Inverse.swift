import GraphIR
import Tensors

/// The inverses of the square matrices in the last two axes, with `adjoint` of their transposes.
///
/// By Gauss–Jordan elimination in 64 bits, each time with the greatest element left in the column. A singular matrix gives NaN.
public struct Inverse: GraphOperation {
  public var adjoint = false

  public init() {}

  public static let schema = Schema<Self>(
    "Inverse", inputs: ["input"], attributes: [.init("adjoint", \.adjoint)],
    spellings: [.onnx("Inverse", domain: "com.microsoft"), .openVINO("Inverse", since: 14)])

  public func infer(_ inputs: Operands<ValueInfo>) throws -> [ValueInfo] {
    let input = try inputs[0]
    try require(input.element.isFloatingPoint || input.element == .unknown, "floats were expected, found \(input.type)")
    _ = try Det().infer(inputs)
    return [ValueInfo(input.type)]
  }

  public func evaluate(_ inputs: Operands<Tensor>) throws -> [Tensor] {
    let input = try inputs[0]
    _ = try infer(inputs.shapes)
    let size = input.shape[input.rank - 1]
    var values = try input.doubles()
    for start in stride(from: 0, to: values.count, by: max(size * size, 1)) {
      let matrix = start..<(start + size * size)
      values.replaceSubrange(matrix, with: inverse(Array(values[matrix]), size: size))
    }
    return [try Tensor(doubles: values, element: input.element, shape: input.shape)]
  }

  private func inverse(_ elements: [Double], size: Int) -> [Double] {
    var matrix = elements
    var result = (0..<size * size).map { $0 / size == $0 % size ? 1.0 : 0 }
    for column in 0..<size {
      let pivot = (column..<size).max { matrix[$0 * size + column].magnitude < matrix[$1 * size + column].magnitude }
      guard let pivot, matrix[pivot * size + column] != 0 else {
        return Array(repeating: .nan, count: size * size)
      }
      if pivot != column {
        for k in 0..<size {
          matrix.swapAt(pivot * size + k, column * size + k)
          result.swapAt(pivot * size + k, column * size + k)
        }
      }
      let diagonal = matrix[column * size + column]
      for k in 0..<size {
        matrix[column * size + k] /= diagonal
        result[column * size + k] /= diagonal
      }
      for row in 0..<size where row != column {
        let factor = matrix[row * size + column]
        for k in 0..<size {
          matrix[row * size + k] -= factor * matrix[column * size + k]
          result[row * size + k] -= factor * result[column * size + k]
        }
      }
    }
    return adjoint ? result.indices.map { result[$0 % size * size + $0 / size] } : result
  }
}
