import GraphIR

/// What has to change in a file so that it says `rewritten` instead of `original`.
package struct RewriteDifference {
  /// A node that the file does not have yet.
  package struct Addition {
    package let node: Node
    /// The first source node, by position in the file, that depends on it; nil where only outputs do.
    package let before: Int?
  }

  /// Positions of source nodes to leave out: those that mattered before and don't now. Nodes that never mattered stay.
  package let removedSources: Set<Int>
  /// The nodes to write, each after those it reads.
  package let additions: [Addition]
  private let replaced: [Value: Value]

  package var isEmpty: Bool { removedSources.isEmpty && additions.isEmpty }

  /// The value of the original graph whose name in the file `value` has; nil for a value that is new to the file.
  package func originalValue(of value: Value) -> Value? { replaced[value] ?? (isNew(value.node) ? nil : value) }

  private let newNodes: Set<NodeID>

  private func isNew(_ id: NodeID) -> Bool { newNodes.contains(id) }

  /// - Parameter isNamed: whether a value of the original graph has a name (a tensor name, a port) in the file; values inside what one source node was lifted to have none.
  package init(from original: Graph, to rewritten: Graph, isNamed: (Value) -> Bool) {
    let liveBefore = original.liveNodes()
    let liveAfter = rewritten.liveNodes()
    let sourceOf = { (id: NodeID, graph: Graph) -> Int? in
      let origin = graph[id].origin
      return origin.passes.isEmpty ? origin.sources.first?.index : nil
    }

    var needed: Set<Int> = []
    for id in liveAfter {
      guard let source = sourceOf(id, rewritten) else { continue }
      let isRead = rewritten[id].values.contains { value in
        isNamed(value)
          && rewritten.uses(of: value).contains { use in
            guard let reader = use.node else { return true }
            return liveAfter.contains(reader) && sourceOf(reader, rewritten) != source
          }
      }
      if isRead { needed.insert(source) }
    }
    let mattered = Set(liveBefore.compactMap { sourceOf($0, original) })
    // An input is no node to leave out, and stays where nothing reads it any more.
    let inputs = Set(original.inputs.compactMap { sourceOf($0.value.node, original) })
    let removed = mattered.subtracting(needed).subtracting(inputs)
    removedSources = removed

    let added = rewritten.topologicalOrder().filter { id in
      guard liveAfter.contains(id), !(rewritten[id].operation is Parameter) else { return false }
      return sourceOf(id, rewritten).map(removed.contains) ?? true
    }
    let addedSet = Set(added)
    var position: [NodeID: Int] = [:]
    for id in added.reversed() {
      for value in rewritten[id].values {
        for case .node(let reader, _) in rewritten.uses(of: value) where liveAfter.contains(reader) {
          let place = addedSet.contains(reader) ? position[reader] : sourceOf(reader, rewritten)
          if let place { position[id] = min(position[id] ?? place, place) }
        }
      }
    }
    additions = added.map { Addition(node: rewritten[$0], before: position[$0]) }
    newNodes = addedSet
    replaced = rewritten.replaced.filter { addedSet.contains($0.key.node) && isNamed($0.value) }
  }
}
