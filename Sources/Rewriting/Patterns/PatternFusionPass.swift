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
    var rewriter = PatternRewriter(pass: self)
    return rewriter.run(on: &graph)
  }
}

/// One run of a pass over a graph.
private struct PatternRewriter<Pass: PatternFusionPass> {
  private let pass: Pass
  /// The names in use; nil until one is needed.
  private var names: TakenNames?
  private var matcher = PatternMatcher()
  private var decisions: [NodeID: FusionDecision] = [:]

  init(pass: Pass) { self.pass = pass }

  mutating func run(on graph: inout Graph) -> [FusionDecision] {
    swap(&matcher.graph, &graph)
    defer { swap(&matcher.graph, &graph) }
    let pattern = pass.pattern
    guard let roots = pattern.rootTypes.map(Array.init) else {
      preconditionFailure("\(pass.name) does not say where to look")
    }
    // Most passes find nothing that they look for in most graphs.
    guard AnchorReach.hasAnchor(pattern, in: matcher.graph) || matcher.graph.nodes.contains(where: isFused) else {
      return []
    }
    let order = matcher.graph.topologicalOrder()
    matcher.reach = AnchorReach(of: pattern, in: matcher.graph, order)
    // From the outputs on, so that a place is seen whole before its parts are.
    for id in order.reversed() {
      let node = matcher.graph[id]
      let isRoot = matcher.reach.contains(id) && roots.contains(node.kind)
      let isFused = isFused(node)
      guard isRoot || isFused, !matcher.replaced.contains(id) else { continue }
      if isFused { decide(id, .alreadyFused, [id]) }
      if isRoot { fuse(pattern, at: Value(id)) }
    }
    for (anchor, miss) in matcher.misses where decisions[anchor] == nil && !matcher.replaced.contains(anchor) {
      decide(anchor, .declined, miss.match.nodes, reason: miss.reason)
    }
    var anchors = TakenNames()
    return order.compactMap { id in
      guard var decision = decisions[id] else { return nil }
      decision.anchor = anchors.unused(decision.anchor, separator: "#")
      return decision
    }
  }

  /// Whether a node of the file is already what the pass makes of others.
  private func isFused(_ node: Node) -> Bool { pass.isFused(node, in: matcher.graph) && node.origin.passes.isEmpty }

  private mutating func fuse(_ pattern: Pattern, at root: Value) {
    guard let match = matcher.firstMatch(of: pattern, at: root) else { return }
    let anchor = match.anchor ?? root.node
    // Moved, as the graph is: copies of either for every match would take time that grows with the square of the graph.
    let taken = names ?? TakenNames(matcher.graph.nodes.map(\.name))
    names = nil
    var draft = GraphDraft(
      match, anchor: matcher.graph.sourceName(of: anchor), pass: pass.name, in: matcher.graph, avoiding: taken)
    swap(&draft.graph, &matcher.graph)
    let mark = draft.graph.mark
    let outcome = Result {
      let value = try pass.replacement(for: match, in: &draft)
      try draft.graph.replaceUses(of: root, with: value)
    }
    if case .failure = outcome { draft.graph.discard(after: mark) }
    swap(&draft.graph, &matcher.graph)
    names = draft.names
    switch outcome {
    case .success:
      matcher.replaced.formUnion(match.nodes)
      decide(anchor, .fused, match.nodes, result: draft.result)
    case .failure(let error): matcher.miss(error, match)
    }
  }

  private mutating func decide(
    _ anchor: NodeID, _ verdict: FusionDecision.Verdict, _ nodes: Set<NodeID>, result: String? = nil,
    reason: Reason? = nil
  ) {
    let graph = matcher.graph
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
