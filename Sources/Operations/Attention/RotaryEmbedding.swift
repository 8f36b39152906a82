import GraphIR
import Tensors

/// Queries or keys with pairs of features turned by an angle that depends on their position.
///
/// `input` is `[batch, heads, length, headSize]`, or `[batch, length, heads · headSize]` with `num_heads`. With `position_ids
/// [batch, length]` the caches are tables `[positions, rotated / 2]`, without them `[batch, length, rotated / 2]`. Feature *i* pairs
/// with *i* + rotated/2, or neighbours pair where `interleaved`:
///
///     first' = cos · first − sin · second
///     second' = sin · first + cos · second
public struct RotaryEmbedding: GraphOperation {
  public var interleaved = false
  public var heads = 0
  /// How many features turn; 0: all.
  public var rotatedSize = 0

  public init() {}

  public static let schema = Schema<Self>(
    "RotaryEmbedding", inputs: ["input", "cos_cache", "sin_cache", .optional("position_ids")],
    attributes: [
      .init("interleaved", \.interleaved), .init("num_heads", \.heads), .init("rotary_embedding_dim", \.rotatedSize),
    ],
    spellings: [.onnx("RotaryEmbedding", since: 23)])

  public func infer(_ inputs: Operands<ValueInfo>) throws -> [ValueInfo] {
    let input = try inputs[0]
    if let rank = input.rank { try require(rank == 3 || rank == 4, "3 or 4 axes were expected, found \(input.type)") }
    return [ValueInfo(input.type)]
  }

  public func evaluate(_ inputs: Operands<Tensor>) throws -> [Tensor] {
    let input = try inputs[0]
    guard input.rank == 3 else { return [try rotated(input, inputs)] }
    let (batch, length, hidden) = (input.shape[0], input.shape[1], input.shape[2])
    try require(heads > 0 && hidden % heads == 0, "\(hidden) features can't be shared out among \(heads) heads")
    let swap = Transpose([0, 2, 1, 3])
    let split = try swap.evaluate(Operands([try input.reshaped(to: [batch, length, heads, hidden / heads])]))[0]
    return [try swap.evaluate(Operands([try rotated(split, inputs)]))[0].reshaped(to: input.shape)]
  }

  private func rotated(_ input: Tensor, _ inputs: Operands<Tensor>) throws -> Tensor {
    try require(input.rank == 4, "3 or 4 axes were expected, found \(input.shape)")
    let size = rotatedSize == 0 ? input.shape[3] : rotatedSize
    try require(size > 0 && size % 2 == 0 && size <= input.shape[3], "\(size) of \(input.shape[3]) features can't turn")
    func angles(_ cache: Tensor) throws -> Tensor {
      let rows =
        try inputs.optional(3).map { try Gather().evaluate(Operands([cache, $0]))[0] } ?? cache
      let expected = [input.shape[0], input.shape[2], size / 2]
      try require(rows.shape == expected, "the cache must give the shape \(expected), found \(rows.shape)")
      return try convert(rows, to: input.element)
    }
    return try Rotation(
      input: input, cosines: try angles(try inputs[1]), sines: try angles(try inputs[2]), size: size,
      interleaved: interleaved
    ).dispatch(on: input.element)
  }

  private struct Rotation: RealComputation {
    let input: Tensor
    let cosines: Tensor
    let sines: Tensor
    let size: Int
    let interleaved: Bool

    func run<Scalar: RealScalar>(_ type: Scalar.Type) throws -> Tensor {
      let (heads, length, features) = (input.shape[1], input.shape[2], input.shape[3])
      let half = size / 2
      return try input.withElements(as: Scalar.self) { values in
        try cosines.withElements(as: Scalar.self) { cosines in
          try sines.withElements(as: Scalar.self) { sines in
            try Tensor.filled(Scalar.self, input.shape) { result in
              _ = result.update(fromContentsOf: values)
              for row in 0..<(result.count / features) {
                let angle = (row / (heads * length) * length + row % length) * half
                for i in 0..<half {
                  let first = row * features + (interleaved ? 2 * i : i)
                  let second = interleaved ? first + 1 : first + half
                  let (x, y) = (values[first].number, values[second].number)
                  let (cosine, sine) = (cosines[angle + i].number, sines[angle + i].number)
                  result[first] = Scalar(number: cosine * x - sine * y)
                  result[second] = Scalar(number: sine * x + cosine * y)
                }
              }
            }
          }
        }
      }
    }
  }
}
