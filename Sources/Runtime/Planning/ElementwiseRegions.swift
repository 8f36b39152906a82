import GraphIR
import Tensors

/// Which elementwise nodes are computed together, and after which product.
///
/// A region is a set of nodes whose results nothing outside reads but that of the last, the sink; all have its shape. A product whose
/// result only the region reads is computed with it: its elements are worked on while they are in the caches.
struct ElementwiseRegions {
  struct Region {
    let sink: NodeID
    /// In order, the sink last.
    var members: [NodeID]
    var product: NodeID?
  }

  private(set) var bySink: [NodeID: Region] = [:]
  /// For every node of a region but its sink, that sink.
  private(set) var sinks: [NodeID: NodeID] = [:]

  /// More nodes than chains in models have, so that looking for regions takes no longer than reading the graph.
  private static let memberLimit = 24

  /// Finds regions among `order`, each node after those it reads.
  init(of graph: Graph, order: [NodeID]) {
    let position = Dictionary(uniqueKeysWithValues: order.enumerated().map { ($1, $0) })
    var taken: Set<NodeID> = []
    for sink in order.reversed() where !taken.contains(sink) && Self.isElementwise(graph[sink], in: graph) {
      let shape = graph.info(of: Value(sink)).shape
      var members: Set<NodeID> = [sink]
      func isInside(_ id: NodeID) -> Bool {
        graph.uses(of: Value(id)).allSatisfy { use in
          guard let user = use.node else { return false }
          return members.contains(user) || position[user] == nil
        }
      }
      func producers() -> [NodeID] {
        let all = members.flatMap { graph[$0].inputs.compactMap { $0?.node } }
        return Set(all).filter {
          position[$0] != nil && !members.contains($0) && !taken.contains($0)
            && graph.info(of: Value($0)).shape == shape && isInside($0)
        }.sorted()
      }
      var hasGrown = true
      while hasGrown && members.count < Self.memberLimit {
        let found = producers().filter { Self.isElementwise(graph[$0], in: graph) }
        hasGrown = !found.isEmpty
        members.formUnion(found)
      }
      let product = producers().filter { Self.isProduct(graph[$0], in: graph) }
        .max { (position[$0] ?? 0) < (position[$1] ?? 0) }
      taken.formUnion(members)
      if let product { taken.insert(product) }
      let sorted = members.sorted { (position[$0] ?? 0) < (position[$1] ?? 0) }
      bySink[sink] = Region(sink: sink, members: sorted, product: product)
      for member in sorted.dropLast() + [product].compactMap({ $0 }) { sinks[member] = sink }
    }
  }

  /// Lets the nodes of a region be computed one by one.
  mutating func dissolve(_ region: Region) {
    bySink[region.sink] = nil
    for member in region.members + [region.product].compactMap({ $0 }) { sinks[member] = nil }
  }

  /// Lets the product of a region be computed before it.
  mutating func separateProduct(of region: Region) {
    guard let product = region.product else { return }
    bySink[region.sink]?.product = nil
    sinks[product] = nil
  }

  static func isElementwise(_ node: Node, in graph: Graph) -> Bool {
    guard let operation = node.operation as? any ElementwiseExecutable, node.outputs.count == 1,
      hasFloats(node.outputs[0]), let infos = inputs(of: node, in: graph), infos.allSatisfy(hasFloats)
    else { return false }
    var trial = ProgramBuilder()
    let operands = node.inputs.compactMap { $0 }.map { trial.operand($0) }
    return operation.emit(operands, infos: infos, into: &trial) != nil
  }

  static func isProduct(_ node: Node, in graph: Graph) -> Bool {
    guard node.operation is any ProductOperation, let output = node.outputs.first, node.outputs.count == 1,
      (output.rank ?? 0) >= 2, hasFloats(output), let infos = inputs(of: node, in: graph)
    else { return false }
    return infos.allSatisfy(hasFloats)
  }

  private static func inputs(of node: Node, in graph: Graph) -> [ValueInfo]? {
    let values = node.inputs.compactMap { $0 }
    return values.count == node.inputs.count ? values.map { graph.info(of: $0) } : nil
  }

  private static func hasFloats(_ info: ValueInfo) -> Bool {
    guard info.element == .float32, let sizes = info.shape.sizes else { return false }
    return !sizes.contains(0)
  }
}
