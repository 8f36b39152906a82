import GraphIR
import Operations
import Tensors

/// A softmax, as one node or spelled out: exp(x − max x) / Σ exp(x − max x), with or without the maximum.
struct SoftmaxForm {
  /// The node that the decision is about: the one that gives the result.
  let anchor: NodeID
  let input: Value
  let axis: Int
  let rank: Int
  /// All its nodes, the anchor included.
  let nodes: [NodeID]
  /// Whether large scores are safe, as they are in the softmax of every format.
  let subtractsMaximum: Bool

  /// The softmax that ends in `node`, if one does and the rank of its input is known.
  init?(endingIn node: Node, in graph: Graph) {
    anchor = node.id
    if let softmax = node.operation as? Softmax {
      guard let data = node.inputs.first.flatMap({ $0 }), let rank = graph.info(of: data).rank,
        let axis = try? normalizedAxis(softmax.axis, rank: rank)
      else { return nil }
      (input, self.axis, self.rank, nodes) = (data, axis, rank, [node.id])
      subtractsMaximum = true
      return
    }
    guard let (exponential, sum, between) = SoftmaxForm.quotient(node, in: graph),
      let rank = graph.info(of: exponential).rank, graph[sum].operation is ReduceSum,
      graph[sum].inputs.first == exponential, let axis = graph.reducedAxis(sum, rank: rank),
      graph[exponential.node].operation is Exp, let exponent = graph[exponential.node].inputs[0]
    else { return nil }
    self.axis = axis
    self.rank = rank
    let shifted = graph[exponent.node]
    if shifted.operation is Sub, let data = shifted.inputs[0], let maximum = shifted.inputs[1],
      graph[maximum.node].operation is ReduceMax, graph[maximum.node].inputs.first == data,
      graph.reducedAxis(maximum.node, rank: rank) == axis
    {
      input = data
      subtractsMaximum = true
      nodes = [maximum.node, shifted.id, exponential.node, sum] + between + [node.id]
    } else {
      input = exponent
      subtractsMaximum = false
      nodes = [exponential.node, sum] + between + [node.id]
    }
  }

  /// The dividend, the node of the divisor, and what lies between, of `a / b` or `a · (1 / b)`.
  private static func quotient(_ node: Node, in graph: Graph) -> (Value, NodeID, [NodeID])? {
    let inputs = node.inputs.compactMap { $0 }
    guard inputs.count == 2 else { return nil }
    if node.operation is Div { return (inputs[0], inputs[1].node, []) }
    guard node.operation is Mul else { return nil }
    for (dividend, inverse) in [(inputs[0], inputs[1]), (inputs[1], inputs[0])] {
      let reciprocal = graph[inverse.node]
      if reciprocal.operation is Reciprocal, let divisor = reciprocal.inputs[0] {
        return (dividend, divisor.node, [reciprocal.id])
      }
    }
    return nil
  }
}

extension Graph {
  /// The one axis over which `node` reduces and which it keeps at size 1.
  fileprivate func reducedAxis(_ node: NodeID, rank: Int) -> Int? {
    let node = self[node]
    let keeps: Bool? =
      switch node.operation {
      case let sum as ReduceSum: sum.keepsAxes
      case let maximum as ReduceMax: maximum.keepsAxes
      default: nil
      }
    guard keeps == true, node.inputs.count > 1, let axes = node.inputs[1].flatMap({ info(of: $0).integers }),
      axes.count == 1
    else { return nil }
    return try? normalizedAxis(axes[0], rank: rank)
  }
}
