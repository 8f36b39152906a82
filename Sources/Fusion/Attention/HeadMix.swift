import GraphIR
import Operations
import Tensors

/// Layers that make every head of scores or weights of all heads, position by position ("talking heads"): products with a matrix
/// of weights, and convolutions with a kernel of one position. No head is an attention of its own beside them.
extension AxisTable {
  /// What such a layer makes `labelled` of.
  mutating func mixed(_ labelled: LabelledValue, in graph: Graph) -> LabelledValue? {
    let node = graph[labelled.value.node]
    if let product = Contraction(node, in: graph), graph.isLinearLayer(product) {
      return relabelled(labelled.labels, product.outputLetters, as: product.left, product.leftLetters, in: graph)
    }
    guard graph.isPointwise(node), let source = node.inputs[0] else { return nil }
    let letters = Array(labelled.labels.indices)
    return relabelled(labelled.labels, letters, as: source, letters.map { $0 == 1 ? -1 : $0 }, in: graph)
  }

  /// What such a layer, `node`, makes of `labelled`.
  mutating func mixture(of labelled: LabelledValue, through node: Node, in graph: Graph) -> LabelledValue? {
    let result = Value(node.id)
    if let product = Contraction(node, in: graph) {
      guard graph.isLinearLayer(product), product.left == labelled.value else { return nil }
      return relabelled(labelled.labels, product.leftLetters, as: result, product.outputLetters, in: graph)
    }
    guard graph.isPointwise(node), node.inputs[0] == labelled.value else { return nil }
    let letters = Array(labelled.labels.indices)
    return relabelled(labelled.labels, letters, as: result, letters.map { $0 == 1 ? -1 : $0 }, in: graph)
  }

  /// `value` with the labels of the letters it shares with another, and new ones where it has others.
  private mutating func relabelled(
    _ labels: AxisLabels, _ letters: [Int], as value: Value, _ own: [Int], in graph: Graph
  ) -> LabelledValue? {
    guard let shape = graph.info(of: value).shape.dimensions, shape.count == own.count, labels.count == letters.count
    else { return nil }
    let known = Dictionary(zip(letters, labels)) { first, _ in first }
    return LabelledValue(value: value, labels: zip(own, shape).map { known[$0] ?? make($1) })
  }
}

extension Graph {
  /// Whether `node` is a convolution with constant weights that looks at one position at a time and at all channels.
  fileprivate func isPointwise(_ node: Node) -> Bool {
    guard let convolution = node.operation as? Conv, convolution.group == 1, let kernel = node.inputs[1],
      isLearned(kernel), let shape = info(of: kernel).shape.dimensions, shape.count > 2,
      info(of: Value(node.id)).rank == shape.count
    else { return false }
    return shape.dropFirst(2).allSatisfy { $0 == 1 }
  }
}
