import GraphIR
import Operations
import Rewriting
import Tensors

extension AxisTable {
  /// What the column `sink`, of the shape of scores with `labels` but for the keys, is a view of: one logit a head.
  mutating func sink(
    _ sink: Value, labels: AxisLabels, keys: [Axis], heads: [Axis], in graph: Graph
  ) throws(Reason) -> (value: LabelledValue, scale: Double) {
    let keys = resolve(keys)
    let column = resolve(labels).map { $0 == keys ? [] : $0 }
    guard graph.info(of: sink).shape.dimensions?.count == column.count else {
      throw Reason("unknown-shape", "the rank of an operand is not known", node: graph[sink.node].label)
    }
    var best: (value: LabelledValue, scale: Double, cost: Int)?
    for view in views(of: LabelledValue(value: sink, labels: column), in: graph) {
      let source = resolve(view.source)
      let others = source.labels.indices.filter { !Set(source.labels[$0]).isSubset(of: heads) }
      guard others.allSatisfy({ graph.isUniform(source.value, along: $0) }) else { continue }
      let labels = source.labels.indices.map { others.contains($0) ? [] : source.labels[$0] }
      guard let plan = LayoutPlan(from: labels, to: [heads]) else { continue }
      let cost = plan.cost + others.count
      if cost < best?.cost ?? .max { best = (source, view.scale, cost) }
    }
    if let best { return (best.value, best.scale) }
    throw Reason(
      "sink-not-per-head",
      "a column beside the scores takes weight, but it is not one number a head: \(graph.type(of: sink))",
      node: graph[sink.node].label)
  }
}

extension Graph {
  /// Whether `value` is a constant of which all slices along `axis` are alike.
  fileprivate func isUniform(_ value: Value, along axis: Int) -> Bool {
    guard let constant = info(of: value).constant, constant.count <= ValueInfo.contentsLimit,
      let elements = try? constant.doubles(), constant.shape.indices.contains(axis), constant.count > 0
    else { return false }
    let stride = constant.shape[(axis + 1)...].reduce(1, *)
    let size = constant.shape[axis]
    return elements.indices.allSatisfy { elements[$0] == elements[$0 - $0 / stride % size * stride] }
  }
}
