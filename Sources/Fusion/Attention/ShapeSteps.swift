import GraphIR
import Operations
import Tensors

/// Nodes that move elements and change none: what attention's operands pass through on their way.
enum ShapeStep {
  /// The data input of `node`, where the node only moves, repeats or retypes the elements of that input.
  static func source(of node: Node) -> Value? {
    switch node.operation {
    case is Transpose, is Reshape, is Unsqueeze, is Squeeze, is Flatten, is Expand, is Tile, is Identity, is Dropout,
      is Cast:
      node.inputs.first.flatMap { $0 }
    default: nil
    }
  }
}

extension AxisTable {
  /// The value that `labelled` is a view of, with its own labels, where its node is shape-only; nil for any other node.
  ///
  /// A dimension that an expansion repeats drops its axes: the source does not depend on them.
  mutating func upstream(_ labelled: LabelledValue, in graph: Graph) -> LabelledValue? {
    let node = graph[labelled.value.node]
    if let assigned = graph.wholeAssignment(node) { return LabelledValue(value: assigned, labels: labelled.labels) }
    guard labelled.value.output == 0, let source = ShapeStep.source(of: node),
      let before = graph.info(of: source).shape.dimensions, let after = graph.info(of: labelled.value).shape.dimensions,
      after.count == labelled.labels.count
    else { return nil }
    switch node.operation {
    case is Identity:
      return LabelledValue(value: source, labels: labelled.labels)
    case is Dropout:
      return graph.keepsAll(node) ? LabelledValue(value: source, labels: labelled.labels) : nil
    case let cast as Cast:
      guard cast.keepsValues(of: graph.info(of: source).element) else { return nil }
      return LabelledValue(value: source, labels: labelled.labels)
    case let transpose as Transpose:
      guard let order = transpose.order(rank: before.count) else { return nil }
      var labels = AxisLabels(repeating: [], count: before.count)
      for (position, axis) in order.enumerated() { labels[axis] = labelled.labels[position] }
      return LabelledValue(value: source, labels: labels)
    case is Reshape, is Unsqueeze, is Squeeze, is Flatten:
      return regroup(labelled.labels, to: before).map { LabelledValue(value: source, labels: $0) }
    case is Expand, is Tile:
      let surplus = after.count - before.count
      guard surplus >= 0 else { return nil }
      var labels: AxisLabels = []
      for (axis, size) in before.enumerated() {
        if size.constant == 1 {
          labels.append([])
        } else if size == after[axis + surplus] {
          labels.append(labelled.labels[axis + surplus])
        } else {
          return nil
        }
      }
      return LabelledValue(value: source, labels: labels)
    default:
      return nil
    }
  }

  /// The value that the shape-only `node` makes of `labelled`, its data input, with labels; nil for any other node.
  mutating func downstream(_ labelled: LabelledValue, through node: Node, in graph: Graph) -> LabelledValue? {
    guard ShapeStep.source(of: node) == labelled.value,
      let after = graph.info(of: Value(node.id)).shape.dimensions
    else { return nil }
    let result = Value(node.id)
    switch node.operation {
    case is Identity:
      return LabelledValue(value: result, labels: labelled.labels)
    case is Dropout:
      return graph.keepsAll(node) ? LabelledValue(value: result, labels: labelled.labels) : nil
    case let cast as Cast:
      guard cast.keepsValues(of: graph.info(of: labelled.value).element) else { return nil }
      return LabelledValue(value: result, labels: labelled.labels)
    case let transpose as Transpose:
      guard let order = transpose.order(rank: labelled.labels.count) else { return nil }
      return LabelledValue(value: result, labels: order.map { labelled.labels[$0] })
    case is Expand:
      // A run that repeats something would repeat weights: only an expansion to the sizes that are there is none.
      let before = graph.info(of: labelled.value).shape.dimensions
      return before == after ? LabelledValue(value: result, labels: labelled.labels) : nil
    case is Reshape, is Unsqueeze, is Squeeze, is Flatten:
      return regroup(labelled.labels, to: after).map { LabelledValue(value: result, labels: $0) }
    default:
      return nil
    }
  }
}

extension Graph {
  /// Whether a dropout is sure to drop nothing: not in training, or none of its input.
  fileprivate func keepsAll(_ dropout: Node) -> Bool {
    func number(_ index: Int) -> Double? {
      dropout.inputs.indices.contains(index) ? dropout.inputs[index].flatMap { uniformNumber($0) } : nil
    }
    guard dropout.inputs.count > 2, dropout.inputs[2] != nil else { return true }
    return number(2) == 0 || number(1) == 0
  }
}

extension Cast {
  /// Whether values of `element` stay what they are but for rounding: a cast between floating point and integers changes them.
  fileprivate func keepsValues(of element: ElementType) -> Bool {
    to == element || to.isFloatingPoint && element.isFloatingPoint
  }
}

extension Transpose {
  /// The permutation, the reversal of all axes where none is given; nil where it does not fit `rank`.
  func order(rank: Int) -> [Int]? {
    let order = permutation ?? Array((0..<rank).reversed())
    return order.sorted() == Array(0..<rank) ? order : nil
  }
}
