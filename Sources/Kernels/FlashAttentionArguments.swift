import KernelInterface

/// Everything that one attention reads and writes.
///
/// For each batch, query head `h`, query `i` and key `j`, with `g = queryHeads / keyHeads`:
///
///     score[i, j]  = scale · query[h, i] · key[h / g, j]
///     score[i, j]  = softcap · tanh(score[i, j] / softcap)          where there is a soft cap
///     score[i, j] += bias[h, i, j]                                  where there is a bias
///     score[i, j]  = maskedScore                                    where mask[h, i, j] is false
///     score[i, j]  = −∞                                             where hidden by causality, window or length
///     output[h, i] = softmax(score[i, …], sinks[h]) · value[h / g]
///
/// A sink takes part in the sum of the softmax only. Scores, softmax and sums are fp32 for every element type, except
/// that fp64 operands are computed in fp64, slowly. A row of −∞ alone gives NaN as plain softmax does, or 0 with
/// `guardsNaN`; no keys at all give 0. Values of keys that no query of a tile sees are not read: NaN among them may
/// reach the output or not.
package struct FlashAttentionArguments: Sendable {
  /// `[batch, queryHeads, queryLength, headSize]`
  package var query: StridedBuffer
  /// `[batch, keyHeads, keyLength, headSize]`
  package var key: StridedBuffer
  /// `[batch, keyHeads, keyLength, valueSize]`
  package var value: StridedBuffer
  /// `[batch, queryHeads, queryLength, valueSize]`; no two of its elements may share memory.
  package var output: MutableStridedBuffer

  package var batch: Int
  package var queryHeads: Int
  package var keyHeads: Int
  package var queryLength: Int
  package var keyLength: Int
  package var headSize: Int
  package var valueSize: Int

  package var scale: Double
  /// `c` of `c · tanh(score / c)`, positive, or nil.
  package var softcap: Float?
  /// `[batch, queryHeads, queryLength, keyLength]`, added to the scores; a stride of 0 broadcasts.
  package var bias: StridedBuffer?
  /// `[batch, queryHeads, queryLength, keyLength]`, one byte each, nonzero = keep; a stride of 0 broadcasts.
  package var mask: BooleanBuffer?
  /// The score where `mask` is false: −∞, or what the graph put there.
  package var maskedScore: Float = -.infinity
  package var causal: Causality = .none
  /// Keys that a query sees besides its own position.
  package var window: AttentionWindow?
  /// Per batch, how many keys count from the first on.
  package var validKeyLengths: [Int]?
  /// One logit per query head.
  package var sinks: [Float]?
  /// A row whose softmax is NaN gives 0.
  package var guardsNaN = false

  /// An attention without modifiers.
  package init(
    query: StridedBuffer, key: StridedBuffer, value: StridedBuffer, output: MutableStridedBuffer,
    batch: Int, queryHeads: Int, keyHeads: Int, queryLength: Int, keyLength: Int, headSize: Int, valueSize: Int,
    scale: Double
  ) {
    self.query = query
    self.key = key
    self.value = value
    self.output = output
    self.batch = batch
    self.queryHeads = queryHeads
    self.keyHeads = keyHeads
    self.queryLength = queryLength
    self.keyLength = keyLength
    self.headSize = headSize
    self.valueSize = valueSize
    self.scale = scale
  }
}

/// Which keys a query sees by their order.
package enum Causality: String, Hashable, Sendable, CaseIterable {
  case none
  /// Query `i` sees keys `j ≤ i`.
  case upperLeft
  /// Query `i` sees keys `j ≤ i + keyLength − queryLength`.
  case lowerRight
}

/// The keys around a query's own position that it sees; nil for no limit on that side.
///
/// The position of query `i` among the keys is `i`, or `i + keyLength − queryLength` with ``Causality/lowerRight``.
package struct AttentionWindow: Hashable, Sendable {
  package var left: Int?
  package var right: Int?

  package init(left: Int? = nil, right: Int? = nil) {
    self.left = left
    self.right = right
  }
}
