import GraphIR
import Operations
import Tensors

/// A quantisation that is undone at once: what is left of it is that numbers are rounded to steps and cut off at both ends.
///
/// Attention on the unrounded numbers is the one that was quantised; how far both are apart is what the steps allow.
struct Rounding {
  let source: Value
  /// The nodes from the source to the rounded value, the last being the one that gives it.
  let nodes: [NodeID]
  let range: ClosedRange<Double>
  let step: Double

  /// Nil where `node` does not end a quantisation with one scale for the whole tensor.
  init?(_ node: Node, in graph: Graph) {
    func number(_ node: Node, _ index: Int) -> Double? {
      node.inputs.indices.contains(index) ? node.inputs[index].flatMap { graph.info(of: $0).scalar } : nil
    }
    switch node.operation {
    case is DequantizeLinear:
      guard let quantized = node.inputs.first.flatMap({ $0 }), graph[quantized.node].operation is QuantizeLinear,
        let source = graph[quantized.node].inputs.first.flatMap({ $0 }), let scale = number(node, 1), scale > 0,
        number(graph[quantized.node], 1) == scale,
        let limits = Rounding.limits(of: graph.info(of: quantized).element)
      else { return nil }
      let zeroPoint = number(node, 2) ?? 0
      guard (number(graph[quantized.node], 2) ?? 0) == zeroPoint, limits.contains(zeroPoint) else { return nil }
      (self.source, nodes, step) = (source, [quantized.node, node.id], scale)
      range = ((limits.lowerBound - zeroPoint) * scale)...((limits.upperBound - zeroPoint) * scale)
    case let fake as FakeQuantize:
      guard let source = node.inputs.first.flatMap({ $0 }), let low = number(node, 1), let high = number(node, 2),
        low < high, number(node, 3) == low, number(node, 4) == high, fake.levels > 1
      else { return nil }
      (self.source, nodes, step) = (source, [node.id], (high - low) / Double(fake.levels - 1))
      range = low...high
    default: return nil
    }
  }

  private static func limits(of element: ElementType) -> ClosedRange<Double>? {
    switch element {
    case .int8: -128...127
    case .uint8: 0...255
    case .int16: -32768...32767
    case .uint16: 0...65535
    default: nil
    }
  }

  /// What is assumed where the rounding is left out.
  func assumption(about what: String) -> String {
    "\(what) lie between \(Float(range.lowerBound)) and \(Float(range.upperBound)); rounding them to steps of \(Float(step)) is left out"
  }
}
