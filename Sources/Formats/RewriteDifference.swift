import GraphIR

/// What has to change in a file so that it says `rewritten` instead of `original`.
///
/// A source node stays as it is where all that it was read as is still there and reads what it read; a value that takes over
/// another's readers takes its name too, so that those readers need not change. A source node for which that can't be is
/// left out, and the nodes that it was read as are written anew.
package struct RewriteDifference {
  /// A node that the file does not have yet.
  package struct Addition {
    package let node: Node
    /// The first source node, by position in the file, that depends on it; nil where only outputs do.
    package let before: Int?
  }

  /// Positions of source nodes to leave out: those that mattered before and don't now. Nodes that never mattered stay.
  package private(set) var removedSources: Set<Int> = []
  /// The nodes to write, each after those it reads.
  package private(set) var additions: [Addition] = []
  /// Outputs of the graph, by position, whose value can't have the name that the output's value had.
  package private(set) var renamedOutputs: Set<Int> = []
  /// For values that are new to the file and take over the name of another, that other value of the original graph.
  package private(set) var takenNames: [Value: Value] = [:]
  private let isNamed: (Value) -> Bool

  package var isEmpty: Bool { removedSources.isEmpty && additions.isEmpty && renamedOutputs.isEmpty }

  /// The value of the original graph whose name in the file `value` has; nil for a value that is new to the file.
  package func originalValue(of value: Value) -> Value? { takenNames[value] ?? (isNamed(value) ? value : nil) }

  /// - Parameters:
  ///   - changed: positions of source nodes that can't stay as they are.
  ///   - isNamed: whether a value of the original graph has a name (a tensor name, a port) in the file; values inside what one source node was read as have none.
  package init(
    from original: Graph, to rewritten: Graph, changed: Set<Int> = [], isNamed: @escaping (Value) -> Bool
  ) {
    self.isNamed = { original.contains($0.node) && isNamed($0) }
    let analysis = Analysis(original: original, rewritten: rewritten, isNamed: self.isNamed)
    var changed = changed
    var kept = analysis.keptSources(without: changed)
    while true {
      let outcome = analysis.renames(kept: kept)
      takenNames = outcome.names
      renamedOutputs = outcome.outputs
      guard !outcome.changed.isSubset(of: changed) else { break }
      changed.formUnion(outcome.changed)
      kept = analysis.keptSources(without: changed)
    }
    removedSources = Set(analysis.mattered.indices.filter { analysis.mattered[$0] && !kept[$0] })
    additions = analysis.additions(analysis.newNodes(kept: kept))
  }
}

/// The two graphs side by side. What is asked of every node is in arrays by its number, or by the position of a source node.
private struct Analysis {
  let original: Graph
  let rewritten: Graph
  let isNamed: (Value) -> Bool
  /// The nodes of the rewritten graph that some output depends on.
  let live: [NodeID]
  let isLive: [Bool]
  /// The places in the file of the rewritten graph's nodes; nil for those that a pass made.
  let sources: [Int?]
  /// Source nodes that some output depended on. An input is no node to leave out, even where nothing reads it any more.
  let mattered: [Bool]
  /// Source nodes of which some part does not matter any more; what it read may be gone, so that none of them can stay.
  let lessened: [Bool]

  init(original: Graph, rewritten: Graph, isNamed: @escaping (Value) -> Bool) {
    self.original = original
    self.rewritten = rewritten
    self.isNamed = isNamed
    var isLive = rewritten.areLive()
    isLive += Array(repeating: false, count: max(original.mark - rewritten.mark, 0))
    var sources: [Int?] = Array(repeating: nil, count: rewritten.mark)
    for node in rewritten.nodes { sources[node.id.index] = Analysis.source(of: node) }
    let wasLive = original.areLive()
    let before = original.nodes.compactMap { node -> (id: NodeID, source: Int)? in
      guard wasLive[node.id.index], !(node.operation is Parameter) else { return nil }
      return Analysis.source(of: node).map { (node.id, $0) }
    }
    let count = max(sources.lazy.compactMap { $0 }.max() ?? -1, before.map(\.source).max() ?? -1) + 1
    var mattered = Array(repeating: false, count: count)
    var lessened = mattered
    for (id, source) in before {
      mattered[source] = true
      if !isLive[id.index] { lessened[source] = true }
    }
    live = isLive.indices.filter { isLive[$0] }.map { NodeID($0) }
    self.isLive = isLive
    self.sources = sources
    self.mattered = mattered
    self.lessened = lessened
  }

