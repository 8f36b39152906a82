import GraphIR
import Tensors

/// How often each known sequence of integers ("n-gram") occurs in a row, with up to `max_skip_count` elements left out between any two of it.
///
/// `pool_int64s` holds the sequences, those of one element first; `ngram_counts` says where those of each length begin, and `ngram_indexes`
/// the place of each in the result.
public struct TfIdfVectorizer: GraphOperation {
  /// What becomes of a count: it stays (`TF`), is cut off at 1 and weighted (`IDF`), or is weighted (`TFIDF`).
  public enum Mode: String, Hashable, Sendable, CaseIterable, AttributeConvertible {
    case counts = "TF"
    case presence = "IDF"
    case weighted = "TFIDF"
  }

  public var maximumLength = 1
  public var maximumSkip = 0
  public var minimumLength = 1
  public var mode = Mode.counts
  public var starts: [Int] = []
  public var places: [Int] = []
  public var pool: [Int] = []
  public var weights: [Double] = []

  public init() {}

  public static let schema = Schema<Self>(
    "TfIdfVectorizer", inputs: ["data"],
    attributes: [
      .init("max_gram_length", \.maximumLength), .init("max_skip_count", \.maximumSkip),
      .init("min_gram_length", \.minimumLength), .init("mode", \.mode), .init("ngram_counts", \.starts),
      .init("ngram_indexes", \.places), .init("pool_int64s", \.pool), .init("weights", \.weights),
    ],
    spellings: [.onnx("TfIdfVectorizer", since: 9)])

  private var width: Int { max(places.max() ?? -1, -1).addingReportingOverflow(1).partialValue }

  public func infer(_ inputs: Operands<ValueInfo>) throws -> [ValueInfo] {
    guard let dimensions = try inputs[0].shape.dimensions else { return [ValueInfo(.float32, .unranked)] }
    try require(dimensions.count <= 2, "1 or 2 axes were expected, found \(dimensions.count)")
    return [ValueInfo(.float32, Shape(dimensions.dropLast() + [Dimension(width)]))]
  }

  public func evaluate(_ inputs: Operands<Tensor>) throws -> [Tensor] {
    let data = try inputs[0]
    try require((1...2).contains(data.rank), "1 or 2 axes were expected, found \(data.shape)")
    let known = try knownSequences()
    let values = try data.integers()
    let length = data.shape[data.rank - 1]
    let shape = data.shape.dropLast() + [width]
    var result = try zeros(Array(shape)).map { Float($0) }
    let lengths = max(minimumLength, 1)..<(max(maximumLength, minimumLength, 1) + 1)
    for (row, start) in stride(from: 0, to: values.count, by: max(length, 1)).enumerated() {
      for size in lengths where size <= length {
        // A single element leaves nothing out.
        for step in 1...(size == 1 ? 1 : min(maximumSkip, length) + 1) {
          guard (size - 1) * step < length else { break }
          for first in start..<(start + length - (size - 1) * step) {
            let sequence = (0..<size).map { values[first + $0 * step] }
            if let place = known[sequence] { result[row * width + place] += 1 }
          }
        }
      }
    }
    if mode != .counts {
      for index in result.indices {
        let count = mode == .presence ? min(result[index], 1) : result[index]
        result[index] = count * (weights.isEmpty ? 1 : Float(weights[index % width]))
      }
    }
    return [try Tensor(result, shape: Array(shape))]
  }

  /// The places of the sequences in a row of the result. Throws where the lists don't fit each other.
  private func knownSequences() throws -> [[Int]: Int] {
    try require(
      maximumSkip >= 0 && maximumSkip < Int.max && maximumLength <= 1 << 16 && minimumLength <= 1 << 16
        && places.allSatisfy { (0..<(1 << 24)).contains($0) } && (weights.isEmpty || weights.count == width),
      "lengths, indexes or weights of sequences are out of range")
    let ends = starts.dropFirst() + [pool.count]
    var known: [[Int]: Int] = [:]
    var number = 0
    for (size, (start, end)) in zip(starts, ends).enumerated() {
      try require(
        start >= 0 && start <= end && end <= pool.count && (end - start) % (size + 1) == 0,
        "the sequences of \(size + 1) elements can't lie from \(start) to \(end)")
      for first in stride(from: start, to: end, by: size + 1) {
        try require(number < places.count, "there are more sequences than indexes")
        known[Array(pool[first...(first + size)])] = places[number]
        number += 1
      }
    }
    return known
  }
}
