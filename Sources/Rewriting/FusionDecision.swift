import GraphIR
import Tensors

/// What was decided about one place in a graph, and why.
public struct FusionDecision: Sendable {
  public enum Verdict: String, Hashable, Sendable, CaseIterable {
    case fused
    case declined
    case alreadyFused = "already-fused"
    /// The place only looks like one: a softmax that no attention surrounds.
    case notAttention = "not-attention"
  }

  /// The name of the pass that decided.
  public var pass: String
  public var verdict: Verdict
  /// The name in the source file of the node the decision is about.
  public var anchor: String
  /// The names of the source nodes that were, or would have been, replaced.
  public var nodes: [String]
  /// The name of the node that took their place.
  public var result: String?
  public var reason: Reason?
  public var attention: AttentionSummary?
  public var cost: Cost?
  /// What the fused result's being exact rests on, where that could not be proved.
  public var assumptions: [String]
  /// What the model's format makes of the result, where it has no operator for it.
  public var remark: String?

  public init(
    pass: String, verdict: Verdict, anchor: String, nodes: [String] = [], result: String? = nil, reason: Reason? = nil,
    attention: AttentionSummary? = nil, cost: Cost? = nil, assumptions: [String] = []
  ) {
    self.pass = pass
    self.verdict = verdict
    self.anchor = anchor
    self.nodes = nodes
    self.result = result
    self.reason = reason
    self.attention = attention
    self.cost = cost
    self.assumptions = assumptions
  }
}

/// Why something was not fused: a code for scripts, words for people.
public struct Reason: Error, Hashable, Sendable {
  /// A node on the way that was matched.
  public struct Step: Hashable, Sendable {
    /// What the source calls its operation.
    public var kind: String
    /// Its name in the source file.
    public var node: String

    public init(kind: String, node: String) {
      self.kind = kind
      self.node = node
    }
  }

  /// A stable name such as `scores-used-elsewhere`; `docs/reason-codes.md` lists them all.
  public var code: String
  /// What was expected and what was found.
  public var message: String
  /// The source node at which matching stopped.
  public var node: String?
  /// What the user can do about it.
  public var hint: String?
  /// How near the place came: the nodes that were followed, in the order of the data, `node` among them.
  public var nearest: [Step]

  public init(_ code: String, _ message: String, node: String? = nil, hint: String? = nil, nearest: [Step] = []) {
    self.code = code
    self.message = message
    self.node = node
    self.hint = hint
    self.nearest = nearest
  }
}

/// What kind of attention was fused.
public struct AttentionSummary: Hashable, Sendable {
  public var query: Shape
  public var key: Shape
  public var value: Shape
  public var heads: Dimension
  public var keyHeads: Dimension
  /// Nil where the scale is computed at run time.
  public var scale: Double?
  /// `none`, `upperLeft` or `lowerRight`.
  public var causal: String
  /// `none`, `additive`, `boolean` or `additive+boolean`.
  public var mask: String
  public var softcap: Double?
  /// Keys before and after the query's position; nil for no limit on either side.
  public var window: [Int?]?
  public var sinks: Bool

  public init(
    query: Shape, key: Shape, value: Shape, heads: Dimension, keyHeads: Dimension, scale: Double?, causal: String,
    mask: String, softcap: Double? = nil, window: [Int?]? = nil, sinks: Bool = false
  ) {
    self.query = query
    self.key = key
    self.value = value
    self.heads = heads
    self.keyHeads = keyHeads
    self.scale = scale
    self.causal = causal
    self.mask = mask
    self.softcap = softcap
    self.window = window
    self.sinks = sinks
  }
}

/// What a fusion saves, by the model of bytes moved between slow and fast memory. Sizes that are symbols leave it unknown.
public struct Cost: Hashable, Sendable {
  public var bytesUnfused: Int?
  public var bytesFused: Int?
  public var queryTile: Int
  public var keyTile: Int
  /// The same for an example, where sizes are symbols.
  public var example: Example?

  /// What a fusion saves where the sizes that are symbols have typical values.
  public struct Example: Hashable, Sendable {
    /// Batch, heads, lengths and so on, by the names that the log gives them.
    public var sizes: [String: Int]
    public var bytesUnfused: Int
    public var bytesFused: Int

    public init(sizes: [String: Int], bytesUnfused: Int, bytesFused: Int) {
      self.sizes = sizes
      self.bytesUnfused = bytesUnfused
      self.bytesFused = bytesFused
    }
  }

  public init(bytesUnfused: Int?, bytesFused: Int?, queryTile: Int, keyTile: Int, example: Example? = nil) {
    self.bytesUnfused = bytesUnfused
    self.bytesFused = bytesFused
    self.queryTile = queryTile
    self.keyTile = keyTile
    self.example = example
  }
}
