import GraphIR
import Operations
import Tensors

/// An operand of a product as one of the values that it is a view of.
struct OperandView {
  var source: LabelledValue
  /// Constant factors between the view and the operand.
  var scale: Double
}

extension AxisTable {
  /// The views of `operand` from itself upwards, through shape-only nodes and constant factors.
  ///
  /// Only the product's own operands are certain; each further step is right by itself, so stopping anywhere is too.
  mutating func views(of operand: LabelledValue, in graph: Graph) -> [OperandView] {
    var views = [OperandView(source: operand, scale: 1)]
    let element = graph.info(of: operand.value).element
    while views.count < 32, let last = views.last {
      let node = graph[last.source.value.node]
      if let source = upstream(last.source, in: graph) {
        guard graph.info(of: source.value).element == element else { break }
        views.append(OperandView(source: source, scale: last.scale))
      } else if let (source, factor) = constantFactor(node, in: graph),
        let shape = graph.info(of: source).shape.dimensions, shape.count == last.source.labels.count
      {
        views.append(
          OperandView(source: LabelledValue(value: source, labels: last.source.labels), scale: last.scale * factor))
      } else {
        break
      }
    }
    return views.map { OperandView(source: resolve($0.source), scale: $0.scale) }
  }

  private func constantFactor(_ node: Node, in graph: Graph) -> (Value, Double)? {
    let inputs = node.inputs.compactMap { $0 }
    guard inputs.count == 2, graph.info(of: Value(node.id)).element.isFloatingPoint else { return nil }
    let factor: (Value, Double)? =
      switch node.operation {
      case is Mul:
        graph.info(of: inputs[1]).scalar.map { (inputs[0], $0) }
          ?? graph.info(of: inputs[0]).scalar.map { (inputs[1], $0) }
      case is Div: graph.info(of: inputs[1]).scalar.map { (inputs[0], 1 / $0) }
      default: nil
      }
    guard let factor, factor.1.isFinite, factor.1 != 0 else { return nil }
    return factor
  }
}

extension [OperandView] {
  /// The view that takes the fewest nodes to bring into `target`; of equals the one nearest to the product.
  func cheapest(to target: AxisLabels, axes: AxisTable) -> OperandView? {
    var best: (view: OperandView, cost: Int)?
    for view in self {
      let source = axes.resolve(view.source)
      guard let plan = LayoutPlan(from: source.labels, to: target) else { continue }
      // A constant factor left outside is a node too.
      let cost = 2 * plan.cost + (view.scale == self.last?.scale ? 0 : 1)
      if cost < best?.cost ?? .max { best = (OperandView(source: source, scale: view.scale), cost) }
    }
    return best?.view
  }
}
