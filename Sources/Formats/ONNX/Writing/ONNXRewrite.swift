import GraphIR
import Operations

/// A graph of a file, the model's or one inside it, as it was read and as passes left it.
struct ONNXRewrite {
  let original: Graph
  var rewritten: Graph { didSet { foundDifference = nil } }
  /// The names in the file of the original's values.
  let names: ONNXNames
  /// The difference, where it has been found already.
  private var foundDifference: RewriteDifference?

  init(original: Graph, rewritten: Graph, names: ONNXNames) {
    self.original = original
    self.rewritten = rewritten
    self.names = names
  }

  /// The graphs that the node `owner` runs.
  func inside(_ owner: NodeID) -> [ONNXRewrite] {
    let before = original.contains(owner) ? original.subgraphs(of: owner) : []
    let names = names.inside[owner] ?? []
    return rewritten.subgraphs(of: owner).enumerated().map { index, graph in
      ONNXRewrite(
        original: before.indices.contains(index) ? before[index] : Graph(), rewritten: graph,
        names: names.indices.contains(index) ? names[index] : ONNXNames())
    }
  }

  /// What changes in this graph itself. A node that is not in the file as such changes with the graphs inside it.
  var difference: RewriteDifference {
    if let foundDifference { return foundDifference }
    let changed = rewritten.subgraphOwners.filter { owner in
      names.inside[owner] == nil && inside(owner).contains { $0.original != $0.rewritten }
    }
    let sources = changed.compactMap { rewritten[$0].origin.sources.first?.index }
    return RewriteDifference(from: original, to: rewritten, changed: Set(sources)) { names.values[$0] != nil }
  }

  /// The same, with its difference found once for all who ask for it.
  func withDifference() -> ONNXRewrite {
    var result = self
    result.foundDifference = difference
    return result
  }

  /// Whether the file says it already.
  var isEmpty: Bool {
    difference.isEmpty
      && rewritten.subgraphOwners.allSatisfy { owner in
        inside(owner).allSatisfy { $0.original == $0.rewritten || $0.isEmpty }
      }
  }

  /// Nodes of the file that run graphs of their own, by position.
  var owners: [Int: NodeID] {
    var owners: [Int: NodeID] = [:]
    for owner in names.inside.keys where rewritten.contains(owner) {
      if let index = rewritten[owner].origin.sources.first?.index { owners[index] = owner }
    }
    return owners
  }

  /// The number of axes of the values in the file, by name; nil where it is not known, or two graphs disagree.
  var ranks: [String: Int?] {
    var ranks: [String: Int?] = [:]
    for (value, name) in names.values { ranks[name] = original.type(of: value).rank }
    for owner in names.inside.keys where rewritten.contains(owner) {
      for graph in inside(owner) { ranks.merge(graph.ranks) { $0 == $1 ? $0 : nil } }
    }
    return ranks
  }

  /// The same with attention in operations that a file can say, here and inside.
  func lowered(by lowering: AttentionLowering) throws -> ONNXRewrite {
    try lowered(FlashAttention.self) { try lowering.lower($0.map(\.id), in: $1) }
  }

  /// The same with rotations in the standard's operator where that can say them, here and in branches and loops: functions may have
  /// an older operator set.
  func withStandardRotations() throws -> ONNXRewrite {
    try lowered(RotaryPosition.self, descending: { !($0 is Call) }, by: RotaryLowering.lower)
  }

  /// The same with what `lower` makes of new nodes that are an `Operation`.
  private func lowered<Operation: GraphOperation>(
    _ type: Operation.Type, descending: (any GraphOperation) -> Bool = { _ in true },
    by lower: ([Node], Graph) throws -> Graph
  ) throws -> ONNXRewrite {
    var result = self
    for owner in rewritten.subgraphOwners where descending(rewritten[owner].operation) {
      let graphs = inside(owner)
      guard graphs.contains(where: { $0.original != $0.rewritten }) else { continue }
      try result.rewritten.updateSubgraphs(of: owner) { graph, index in
        graph = try graphs[index].lowered(type, descending: descending, by: lower).rewritten
      }
    }
    let nodes = result.toWrite(Operation.self)
    if !nodes.isEmpty { result.rewritten = try lower(nodes, result.rewritten) }
    return result
  }

  /// The nodes that are an `Operation` and that the file does not say, each after those it depends on.
  private mutating func toWrite<Operation: GraphOperation>(_ type: Operation.Type) -> [Node] {
    let isLive = rewritten.areLive()
    let nodes = rewritten.nodes.filter { isLive[$0.id.index] && $0.is(Operation.self) }
    if nodes.contains(where: \.origin.passes.isEmpty) {
      // Those that were read from the file may stay as they are there.
      self = withDifference()
      return difference.additions.map(\.node).filter { $0.is(Operation.self) }
    }
    let found = Set(nodes.map(\.id))
    return found.isEmpty ? [] : rewritten.topologicalOrder().filter(found.contains).map { rewritten[$0] }
  }
}

extension Graph {
  /// Whether lowering has put the standard's operator in, here or inside.
  var holdsStandardAttention: Bool {
    nodes.contains { $0.operation is StandardAttention }
      || subgraphOwners.contains { subgraphs(of: $0).contains(where: \.holdsStandardAttention) }
  }
}
