import GraphIR
import Tensors

/// The determinant of the square matrices in the last two axes.
public struct Det: GraphOperation {
  public init() {}

  public static let schema = Schema<Self>("Det", inputs: ["input"], spellings: [.onnx("Det", since: 11)])

  public func infer(_ inputs: Operands<ValueInfo>) throws -> [ValueInfo] {
    let input = try inputs[0]
    guard let dimensions = input.shape.dimensions else { return [ValueInfo(input.element, .unranked)] }
    let matrix = dimensions.suffix(2)
    try require(
      matrix.count == 2 && matrix.compactMap(\.constant).reduce(into: Set()) { $0.insert($1) }.count <= 1,
      "square matrices were expected, found \(input.type)")
    return [ValueInfo(input.element, Shape(dimensions.dropLast(2)))]
  }

  public func evaluate(_ inputs: Operands<Tensor>) throws -> [Tensor] {
    let input = try inputs[0]
    let result = try infer(inputs.shapes)[0]
    let size = input.shape[input.rank - 1]
    let values = try input.doubles()
    let shape = result.shape.sizes ?? []
    let determinants = try zeros(shape).indices.map { matrix in
      determinant(Array(values[(matrix * size * size)..<((matrix + 1) * size * size)]), size: size)
    }
    return [try Tensor(doubles: determinants, element: input.element, shape: shape)]
  }

  /// By elimination, each time with the greatest element left in the column.
  private func determinant(_ elements: [Double], size: Int) -> Double {
    var matrix = elements
    var result = 1.0
    for column in 0..<size {
      let pivot = (column..<size).max { matrix[$0 * size + column].magnitude < matrix[$1 * size + column].magnitude }
      guard let pivot, matrix[pivot * size + column] != 0 else { return 0 }
      if pivot != column {
        for k in 0..<size { matrix.swapAt(pivot * size + k, column * size + k) }
        result = -result
      }
      let diagonal = matrix[column * size + column]
      result *= diagonal
      for row in (column + 1)..<size {
        let factor = matrix[row * size + column] / diagonal
        for k in column..<size { matrix[row * size + k] -= factor * matrix[column * size + k] }
      }
    }
    return result
  }
}
