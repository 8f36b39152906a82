import GraphIR
import Tensors

/// Attention in one step: `softmax(softcap(scale · query · keyᵀ) + bias, masked) · value`, head by head.
///
/// - `query [batch, queryHeads, queryLength, headSize]`, `key [batch, keyHeads, keyLength, headSize]`,
///   `value [batch, keyHeads, keyLength, valueSize]`; query heads are a multiple of key heads, and query head *h* reads key head
///   *h / (queryHeads / keyHeads)*.
/// - `bias`: added to the scores; `mask`: boolean, true keeps the score, false puts `maskedScore` in its place. Both broadcast
///   (right-aligned) to `[batch, queryHeads, queryLength, keyLength]`.
/// - `sinks [queryHeads]`: a further logit per head that takes weight and gives no value.
/// - `lengths [batch]`: how many keys of each batch entry are valid.
///
/// The result is `[batch, queryHeads, queryLength, valueSize]`, in the query's element type; softmax and sums are in 32 bits or more.
/// As code, for one head:
///
///     var scores = scale * query • key.transposed
///     if softcap > 0 { scores = softcap * tanh(scores / softcap) }
///     scores += bias
///     scores = where(mask, scores, maskedScore)
///     scores = where(hidden by causal, window or lengths, −∞, scores)
///     var weights = softmax(scores)            // with the sink as a further column, dropped again
///     if guardsNaN { weights = where(isNaN(weights), 0, weights) }
///     return weights • value
public struct FlashAttention: GraphOperation {
  /// Which keys a query may see by position.
  public enum Causality: String, Hashable, Sendable, CaseIterable, AttributeConvertible {
    case none
    /// Query i sees keys j ≤ i.
    case upperLeft
    /// Query i sees keys j ≤ i + keyLength − queryLength.
    case lowerRight
  }

  public var scale = 1.0
  public var causal = Causality.none
  /// How many keys before and after its own position a query sees; nil: any number. Positions are aligned as `causal` says, the upper left where it says nothing.
  public var leftWindow: Int?
  public var rightWindow: Int?
  /// No axis is longer: a window that reaches as far has no end.
  package static let widestWindow = 1 << 48
  /// 0: off.
  public var softcap = 0.0
  /// The score of a key that `mask` hides. A finite one, as exporters write it, makes a wholly masked row the mean of all values.
  public var maskedScore = -Double.infinity
  /// Whether weights that are NaN count as 0: what a wholly masked row gives then.
  public var guardsNaN = false

  public init() {}

  public static let schema = Schema<Self>(
    "FlashAttention",
    inputs: ["query", "key", "value", .optional("bias"), .optional("mask"), .optional("sinks"), .optional("lengths")],
    attributes: [
      .init("scale", \.scale), .init("causal", \.causal), .init("leftWindow", \.leftWindow),
      .init("rightWindow", \.rightWindow), .init("softcap", \.softcap), .init("maskedScore", \.maskedScore),
      .init("guardsNaN", \.guardsNaN),
    ])

  public func infer(_ inputs: Operands<ValueInfo>) throws -> [ValueInfo] {
    for window in [leftWindow, rightWindow].compactMap({ $0 }) {
      try require(
        window.magnitude <= Self.widestWindow.magnitude, "a window of \(window) positions is wider than any axis")
    }
    let query = try inputs[0]
    let key = try inputs[1]
    let value = try inputs[2]
    guard let q = query.shape.dimensions, let k = key.shape.dimensions, let v = value.shape.dimensions else {
      return [ValueInfo(query.element, .unranked)]
    }
    try require(
      q.count == 4 && k.count == 4 && v.count == 4,
      "query, key and value must have 4 axes, found \(q.count), \(k.count) and \(v.count)")
    try require(
      query.element == key.element && key.element == value.element && query.element.isFloatingPoint,
      "query, key and value must have one floating-point type, found \(query.element.rawValue), \(key.element.rawValue), \(value.element.rawValue)"
    )
    try agree(q[0], k[0], "batch of query and key")
    try agree(k[0], v[0], "batch of key and value")
    try agree(q[3], k[3], "head size of query and key")
    try agree(k[1], v[1], "heads of key and value")
    try agree(k[2], v[2], "length of key and value")
    if let heads = q[1].constant, let keyHeads = k[1].constant {
      try require(
        keyHeads > 0 ? heads % keyHeads == 0 : heads == 0, "\(heads) query heads can't share \(keyHeads) key heads")
    }
    for (index, name) in [(3, "bias"), (4, "mask")] {
      guard let input = inputs.optional(index), input.rank != nil else { continue }
      let scores = Shape([q[0], q[1], q[2], k[2]])
      try Shape.requireBroadcast(input.shape, scores)
      try require((input.rank ?? 4) <= 4, "\(name) \(input.shape) does not broadcast to \(scores)")
    }
    return [ValueInfo(query.element, [q[0], q[1], q[2], v[3]])]
  }

  private func agree(_ left: Dimension, _ right: Dimension, _ what: String) throws {
    if let a = left.constant, let b = right.constant {
      try require(a == b, "\(what) must be equal, found \(a) and \(b)")
    }
  }
}
