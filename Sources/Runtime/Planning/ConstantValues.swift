import GraphIR
import Tensors

/// The values of a graph that follow from constants alone, computed when they are first asked for.
///
/// Inference folds what is small; weights that a model transposes, converts or unpacks are folded here, if a step reads them at all.
/// What is large and leads to one other value only is dropped as soon as that is computed.
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

  /// More elements than this are not kept for those who might ask for them again.
  private static let keptCount = 1 << 16

  /// Longer expressions are not followed.
  private static let expressionLimit = 64

  /// What `value` is computed from; nil where it depends on an input, or on too many values.
  func expression(of value: Value) -> ConstantExpression? {
    var left = Self.expressionLimit
    return expression(of: value, left: &left)
  }

  private func expression(of value: Value, left: inout Int) -> ConstantExpression? {
    if let tensor = graph.info(of: value).constant { return .tensor(tensor) }
    guard follow.contains(value.node), left > 0 else { return nil }
    left -= 1
    let node = graph[value.node]
    var inputs: [ConstantExpression?] = []
    for input in node.inputs {
      guard let input else {
        inputs.append(nil)
        continue
      }
      guard let expression = expression(of: input, left: &left) else { return nil }
      inputs.append(expression)
    }
    return .result(ConstantExpression.AnyOperation(operation: node.operation), output: value.output, inputs: inputs)
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
        for input in node.inputs { input.map { drop($0) } }
      } else {
        pending += missing.map(\.node)
      }
    }
    return computed[value]
  }

  /// Lets go of contents that were computed for one reader, which has read them; they are computed again if asked for.
  mutating func drop(_ value: Value) {
    guard let tensor = computed[value], tensor.count > Self.keptCount, graph.hasSingleUse(value) else { return }
    computed[value] = nil
  }

  private func known(_ value: Value) -> Tensor? { graph.info(of: value).constant ?? computed[value] }
}
