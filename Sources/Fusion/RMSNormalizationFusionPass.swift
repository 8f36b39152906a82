import GraphIR
import Operations
import Rewriting
import Tensors

/// x / √(mean(x²) + ε) · scale  →  RMSNormalization(x, scale)
///
/// The scale may be missing. Where x was widened for this, and the quotient is narrowed again before it is scaled, both casts go.
public struct RMSNormalizationFusionPass: PatternFusionPass {
  public let name = "RMSNormalizationFusionPass"
  private let x = Capture<Value>("x")
  private let mean = Capture<Value>("mean")
  private let epsilon = Capture<Double>("ε")
  private let narrowed = Capture<Value>("narrowed")
  private let scale = Capture<Value>("scale")

  public init() {}

  public var pattern: Pattern {
    let x = Pattern.value(x)
    let mean = ReduceMean.of(x.squared).named(mean).anchored
    let normalized = x * (mean + .number(epsilon)).inverseRoot
    let scale = Pattern.value(scale).checked { [self] scale, match, graph in
      try graph.requireFeatures(scale, of: match[self.x], from: graph.firstAxis(ofMean: match[self.mean]))
    }
    return .oneOf([Cast.of(normalized).named(narrowed) * scale, normalized * scale, normalized])
  }

  public func replacement(for match: Match, in draft: inout GraphDraft) throws -> Value {
    var x = try match[x]
    let first = try draft.graph.firstAxis(ofMean: match[mean])
    if let narrowed = match.value(narrowed) {
      x = try draft.graph.unwidened(x, from: draft.graph.type(of: narrowed).element)
    }
    var normalization = RMSNormalization()
    normalization.axis = first - (draft.graph.type(of: x).rank ?? 0)
    normalization.epsilon = try match[epsilon]
    let scale = try match.value(scale) ?? draft.constant(draft.graph.ones(of: x, from: first))
    return try draft.fuse(normalization, [x, scale])
  }

  public func isFused(_ node: Node, in graph: Graph) -> Bool { node.is(RMSNormalization.self) }
}

extension Graph {
  /// What `value` was before it was widened; itself where it has the type already. Throws a `Reason` where it never had it.
  fileprivate func unwidened(_ value: Value, from element: ElementType) throws -> Value {
    if type(of: value).element == element { return value }
    if self[value.node].operation is Cast, let source = self[value.node].inputs.first ?? nil,
      type(of: source).element == element
    {
      return source
    }
    throw Reason("other-type", "what is normalised is wider than what is scaled", node: self[value.node].label)
  }
}
