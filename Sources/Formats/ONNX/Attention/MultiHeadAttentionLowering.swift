import GraphIR
import Operations
import Tensors

extension AttentionBuilder {
  /// Replaces the attention with ONNX Runtime's operator, which keeps the model's operator set.
  ///
  /// Throws `unsupported` where the operator can't say it: soft-cap, sinks, 64 bits, masks that no sum can say.
  mutating func addMultiHeadAttention() throws {
    let element = type(of: try input(0)).element
    guard attention.softcap == 0, optionalInput(5) == nil, element != .float64 else {
      throw ModelError.unsupported("MultiHeadAttention has no soft-cap, no sinks and no 64-bit floats")
    }
    let querySizes = try sizes(of: input(0))
    let valueSizes = try sizes(of: input(2))
    guard let heads = querySizes[1].constant else { throw ModelError.unsupported("an unknown number of heads") }
    let original = (query: try input(0), key: try input(1), value: try input(2))
    let attention = attention
    let (key, value) = try building { graph in
      (
        try attention.repeatingHeads(of: original.key, for: original.query, in: &graph),
        try attention.repeatingHeads(of: original.value, for: original.query, in: &graph)
      )
    }
    var queries = try lengthFirst(original.query)
    let keys = try joiningHeads(lengthFirst(key))
    let values = try joiningHeads(lengthFirst(value))
    let queryLength = try length(ofAxis: 1, of: queries)
    let keyLength = try length(ofAxis: 1, of: keys)

    var operation = MultiHeadAttention()
    operation.heads = heads
    operation.scale = attention.scale
    var bias: Value?
    if try isPlainlyCausal() {
      operation.isUnidirectional = true
    } else {
      let visible = try visibility(queryLength: queryLength, keyLength: keyLength)
      bias = try totalBias(visible: visible).map {
        try expanded($0, queryLength: queryLength, keyLength: keyLength)
      }
      if needsUniformRows, let isVisible = try rowIsVisible(visible) {
        // Without a query, the scores of a row are equal, as the graph's own were.
        let rows = try insert(Transpose([0, 2, 1, 3]), [withFourAxes(isVisible)])
        queries = try insert(Where(), [rows, queries, scalar(0, element)])
      }
    }
    if attention.scale == 0 {
      // The operator takes 0 for its default.
      operation.scale = 1
      queries = try insert(Mul(), [queries, scalar(0, element)])
    }
    var result = try insertReplacement(operation, [joiningHeads(queries), keys, values, nil, nil, bias].trimmed)
    if attention.guardsNaN && (bias != nil) {
      result = try insert(Where(), [insert(IsNaN(), [result]), scalar(0, element), result])
    }
    try replaceResult(with: result, heads: heads, size: valueSizes[3])
  }

  /// Whether causality is all that hides keys, between equal lengths: elsewhere the operator's own flag leaves rows out.
  private func isPlainlyCausal() throws -> Bool {
    guard attention.causal != .none, attention.leftWindow == nil, attention.rightWindow == nil else { return false }
    guard [3, 4, 6].allSatisfy({ optionalInput($0) == nil }) else { return false }
    return try sizes(of: input(0))[2] == sizes(of: input(1))[2]
  }

  private mutating func withFourAxes(_ value: Value) throws -> Value {
    guard let rank = type(of: value).rank, rank <= 4 else { throw ModelError.unsupported("a mask of unknown rank") }
    return rank == 4 ? value : try insert(Unsqueeze(), [value, constant(Array(0..<(4 - rank)))])
  }
}

extension [Value?] {
  /// The values up to the last one that is there.
  var trimmed: [Value?] { Array(prefix((lastIndex { $0 != nil } ?? -1) + 1)) }
}
