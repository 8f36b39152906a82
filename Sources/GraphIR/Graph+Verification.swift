import Tensors

extension Graph {
  /// Checks what every method of the graph relies on: handles in range, use lists that match inputs, no cycle, types as inferred.
  ///
  /// Throws the first thing that is wrong. Meant for tests and for after a rewrite, not for hostile files: readers
  /// check those before they build a graph.
  public func verify() throws {
    var expected = uses.map { $0.map { _ in Set<Use>() } }
    for node in nodes {
      for (index, input) in node.inputs.enumerated() {
        guard let input else { continue }
        guard contains(input.node), uses[input.node.index].indices.contains(input.output) else {
          throw ModelError.invalid("\(node.label): input \(index) is not in the graph")
        }
        expected[input.node.index][input.output].insert(.node(node.id, input: index))
      }
    }
    for (index, output) in outputs.enumerated() {
      try require(
        contains(output.value.node) && uses[output.value.node.index].indices.contains(output.value.output),
        "output '\(output.name)' is not in the graph")
      expected[output.value.node.index][output.value.output].insert(.output(index))
    }
    for node in nodes {
      for value in node.values {
        let listed = uses(of: value)
        try require(
          Set(listed) == expected[value.node.index][value.output] && Set(listed).count == listed.count,
          "\(node.label): the use list of output \(value.output) is wrong")
      }
    }
    try require(topologicalOrder().count == nodeCount && !hasCycle(), "the graph has a cycle")
    for node in nodes {
      let known = Operands(node.inputs.map { $0.map { info(of: $0) } })
      let inferred = try locating(node.label) { try node.operation.infer(known) }
      for (stored, fresh) in zip(node.outputs, inferred) {
        try require(
          stored.element == fresh.element && stored.rank == fresh.rank,
          "\(node.label): the stored type \(stored.type) is not the inferred \(fresh.type)")
      }
    }
    for owner in subgraphOwners {
      for graph in subgraphs(of: owner) { try locating(self[owner].label) { try graph.verify() } }
    }
  }

  private func hasCycle() -> Bool {
    var position: [NodeID: Int] = [:]
    for (index, id) in topologicalOrder().enumerated() { position[id] = index }
    return nodes.contains { node in
      node.inputs.contains { input in
        guard let input, let own = position[node.id], let other = position[input.node] else { return false }
        return other >= own
      }
    }
  }
}
