import GraphIR
import Operations
import OrderedCollections
import Rewriting
import Tensors

/// Recognises attention spelled out, anchored at its softmax, and replaces it with `FlashAttention`.
///
/// From each softmax it walks up to the product of queries and keys and down to the product with the values, collects what
/// happens to the scores on the way, and follows what every dimension means, so that one mechanism covers all layouts.
public struct FlashAttentionFusionPass: FusionPass {
  public let name = "FlashAttentionFusionPass"

  private let policy: FusionPolicy

  public init(policy: FusionPolicy = .always) { self.policy = policy }

  public func applying(_ policy: FusionPolicy) -> any FusionPass { FlashAttentionFusionPass(policy: policy) }

  public func run(on graph: inout Graph) throws -> [FusionDecision] {
    var unified = graph
    if unified.unifySizes(), let decisions = try? fuseAll(in: &unified), (try? unified.takeTypes(of: graph)) != nil,
      (try? unified.broadcastBatches(of: Set(decisions.compactMap(\.result)), pass: name)) != nil
    {
      graph = unified
      return decisions
    }
    return try fuseAll(in: &graph)
  }

  private func fuseAll(in graph: inout Graph) throws -> [FusionDecision] {
    let live = graph.liveNodes()
    var names = TakenNames(graph.nodes.map(\.name))
    var decisions: [FusionDecision] = []
    for id in graph.nodes.map(\.id) {
      let node = graph[id]
      var anchor: String { node.origin.sources.first?.name ?? node.label }
      if node.is(FlashAttention.self) {
        decisions.append(
          FusionDecision(
            pass: name, verdict: .alreadyFused, anchor: anchor, nodes: graph.sourceNames([id]),
            attention: graph.summary(of: id)))
        continue
      }
      guard let softmax = SoftmaxForm(endingIn: node, in: graph) else {
        if node.is(Softmax.self) {
          let reason = Reason("unknown-shape", "the rank of the softmax's input is not known", node: node.label)
          decisions.append(FusionDecision(pass: name, verdict: .notAttention, anchor: anchor, reason: reason))
        }
        continue
      }
      if let joined = KeySegments.joined(around: softmax, in: graph, pass: name),
        let whole = SoftmaxForm(endingIn: joined[id], in: joined),
        case .found(let match) = AttentionMatcher(graph: joined, live: joined.liveNodes()).match(whole)
      {
        var trial = joined
        let decision = try fuse(
          match, anchor: anchor, name: FlashAttentionFusionPass.resultName(for: anchor, avoiding: &names), in: &trial)
        if decision.verdict == .fused {
          graph = trial
          decisions.append(decision)
          continue
        }
      }
      switch AttentionMatcher(graph: graph, live: live).match(softmax) {
      case .found(let match):
        let result = FlashAttentionFusionPass.resultName(for: anchor, avoiding: &names)
        decisions.append(try fuse(match, anchor: anchor, name: result, in: &graph))
      case .declined(let reason, let nodes):
        decisions.append(
          FusionDecision(
            pass: name, verdict: .declined, anchor: anchor, nodes: graph.sourceNames(nodes), reason: reason))
      case .other(let reason):
        decisions.append(FusionDecision(pass: name, verdict: .notAttention, anchor: anchor, reason: reason))
      }
    }
    return decisions
  }

  private func fuse(
    _ match: AttentionMatch, anchor: String, name result: String, in graph: inout Graph
  ) throws -> FusionDecision {
    let nodes = graph.sourceNames(match.nodes)
    if policy == .profitable, let reason = Cost(of: match, in: graph).objection {
      return FusionDecision(pass: name, verdict: .declined, anchor: anchor, nodes: nodes, reason: reason)
    }
    let builder = LayoutBuilder(
      graph: Graph(), axes: match.axes, pass: name, prefix: result, measures: [match.query, match.key, match.value])
    var rewriter = AttentionRewriter(match: match, builder: builder)
    swap(&rewriter.builder.graph, &graph)
    defer { swap(&rewriter.builder.graph, &graph) }
    let origin = Origin(sources: rewriter.builder.graph.sources(match.nodes), passes: [name])
    do {
      let fused = try rewriter.rewrite(name: result, origin: origin)
      let attention = rewriter.builder.graph.summary(of: fused)
      let cost = Cost(of: fused, steps: match.steps, in: rewriter.builder.graph)
      return FusionDecision(
        pass: name, verdict: .fused, anchor: anchor, nodes: nodes, result: result, attention: attention,
        cost: cost, assumptions: match.form.assumptions)
    } catch let error as ModelError {
      // Nothing reads what was added so far; it goes with the other unused nodes.
      return FusionDecision(
        pass: name, verdict: .declined, anchor: anchor, nodes: nodes,
        reason: Reason("not-expressible", error.message, nearest: rewriter.builder.graph.steps(match.nodes)))
    }
  }

  /// The anchor's name with its last part exchanged, made unique.
  private static func resultName(for anchor: String, avoiding names: inout TakenNames) -> String {
    let base = anchor.lastIndex(of: "/").map { String(anchor[...$0]) + "FlashAttention" } ?? anchor + "/FlashAttention"
    return names.unused(base)
  }
}

extension Graph {
  /// The source nodes that `nodes` stand for, each once.
  func sources(_ nodes: [NodeID]) -> [SourceNode] {
    Array(OrderedSet(nodes.flatMap { self[$0].origin.sources }))
  }

  func sourceNames(_ nodes: [NodeID]) -> [String] {
    let sources = sources(nodes)
    return sources.isEmpty ? nodes.map { self[$0].label } : sources.map(\.name)
  }

  /// What kind of attention the `FlashAttention` node `id` is.
  func summary(of id: NodeID) -> AttentionSummary? {
    let node = self[id]
    guard let operation = node.operation as? FlashAttention, let query = node.inputs[0], let key = node.inputs[1],
      let value = node.inputs[2]
    else { return nil }
    let has = { (index: Int) in node.inputs.count > index && node.inputs[index] != nil }
    let masks = (has(3) ? ["additive"] : []) + (has(4) ? ["boolean"] : [])
    let limited = operation.leftWindow != nil || operation.rightWindow != nil
    return AttentionSummary(
      query: type(of: query).shape, key: type(of: key).shape, value: type(of: value).shape,
      heads: type(of: query).shape.dimensions?[1] ?? .unknown, keyHeads: type(of: key).shape.dimensions?[1] ?? .unknown,
      scale: operation.scale, causal: operation.causal.rawValue,
      mask: masks.isEmpty ? "none" : masks.joined(separator: "+"),
      softcap: operation.softcap > 0 ? operation.softcap : nil,
      window: limited ? [operation.leftWindow, operation.rightWindow] : nil, sinks: has(5))
  }
}
