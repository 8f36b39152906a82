import GraphIR

extension FusionPass {
  /// Runs on `graph`, then on every graph inside it; there, a decision calls a node `outer/inner`.
  func runThroughout(_ graph: inout Graph) throws -> [FusionDecision] {
    var decisions = try run(on: &graph)
    var anchors = TakenNames(decisions.map(\.anchor))
    for owner in graph.subgraphOwners {
      let name = graph[owner].origin.sources.first?.name ?? graph[owner].label
      try graph.updateSubgraphs(of: owner) { inner, _ in
        for decision in try runThroughout(&inner) {
          var outer = decision.inside(of: name)
          // Two branches may use one name.
          outer.anchor = anchors.unused(outer.anchor, separator: "#")
          decisions.append(outer)
        }
      }
    }
    return decisions
  }
}

extension FusionDecision {
  /// The decision as it is seen from around the node `owner`, in one of whose graphs it was made.
  fileprivate func inside(of owner: String) -> FusionDecision {
    var decision = self
    decision.anchor = "\(owner)/\(anchor)"
    decision.nodes = nodes.map { "\(owner)/\($0)" }
    decision.result = result.map { "\(owner)/\($0)" }
    decision.reason?.node = reason?.node.map { "\(owner)/\($0)" }
    decision.reason?.nearest = (reason?.nearest ?? []).map { .init(kind: $0.kind, node: "\(owner)/\($0.node)") }
    return decision
  }
}
