import GraphIR
import Tensors

/// The most probable class of each step of `data [batch, steps, classes]`, without blanks, and of equals in a row the first only.
///
/// `blank_index` is the last class where it is left out. Results are the classes `[batch, steps]`, −1 behind the last, and their numbers `[batch]`.
public struct CTCGreedyDecoder: GraphOperation {
  public var mergesRepeated = true

  public init() {}

  public static let schema = Schema<Self>(
    "CTCGreedyDecoder", inputs: ["data", "lengths", .optional("blank_index")], outputs: 2...2,
    attributes: [.init("merge_repeated", \.mergesRepeated)])

  public func infer(_ inputs: Operands<ValueInfo>) throws -> [ValueInfo] {
    let data = try inputs[0]
    _ = try inputs[1]
    if let rank = data.rank { try require(rank == 3, "3 axes were expected, found \(data.type)") }
    let sizes = data.shape.dimensions ?? [.unknown, .unknown, .unknown]
    return [ValueInfo(.int64, [sizes[0], sizes[1]]), ValueInfo(.int64, [sizes[0]])]
  }

  public func evaluate(_ inputs: Operands<Tensor>) throws -> [Tensor] {
    let data = try inputs[0]
    try require(data.rank == 3, "3 axes were expected, found \(data.shape)")
    let (batch, steps, classes) = (data.shape[0], data.shape[1], data.shape[2])
    let lengths = try inputs[1].integers()
    try require(
      lengths.count == batch && lengths.allSatisfy { (0...steps).contains($0) },
      "there must be \(batch) lengths of at most \(steps), found \(lengths.prefix(8))")
    let blank = try inputs.optional(2)?.scalarInteger() ?? classes - 1
    var argMax = ArgMax()
    (argMax.axis, argMax.keepsAxis) = (2, false)
    let best = try argMax.evaluate(Operands([data]))[0].integers()
    var result = [Int64](repeating: -1, count: best.count)
    let counts = (0..<batch).map { entry -> Int64 in
      var previous: Int?
      var count = 0
      for step in (entry * steps)..<(entry * steps + lengths[entry]) {
        if best[step] != blank && !(mergesRepeated && best[step] == previous) {
          result[entry * steps + count] = Int64(best[step])
          count += 1
        }
        previous = best[step]
      }
      return Int64(count)
    }
    return [try Tensor(result, shape: [batch, steps]), Tensor(counts)]
  }
}