  /// The place in the file of an imported node; nil for one that a pass made.
  private static func source(of node: Node) -> Int? {
    let origin = node.origin
    return origin.passes.isEmpty ? origin.sources.first?.index : nil
  }

  private func source(of id: NodeID) -> Int? { sources[id.index] }

  /// The source nodes that are whole and of which something is read by others, but for those that have `changed`.
  func keptSources(without changed: Set<Int>) -> [Bool] {
    var kept = Array(repeating: false, count: mattered.count)
    for id in live {
      guard let source = source(of: id), !kept[source], !lessened[source], !changed.contains(source) else { continue }
      kept[source] = rewritten[id].values.contains { value in
        isNamed(value)
          && rewritten.uses(of: value).contains { use in
            guard let reader = use.node else { return true }
            return isLive[reader.index] && self.source(of: reader) != source
          }
      }
    }
    return kept
  }

  /// Which values take over names so that kept nodes and outputs read what they shall, and for which of those that does not do.
  func renames(kept: [Bool]) -> (names: [Value: Value], changed: Set<Int>, outputs: Set<Int>) {
    // For each value that is no longer read where it was: what is read instead, and by whom.
    var replacements: [Value: Set<Value>] = [:]
    var readers: [Value: (sources: Set<Int>, outputs: Set<Int>)] = [:]
    for id in live {
      guard let source = source(of: id), kept[source] else { continue }
      for (before, after) in zip(original[id].inputs, rewritten[id].inputs) where before != after {
        guard let before, let after else {
          readers[before ?? Value(id), default: ([], [])].sources.insert(source)
          continue
        }
        replacements[before, default: []].insert(after)
        readers[before, default: ([], [])].sources.insert(source)
      }
    }
    for (index, (before, after)) in zip(original.outputs, rewritten.outputs).enumerated()
    where before.value != after.value {
      replacements[before.value, default: []].insert(after.value)
      readers[before.value, default: ([], [])].outputs.insert(index)
    }
    var names: [Value: Value] = [:]
    var changed: Set<Int> = []
    var outputs: Set<Int> = []
    for before in readers.keys.sorted() {
      let after = replacements[before] ?? []
      if after.count == 1, let value = after.first, names[value] == nil, canTake(nameOf: before, value, kept: kept) {
        names[value] = before
      } else if let reader = readers[before] {
        changed.formUnion(reader.sources)
        outputs.formUnion(reader.outputs)
      }
    }
    return (names, changed, outputs)
  }

  /// Whether `value`, which has no name in the file, can have that of `before`: nothing else may still define it.
  private func canTake(nameOf before: Value, _ value: Value, kept: [Bool]) -> Bool {
    guard isNamed(before), !isNamed(value), !isLive[before.node.index] else { return false }
    return Analysis.source(of: original[before.node]).map { !kept[$0] } ?? false
  }

  /// The nodes to write, by number: all that have no kept source, and those inside kept ones that they read and that have no name.
  func newNodes(kept: [Bool]) -> [Bool] {
    var isNew = Array(repeating: false, count: rewritten.mark)
    var pending = live.filter { id in
      !(source(of: id).map { kept[$0] } ?? false) && !(rewritten[id].operation is Parameter)
    }
    for id in pending { isNew[id.index] = true }
    while let id = pending.popLast() {
      for case .some(let input) in rewritten[id].inputs where !isNew[input.node.index] && !isNamed(input) {
        isNew[input.node.index] = true
        pending.append(input.node)
      }
    }
    return isNew
  }

  func additions(_ isNew: [Bool]) -> [RewriteDifference.Addition] {
    let order = rewritten.topologicalOrder().filter { isNew[$0.index] }
    var position: [NodeID: Int] = [:]
    for id in order.reversed() {
      for value in rewritten[id].values {
        for case .node(let reader, _) in rewritten.uses(of: value) where isLive[reader.index] {
          let place = isNew[reader.index] ? position[reader] : source(of: reader)
          if let place { position[id] = min(position[id] ?? place, place) }
        }
      }
    }
    return order.map { .init(node: rewritten[$0], before: position[$0]) }
  }
}
