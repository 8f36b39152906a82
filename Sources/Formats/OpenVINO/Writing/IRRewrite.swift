import GraphIR
import Operations

/// A graph of an IR, the model's or one inside a layer, as it was read and as passes left it.
struct IRRewrite {
  let source: IRGraph
  let original: Graph
  var rewritten: Graph

  /// What changes in this graph itself.
  var difference: IRDifference { IRDifference(source, from: original, to: rewritten) }

  /// The graphs inside that have changed, with the positions of their layers.
  var inside: [(layer: Int, rewrite: IRRewrite)] {
    source.inside.sorted { $0.key < $1.key }.flatMap { owner, graphs -> [(Int, IRRewrite)] in
      guard rewritten.contains(owner), let layer = rewritten[owner].origin.sources.first?.index else { return [] }
      return zip(graphs, zip(original.subgraphs(of: owner), rewritten.subgraphs(of: owner))).compactMap { graph, pair in
        pair.0 == pair.1 ? nil : (layer, IRRewrite(source: graph, original: pair.0, rewritten: pair.1))
      }
    }
  }

  /// The nodes that the file does not say, each after those it reads; of those that were read from the file, only such as are made of
  /// simpler ones matter here, and where there are none it is not found out.
  private func nodesToWrite() -> [NodeID] {
    let isLive = rewritten.areLive()
    let hasComposites = original.nodes.contains {
      $0.operation is any CompositeOperation && rewritten.contains($0.id) && isLive[$0.id.index]
    }
    if hasComposites { return difference.additions }
    return rewritten.topologicalOrder().filter { isLive[$0.index] && !original.contains($0) }
  }

  /// The same in operations that OpenVINO has, here and inside.
  func lowered() throws -> IRRewrite {
    var result = self
    for (owner, graphs) in source.inside where rewritten.contains(owner) {
      let before = original.subgraphs(of: owner)
      try result.rewritten.updateSubgraphs(of: owner) { graph, index in
        guard graphs.indices.contains(index), before.indices.contains(index), graph != before[index] else { return }
        graph = try IRRewrite(source: graphs[index], original: before[index], rewritten: graph).lowered()
          .rewritten
      }
    }
    let additions = result.nodesToWrite()
    try ScaledDotProductAttentionForm.run(on: &result.rewritten, nodes: additions)
    let rewrittenNodes = Set(additions)
    try result.rewritten.decompose { node, _ in
      (!original.contains(node.id) || rewrittenNodes.contains(node.id)) && !LoweringRules.canSay(node.operation)
    }
    return result
  }
}
