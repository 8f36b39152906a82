import GraphIR
import Operations
import Rewriting

/// What a softmax that is no attention, or none that can be fused, lacks.
extension AttentionMatcher {
  func headsMixed(by mix: NodeID, _ what: String, nodes: [NodeID]) -> Outcome {
    let reason = Reason(
      "heads-mixed",
      "the \(what) of every head are made of those of all heads, by \(graph.kind(of: mix)): talking heads",
      node: graph[mix].label, nearest: graph.steps(nodes))
    return .declined(reason, nodes: nodes)
  }

  /// - Parameter trail: from the softmax's input up to where the walk ended
  func notFromProduct(_ trail: [NodeID], _ softmax: SoftmaxForm, rank: Int) -> Reason {
    let end = trail.last ?? softmax.input.node
    let nearest = graph.steps(trail.reversed() + softmax.nodes.sorted())
    if let product = Contraction(graph[end], in: graph) {
      if graph.isLinearLayer(product) {
        return Reason(
          "constant-keys",
          "keys were expected to depend on an input, found a matrix of weights: a router or another linear layer",
          node: graph[end].label, nearest: nearest)
      }
      return Reason(
        "softmax-over-other-axis",
        "the softmax runs over axis \(softmax.axis) of \(rank), which is not the key dimension of the product above it",
        node: graph[end].label, nearest: nearest)
    }
    return Reason(
      "no-score-product", "a product of queries and keys was expected above the softmax, found \(described(end))",
      node: graph[end].label, nearest: nearest)
  }

  /// - Parameter trail: from the softmax's result down to where the walk ended
  func notIntoProduct(_ trail: [NodeID], after nodes: [NodeID], _ softmax: NodeID) -> Reason {
    let nearest = graph.steps(nodes.sorted() + trail)
    let found =
      switch trail.last {
      case nil: "an output"
      case let end? where Contraction(graph[end], in: graph) != nil:
        "\(graph.kind(of: end)), which does not sum over the normalised dimension alone"
      case let end?: described(end)
      }
    return Reason(
      "no-value-product", "a product with the values was expected below the softmax, found \(found)",
      node: graph[trail.last ?? softmax].label, nearest: nearest)
  }

  private func described(_ id: NodeID) -> String {
    switch graph[id].operation {
    case is Parameter: "an input of the graph"
    case is Constant: "a constant"
    default: graph.kind(of: id)
    }
  }
}
