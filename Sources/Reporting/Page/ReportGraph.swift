import GraphIR
import Tensors

/// A graph as the report's page reads it; nodes refer to each other by their places in `nodes`.
struct ReportGraph: Encodable {
  struct Node: Encodable {
    let kind: String
    let name: String
    let inputs: [Input]
    let outputs: [String]
    let attributes: [String: String]
    let sources: [String]
    /// The type that the file gives the one source node, where it is called something else.
    let sourceKind: String?
    /// The passes that made it.
    let passes: [String]
    let group: Int?
    let decision: Int?
  }

  /// Where an input comes from: a node's output, or a constant.
  struct Input: Encodable {
    let slot: String
    let type: String
    let node: Int?
    let output: Int?
    let constant: String?
  }

  struct Group: Encodable {
    let decision: Int?
    let members: [Int]
  }

  struct Port: Encodable {
    let name: String
    let node: Int?
    let type: String
  }

  let nodes: [Node]
  let groups: [Group]
  let outputs: [Port]
  /// All nodes of the graph, constants and what follows from them too.
  let nodeCount: Int
  let constantCount: Int

  private(set) var index: [NodeID: Int] = [:]

  private enum CodingKeys: String, CodingKey {
    case nodes, groups, outputs, nodeCount, constantCount
  }

  /// - Parameter decisions: for fused nodes, the decision by the name of its result
  init(_ graph: Graph, regions: AttentionRegions, decisions: [String: Int]) {
    let outline = GraphOutline(graph, regions: regions)
    let index = Dictionary(uniqueKeysWithValues: outline.nodes.enumerated().map { ($1, $0) })
    self.index = index
    let portNames = Dictionary(graph.inputs.map { ($0.value.node, $0.name) }) { first, _ in first }
    nodes = outline.nodes.map { id in
      let node = graph[id]
      let descriptor = OperationDescriptor.of(node.operation)
      let opaque = node.operation as? Opaque
      let sources = node.origin.sources
      let kind = node.operation is Parameter ? "Input" : opaque?.type ?? descriptor.name
      return Node(
        kind: kind, name: portNames[id] ?? node.label,
        inputs: node.inputs.enumerated().compactMap { position, value in
          value.map { Self.input($0, slot: Self.slot(position, of: descriptor), in: graph, index: index) }
        },
        outputs: node.outputs.map(\.type.description),
        attributes: Dictionary(
          descriptor.setAttributes(of: node.operation).map { ($0.name, $0.value.summary) }
        ) { first, _ in first },
        sources: sources.map(\.name),
        sourceKind: sources.count == 1 && sources.first?.type != kind ? sources.first?.type : nil,
        passes: node.origin.passes, group: outline.groupOf[id],
        decision: regions.decision(of: node) ?? decisions[node.name])
    }
    groups = outline.groups.map { Group(decision: $0.decision, members: $0.members.compactMap { index[$0] }) }
    outputs = graph.outputs.map {
      Port(name: $0.name, node: index[$0.value.node], type: graph.type(of: $0.value).description)
    }
    nodeCount = graph.nodeCount
    constantCount = graph.nodes.reduce(0) { $0 + ($1.operation is Constant ? 1 : 0) }
  }

  private static func slot(_ position: Int, of descriptor: OperationDescriptor) -> String {
    if descriptor.inputs.indices.contains(position) { return descriptor.inputs[position].name }
    return descriptor.inputs.last.map { "\($0.name) \(position)" } ?? String(position)
  }

  private static func input(_ value: Value, slot: String, in graph: Graph, index: [NodeID: Int]) -> Input {
    let info = graph.info(of: value)
    let constant = info.constant.map { tensor in
      let contents = tensor.count <= 8 ? (try? tensor.doubles()).map { "\($0.map { Float($0) })" } : nil
      return contents ?? graph[value.node].label
    }
    return Input(
      slot: slot, type: info.type.description, node: index[value.node], output: value.output, constant: constant)
  }
}
