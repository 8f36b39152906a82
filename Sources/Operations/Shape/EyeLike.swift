import GraphIR
import Tensors

/// A matrix of the input's shape with ones on diagonal `k`, zeros elsewhere.
public struct EyeLike: GraphOperation {
  public var element: ElementType?
  public var diagonal = 0

  public init() {}

  public static let schema = Schema<Self>(
    "EyeLike", inputs: ["input"], attributes: [.init("dtype", \.element), .init("k", \.diagonal)],
    spellings: [.onnx("EyeLike", since: 9)])

  public func infer(_ inputs: Operands<ValueInfo>) throws -> [ValueInfo] {
    let input = try inputs[0]
    if let rank = input.rank { try require(rank == 2, "a matrix was expected, found \(input.type)") }
    return [ValueInfo(element ?? input.element, input.shape)]
  }

  public func evaluate(_ inputs: Operands<Tensor>) throws -> [Tensor] {
    let input = try inputs[0]
    try require(input.rank == 2, "a matrix was expected, found \(input.shape)")
    let (rows, columns) = (input.shape[0], input.shape[1])
    let diagonal = min(max(diagonal, -rows), columns)
    let ones = try Tensor.filled(UInt8.self, input.shape) { result in
      for row in 0..<rows where (0..<columns).contains(row + diagonal) { result[row * columns + row + diagonal] = 1 }
    }
    return [try convert(ones, to: element ?? input.element)]
  }
}
