import GraphIR
import Tensors

/// A graph as the report shows it: without constants and what follows from them, and divided into groups that can be folded.
///
/// Every attention is a group of its own. What an attention needs that no earlier one needs is the group before it, so that folding
/// everything leaves a chain of attentions with what lies between them, and groups never depend on each other in a cycle.
struct GraphOutline {
  struct Group {
    /// The decision about the attention that it is; nil for what lies between attentions.
    let decision: Int?
    var members: [NodeID] = []
  }

  /// The nodes shown, each after those it reads.
  let nodes: [NodeID]
  private(set) var groups: [Group] = []
  private(set) var groupOf: [NodeID: Int] = [:]

  /// Longer groups are split: unfolding one must not swamp the reader, nor the layout.
  private static let largestGroup = 60

  init(_ graph: Graph, regions: AttentionRegions) {
    nodes = graph.topologicalOrder().filter { id in
      !graph[id].outputs.isEmpty && !graph[id].outputs.allSatisfy { $0.constant != nil }
    }
    let shown = Set(nodes)
    var attentions: [Int: [NodeID]] = [:]
    for id in nodes where !(graph[id].operation is Parameter) {
      if let decision = regions.decision(of: graph[id]) { attentions[decision, default: []].append(id) }
    }
    let position = Dictionary(uniqueKeysWithValues: nodes.enumerated().map { ($1, $0) })
    func end(_ members: [NodeID]) -> Int { members.compactMap { position[$0] }.max() ?? 0 }
    let order = attentions.sorted { (end($0.value), $0.key) < (end($1.value), $1.key) }

    let attended = Set(attentions.values.joined())
    let isFew = graph.inputs.count <= 8
    var placed: Set<NodeID> = attended
    for (decision, members) in order {
      var before: [NodeID] = []
      var pending = members.flatMap { graph[$0].inputs.compactMap { $0?.node } }
      while let id = pending.popLast() {
        guard shown.contains(id), placed.insert(id).inserted else { continue }
        before.append(id)
        pending += graph[id].inputs.compactMap { $0?.node }
      }
      add(before.filter { !isFew || !(graph[$0].operation is Parameter) }.sorted { end([$0]) < end([$1]) })
      groups.append(Group(decision: decision, members: members))
    }
    add(nodes.filter { !placed.contains($0) && (!isFew || !(graph[$0].operation is Parameter)) })
    for (index, group) in groups.enumerated() {
      for member in group.members { groupOf[member] = index }
    }
  }

  /// Adds the nodes, which are in order, as groups of about equal size.
  private mutating func add(_ members: [NodeID]) {
    guard !members.isEmpty else { return }
    let parts = (members.count + Self.largestGroup - 1) / Self.largestGroup
    let length = (members.count + parts - 1) / parts
    for start in stride(from: 0, to: members.count, by: length) {
      groups.append(Group(decision: nil, members: Array(members[start..<min(start + length, members.count)])))
    }
  }
}
