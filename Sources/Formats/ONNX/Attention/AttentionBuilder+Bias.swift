import GraphIR
import Operations
import Tensors

/// Masks and biases as the operators of ONNX want them.
extension AttentionBuilder {
  /// Sums of a score and this or less are this in 32 bits, however large real scores are.
  private static let absorbing = -1e30

  /// Scores this low get no weight beside those of a key that is seen, but are no more than a number.
  private static let negligible = -1e4

  /// Whether `maskedScore` must be what all scores of a wholly masked row are, while adding it gives something else.
  var needsUniformRows: Bool {
    optionalInput(4) != nil && attention.maskedScore.isFinite && attention.maskedScore > Self.absorbing
  }

  /// What to add to the scores to say bias, mask, positions and lengths, of the query's element type; nil for nothing.
  ///
  /// Throws `unsupported` where a sum can't say what the mask says.
  mutating func totalBias(visible: Value?) throws -> Value? {
    let element = type(of: try input(0)).element
    if let bias = optionalInput(3), type(of: bias).element.byteCount > element.byteCount {
      // The lowest numbers of the wider type would become −∞.
      throw ModelError.unsupported("a bias of a wider type than the query")
    }
    var total = try optionalInput(3).map { try cast($0, to: element) }
    if let mask = optionalInput(4) {
      guard attention.maskedScore == -.infinity || attention.maskedScore <= Self.negligible else {
        throw ModelError.unsupported("a masked score that takes weight")
      }
      // 16 bits can't hold a number that is that low: the sum would overflow where the score itself does not.
      guard element == .float32 || element == .float64 || attention.maskedScore == -.infinity else {
        throw ModelError.unsupported("a finite masked score in 16 bits")
      }
      // A row of which the bias hides what the mask leaves would see what the mask hides, each key by its own score.
      if needsUniformRows, let bias = optionalInput(3), !graph.stays(bias, farAbove: attention.maskedScore) {
        throw ModelError.unsupported("a bias that may be as low as a masked score")
      }
      let fill = try scalar(attention.maskedScore, element)
      total = try insert(Where(), [mask, total ?? scalar(0, element), fill])
    }
    if let visible {
      let hidden = try scalar(-.infinity, element)
      total = try insert(Where(), [visible, total ?? scalar(0, element), hidden])
    }
    return try total.map { try folded($0) }
  }

  /// The keys that position and length leave visible, as in `FlashAttention.visibility`.
  mutating func visibility(queryLength: Value, keyLength: Value) throws -> Value? {
    var positional = FlashAttention()
    positional.causal = attention.causal
    positional.leftWindow = attention.leftWindow
    positional.rightWindow = attention.rightWindow
    let inputs = [queryLength, keyLength, optionalInput(6)]
    if let known = shared[positional, inputs] { return known }
    var numbers = ConstantNumbers()
    let lengths = optionalInput(6)
    let visible = try building { graph in
      try positional.visibility(
        queryLength: queryLength, keyLength: keyLength, lengths: lengths, in: &graph, numbers: &numbers)
    }
    guard let visible else { return nil }
    let result = try folded(visible)
    shared[positional, inputs] = result
    return result
  }

  /// The size of an axis of `value` as a tensor of one integer and no axes.
  mutating func length(ofAxis axis: Int, of value: Value) throws -> Value {
    guard let size = type(of: value).shape.dimensions?[axis] else {
      throw ModelError.unsupported("attention of unknown rank")
    }
    if let known = shared.sizes[size] { return known }
    let length = try building { graph in try FlashAttention.size(ofAxis: axis, of: value, in: &graph) }
    shared.sizes[size] = length
    return length
  }

  /// `bias` with four axes, the last two as long as there are queries and keys: runtimes don't broadcast those.
  mutating func expanded(_ bias: Value, queryLength: Value, keyLength: Value) throws -> Value {
    guard let rank = type(of: bias).rank, rank <= 4 else { throw ModelError.unsupported("a bias of unknown rank") }
    var result = bias
    if rank < 4 { result = try insert(Unsqueeze(), [result, constant(Array(0..<(4 - rank)))]) }
    let sizes = try sizes(of: result)
    let wanted = [try self.sizes(of: input(0))[2], try self.sizes(of: input(1))[2]]
    guard Array(sizes[2...]) != wanted else { return try folded(result) }
    let axis = try constant([0])
    let shape = try insert(
      Concat(axis: 0),
      [
        constant([1, 1]), insert(Unsqueeze(), [queryLength, axis]), insert(Unsqueeze(), [keyLength, axis]),
      ])
    return try folded(try insert(Expand(), [result, folded(shape)]))
  }

  /// Whether each query sees a key, as a boolean that broadcasts to `[batch, heads, queries, 1]`.
  mutating func rowIsVisible(_ visible: Value?) throws -> Value? {
    var seen: [Value] = []
    if let mask = optionalInput(4) { seen.append(mask) }
    if let visible { seen.append(visible) }
    guard var condition = seen.first else { return nil }
    for other in seen.dropFirst() { condition = try insert(And(), [condition, other]) }
    let numbers = try insert(Cast(to: .float32), [condition])
    let most = try insert(ReduceMax(), [numbers, constant([-1])])
    return try folded(try insert(Greater(), [most, scalar(0, .float32)]))
  }
}
