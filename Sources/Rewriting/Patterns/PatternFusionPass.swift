import GraphIR

/// A fusion that says what it looks for as a pattern, and what takes its place.
///
/// Wherever the pattern fits, and nothing else reads what lies inside, the value that `replacement` adds takes the place of its value.
/// Of places that overlap, the one nearest to the outputs wins. Every fused place is a decision, and so is every one that the
/// pattern's anchor marks as worth one and that is not fused, with the reason.
public protocol PatternFusionPass: FusionPass {
  /// The formula that is recognised; what operation is at its top must follow from it.
  var pattern: Pattern { get }

  /// Adds what computes the same as `match`, and returns its value.
  ///
  /// Throws a `Reason` where the place can't be fused.
  func replacement(for match: Match, in draft: inout GraphDraft) throws -> Value

  /// Whether a node of the file is already what this pass makes of others.
  func isFused(_ node: Node, in graph: Graph) -> Bool
}

extension PatternFusionPass {
  public func isFused(_ node: Node, in graph: Graph) -> Bool { false }

  public func run(on graph: inout Graph) throws -> [FusionDecision] {
    // Only who is needed counts as a reader.
    graph.removeUnused()
    var rewriter = PatternRewriter(pass: self, names: Set(graph.nodes.map(\.name)))
    return try rewriter.run(on: &graph)
  }
}

/// One run of a pass over a graph.
private struct PatternRewriter<Pass: PatternFusionPass> {
  private let pass: Pass
  private var names: Set<String>
  private var matcher = PatternMatcher()
  private var decisions: [NodeID: FusionDecision] = [:]

  init(pass: Pass, names: Set<String>) {
    self.pass = pass
    self.names = names
  }

  mutating func run(on graph: inout Graph) throws -> [FusionDecision] {
    let pattern = pass.pattern
    guard let roots = pattern.rootTypes else { preconditionFailure("\(pass.name) does not say where to look") }
    let order = graph.topologicalOrder()
    // From the outputs on, so that a place is seen whole before its parts are.
    for id in order.reversed() where !matcher.replaced.contains(id) {
      if graph[id].origin.passes.isEmpty, pass.isFused(graph[id], in: graph) { decide(id, .alreadyFused, [id], graph) }
      if roots.contains(ObjectIdentifier(type(of: graph[id].operation))) { fuse(pattern, at: Value(id), in: &graph) }
    }
    for (anchor, miss) in matcher.misses where decisions[anchor] == nil && !matcher.replaced.contains(anchor) {
      decide(anchor, .declined, miss.match.nodes, graph, reason: miss.reason)
    }
    var anchors: Set<String> = []
    return order.compactMap { id in
      guard var decision = decisions[id] else { return nil }
      decision.anchor = decision.anchor.made(uniqueIn: &anchors)
      return decision
    }
  }

  private mutating func fuse(_ pattern: Pattern, at root: Value, in graph: inout Graph) {
    guard let match = matcher.firstMatch(of: pattern, at: root, in: graph) else { return }
    let anchor = match.anchor ?? root.node
    var draft = GraphDraft(match, anchor: graph.sourceName(of: anchor), pass: pass.name, in: graph, avoiding: names)
    // Moved, as the names are: copies of either for every match would take time that grows with the square of the graph.
    names = []
    swap(&draft.graph, &graph)
    defer {
      swap(&draft.graph, &graph)
      names = draft.names
    }
    let mark = draft.graph.mark
    do {
      let value = try pass.replacement(for: match, in: &draft)
      try draft.graph.replaceUses(of: root, with: value)
      matcher.replaced.formUnion(match.nodes)
      decide(anchor, .fused, match.nodes, draft.graph, result: draft.result)
    } catch {
      draft.graph.discard(after: mark)
      matcher.miss(error, match)
    }
  }

  private mutating func decide(
    _ anchor: NodeID, _ verdict: FusionDecision.Verdict, _ nodes: Set<NodeID>, _ graph: Graph, result: String? = nil,
    reason: Reason? = nil
  ) {
    let sources = Origin(of: nodes, in: graph).sources.map(\.name)
    decisions[anchor] = FusionDecision(
      pass: pass.name, verdict: verdict, anchor: graph.sourceName(of: anchor),
      nodes: sources.isEmpty ? nodes.sorted().map { graph[$0].label } : sources, result: result, reason: reason)
  }
}

extension Origin {
  /// What `nodes` together stand for, and which passes made them.
  init(of nodes: Set<NodeID>, in graph: Graph) {
    self.init()
    for origin in nodes.sorted().map({ graph[$0].origin }) {
      for source in origin.sources where !sources.contains(source) { sources.append(source) }
      for pass in origin.passes where !passes.contains(pass) { passes.append(pass) }
    }
  }
}
