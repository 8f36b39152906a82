import GraphIR
import Tensors

/// The upper (or lower) triangle of matrices, with zeros elsewhere.
///
/// Diagonal `k` is kept: 0 is the main one, positive ones lie above it.
public struct Trilu: GraphOperation {
  public var upper = true

  public init() {}

  public static let schema = Schema<Self>(
    "Trilu", inputs: ["input", .optional("k")], attributes: [.init("upper", \.upper)],
    spellings: [.onnx("Trilu", since: 14)])

  public func infer(_ inputs: Operands<ValueInfo>) throws -> [ValueInfo] {
    let input = try inputs[0]
    if let rank = input.rank { try require(rank >= 2, "a matrix was expected, found \(input.type)") }
    return [ValueInfo(input.type)]
  }

  public func evaluate(_ inputs: Operands<Tensor>) throws -> [Tensor] {
    let input = try inputs[0]
    try require(input.rank >= 2, "a matrix was expected, found \(input.element.rawValue)\(input.shape)")
    let diagonal = try inputs.optional(1)?.scalarInteger() ?? 0
    return [try Triangle(input: input, diagonal: diagonal, upper: upper).dispatch(on: input.element)]
  }

  private struct Triangle: WordComputation {
    let input: Tensor
    let diagonal: Int
    let upper: Bool

    func run<Word: TensorScalar & FixedWidthInteger>(_ type: Word.Type) throws -> Tensor {
      let rows = input.shape[input.rank - 2]
      let columns = input.shape[input.rank - 1]
      // A diagonal outside the matrix keeps all or nothing, wherever it is.
      let diagonal = min(max(diagonal, -rows - 1), columns + 1)
      return try input.withWords(as: Word.self) { values in
        try Tensor.filledWords(input.element, input.shape, as: Word.self) { result in
          guard result.count > 0 else { return }
          for row in 0..<result.count / columns {
            let border = row % rows + diagonal
            let kept = upper ? max(border, 0)..<max(columns, border, 0) : 0..<min(max(border + 1, 0), columns)
            for column in kept.clamped(to: 0..<columns) {
              result[row &* columns &+ column] = values[row &* columns &+ column]
            }
          }
        }
      }
    }
  }
}
