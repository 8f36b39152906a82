import GraphIR
import Operations
import Rewriting
import Tensors

/// A quantisation that is undone at once: what is left of it is that numbers are rounded to steps and cut off at both ends.
///
/// An attention with one between its products is found but not fused. Weights of less than half a step, as all are where keys are
/// many, are 0 in the quantised model, and leaving the rounding out would bring them back.
struct Rounding {
  let source: Value
  /// The nodes from the source to the rounded value, the last being the one that gives it.
  let nodes: [NodeID]
  private let step: Double

  /// Nil where `node` does not end a quantisation with one scale for the whole tensor.
  init?(_ node: Node, in graph: Graph) {
    func number(_ node: Node, _ index: Int) -> Double? {
      node.inputs.indices.contains(index) ? node.inputs[index].flatMap { graph.info(of: $0).scalar } : nil
    }
    switch node.operation {
    case is DequantizeLinear:
      guard let quantized = node.inputs.first.flatMap({ $0 }), graph[quantized.node].operation is QuantizeLinear,
        let source = graph[quantized.node].inputs.first.flatMap({ $0 }), let scale = number(node, 1), scale > 0
      else { return nil }
      (self.source, nodes, step) = (source, [quantized.node, node.id], scale)
    case let fake as FakeQuantize:
      guard let source = node.inputs.first.flatMap({ $0 }), let low = number(node, 1), let high = number(node, 2),
        low < high, fake.levels > 1
      else { return nil }
      (self.source, nodes, step) = (source, [node.id], (high - low) / Double(fake.levels - 1))
    default: return nil
    }
  }

  /// Why the attention that rounds its scores or weights so is left as it is.
  func reason(about what: String, node: String) -> Reason {
    Reason(
      "quantised", "the \(what) are rounded to steps of \(Float(step)), which a fused attention would not do",
      node: node,
      hint: "quantise weights and the inputs of products, but not what lies between the two products of an attention")
  }
}
