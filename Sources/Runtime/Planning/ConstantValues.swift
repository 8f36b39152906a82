import GraphIR
import Tensors

/// The values of a graph that follow from constants alone, computed when they are first asked for.
///
/// Inference folds what is small; weights that a model transposes or converts are folded here, if a step reads them at all.
struct ConstantValues {
  private let graph: Graph
  private var follow: Set<NodeID> = []
  private var computed: [Value: Tensor] = [:]

  init(_ graph: Graph, order: [NodeID]) {
    self.graph = graph
    for id in order where !graph[id].inputs.isEmpty && !(graph[id].operation is Opaque) {
      let inputs = graph[id].inputs.compactMap { $0 }
      if !inputs.isEmpty, inputs.allSatisfy({ isConstant($0) }) { follow.insert(id) }
    }
  }

  func isConstant(_ value: Value) -> Bool {
    graph.info(of: value).constant != nil || follow.contains(value.node)
  }

  /// The contents of `value`; nil where they depend on an input.
  mutating func tensor(of value: Value) throws -> Tensor? {
    if let known = known(value) { return known }
    guard follow.contains(value.node) else { return nil }
    // Chains of constants may be longer than the stack is deep.
    var pending = [value.node]
    while let id = pending.last {
      let node = graph[id]
      let missing = node.inputs.compactMap { $0 }.filter { known($0) == nil && $0.node != id }
      if missing.isEmpty {
        pending.removeLast()
        let inputs = node.inputs.map { $0.flatMap { known($0) } }
        let results = try locating(node.label) { try node.operation.evaluate(Operands(inputs)) }
        for (index, result) in results.enumerated() { computed[Value(id, index)] = result }
      } else {
        pending += missing.map(\.node)
      }
    }
    return computed[value]
  }

  private func known(_ value: Value) -> Tensor? { graph.info(of: value).constant ?? computed[value] }
}
