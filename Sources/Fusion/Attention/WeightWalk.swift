import GraphIR
import Operations
import Tensors

/// One thing that happens to the weights between the softmax and the second product.
enum WeightStep {
  case scaled(by: Double)
  /// Multiplied with, or divided by, a tensor.
  case multiplied(by: LabelledValue, inverted: Bool)
  /// NaN put to 0.
  case guarded
  case rounded(Rounding)
  /// All put to 0 where `condition` is `hidden`.
  case kept(by: LabelledValue, hidden: Bool)
}

/// The way from the softmax to the product with the values.
struct WeightPath {
  let product: Contraction
  /// Whether the weights are the product's left operand.
  let weightsOnLeft: Bool
  /// The weights as the product reads them.
  let weights: LabelledValue
  /// What happens to the weights, first things first, each with the node that does it.
  var steps: [(step: WeightStep, node: NodeID)]
  /// Every node on the way, the product's not included.
  var nodes: [NodeID]
  /// The labels of every value on the way.
  var labels: [Value: AxisLabels]
}

/// Walks from the weights downwards to the product that sums over the keys.
struct WeightWalk {
  let graph: Graph
  var axes: AxisTable
  let keys: [Axis]
  let isLive: (NodeID) -> Bool
  private var budget = 128
  /// The nodes from the softmax to the one that is being looked at.
  private var trail: [NodeID] = []
  /// The values from the softmax's result to the one that is being looked at.
  private var passed: [Value] = []
  /// The longest way that ended without a product.
  private(set) var nearest: [NodeID] = []
  /// A layer that mixes the heads of weights before a product with values.
  private(set) var mix: NodeID?

  init(graph: Graph, axes: AxisTable, keys: [Axis], isLive: @escaping (NodeID) -> Bool) {
    self.graph = graph
    self.axes = axes
    self.keys = keys
    self.isLive = isLive
  }

  /// The way from `weights`, nil where no product over the keys lies below.
  mutating func path(from weights: LabelledValue, depth: Int = 0) -> WeightPath? {
    guard budget > 0, depth < 32 else { return nil }
    budget -= 1
    passed.append(weights.value)
    defer { passed.removeLast() }
    var readers: [NodeID] = []
    for case .node(let id, _) in graph.uses(of: weights.value) where isLive(id) && !readers.contains(id) {
      readers.append(id)
    }
    for reader in readers {
      let before = axes
      if let path = path(from: weights, through: graph[reader], depth: depth) { return path }
      axes = before
    }
    let product = readers.first { Contraction(graph[$0], in: graph) != nil }
    if let reader = product ?? readers.first, trail.count >= nearest.count { nearest = trail + [reader] }
    return nil
  }

  private mutating func path(from weights: LabelledValue, through node: Node, depth: Int) -> WeightPath? {
    trail.append(node.id)
    defer { trail.removeLast() }
    if let product = Contraction(node, in: graph) {
      let onLeft = product.left == weights.value
      guard onLeft || product.right == weights.value, product.left != product.right else { return nil }
      let labels = axes.resolve(weights.labels)
      let keys = axes.resolve(keys)
      guard let position = labels.firstIndex(of: keys), product.summed == [product.letters(ofLeft: onLeft)[position]]
      else {
        lookBehindMix(from: weights, through: node, depth: depth)
        return nil
      }
      return WeightPath(
        product: product, weightsOnLeft: onLeft, weights: LabelledValue(value: weights.value, labels: labels),
        steps: [],
        nodes: [], labels: [weights.value: labels])
    }
    if let result = axes.downstream(weights, through: node, in: graph) {
      var path = path(from: result, depth: depth + 1)
      path?.nodes.append(node.id)
      path?.labels[weights.value] = weights.labels
      return path
    }
    guard let (step, result, nodes) = step(of: node, on: weights) else {
      lookBehindMix(from: weights, through: node, depth: depth)
      return nil
    }
    var path = path(from: result, depth: depth + 1)
    path?.steps.insert((step, node.id), at: 0)
    path?.nodes += nodes
    path?.labels[weights.value] = weights.labels
    return path
  }

  /// Notes whether `weights` come to a product but for a layer, `node`, that mixes their heads.
  private mutating func lookBehindMix(from weights: LabelledValue, through node: Node, depth: Int) {
    let (before, closest) = (axes, nearest)
    defer { (axes, nearest) = (before, closest) }
    guard mix == nil, let result = axes.mixture(of: weights, through: node, in: graph),
      axes.resolve(result).labels.contains(axes.resolve(keys)), path(from: result, depth: depth + 1) != nil
    else { return }
    mix = node.id
  }

  private func step(of node: Node, on weights: LabelledValue) -> (WeightStep, LabelledValue, [NodeID])? {
    let result = LabelledValue(value: Value(node.id), labels: weights.labels)
    let inputs = node.inputs.compactMap { $0 }
    switch node.operation {
    case is Mul where inputs.count == 2 && inputs[0] != inputs[1],
      is Div where inputs.count == 2 && inputs[0] == weights.value:
      let other = inputs[0] == weights.value ? inputs[1] : inputs[0]
      let inverted = node.operation is Div
      if let factor = graph.info(of: other).scalar {
        return (.scaled(by: inverted ? 1 / factor : factor), result, [node.id])
      }
      guard let shape = graph.info(of: other).shape.dimensions, shape.count <= weights.labels.count else { return nil }
      let factor = LabelledValue(value: other, labels: axes.labels(of: shape, broadcastTo: weights.labels))
      return (.multiplied(by: factor, inverted: inverted), result, [node.id])
    case is Neg: return (.scaled(by: -1), result, [node.id])
    case is Where where inputs.count == 3:
      guard let kept = [1, 2].first(where: { inputs[$0] == weights.value }) else { return nil }
      if kept == 2, let nodes = infinityTest(inputs[0]) { return (.scaled(by: 1), result, nodes + [node.id]) }
      guard graph.uniformValue(inputs[3 - kept]) == 0 else { return nil }
      if let (nodes, isTrueForNaN) = guardTest(inputs[0], of: weights.value) {
        return isTrueForNaN == (kept == 2) ? (.guarded, result, nodes + [node.id]) : nil
      }
      guard let shape = graph.info(of: inputs[0]).shape.dimensions, shape.count <= weights.labels.count else {
        return nil
      }
      let condition = LabelledValue(value: inputs[0], labels: axes.labels(of: shape, broadcastTo: weights.labels))
      return (.kept(by: condition, hidden: kept == 2), result, [node.id])
    case is QuantizeLinear, is FakeQuantize:
      let last = node.operation is FakeQuantize ? node : graph.uses(of: Value(node.id)).first?.node.map { graph[$0] }
      guard let last, let rounding = Rounding(last, in: graph), rounding.source == weights.value else { return nil }
      return (.rounded(rounding), LabelledValue(value: Value(last.id), labels: weights.labels), rounding.nodes)
    default:
      return nil
    }
  }

  /// The nodes of a test of `weights` for NaN, and whether it is true for NaN: isNaN(w), not isNaN(w), or w = w.
  private func guardTest(_ condition: Value, of weights: Value) -> ([NodeID], isTrueForNaN: Bool)? {
    let test = graph[condition.node]
    switch test.operation {
    case is IsNaN where test.inputs[0] == weights: return ([test.id], true)
    case is Equal where test.inputs == [weights, weights]: return ([test.id], false)
    case is Not:
      guard let inner = test.inputs[0], let (nodes, isTrueForNaN) = guardTest(inner, of: weights) else { return nil }
      return (nodes + [test.id], !isTrueForNaN)
    default: return nil
    }
  }

  /// The nodes of a test for infinite weights, as a replacement of all numbers that are not finite makes it: it is never true of weights.
  private func infinityTest(_ condition: Value) -> [NodeID]? {
    let test = graph[condition.node]
    let inputs = test.inputs.compactMap { $0 }
    switch test.operation {
    case is IsInf: return inputs.first.flatMap(castsFromWeights).map { $0 + [test.id] }
    case is Cast: return inputs.first.flatMap(infinityTest).map { $0 + [test.id] }
    case is And where inputs.count == 2:
      for (one, other) in [(inputs[0], inputs[1]), (inputs[1], inputs[0])] {
        if let nodes = infinityTest(one), let others = signTest(other) { return nodes + others + [test.id] }
      }
      return nil
    default: return nil
    }
  }

  private func signTest(_ condition: Value) -> [NodeID]? {
    let test = graph[condition.node]
    switch test.operation {
    case is Cast: return test.inputs.first.flatMap { $0 }.flatMap(signTest).map { $0 + [test.id] }
    case is Less, is Greater:
      return test.inputs.compactMap { $0 }.lazy.compactMap(castsFromWeights).first.map { $0 + [test.id] }
    default: return nil
    }
  }

  /// The casts between `value` and the weights of the softmax or what tests alone have replaced in them; nil for any other value.
  private func castsFromWeights(_ value: Value) -> [NodeID]? {
    var value = value
    var casts: [NodeID] = []
    while !passed.contains(value) {
      let node = graph[value.node]
      guard node.operation is Cast, casts.count < 4, let source = node.inputs[0] else { return nil }
      casts.append(node.id)
      value = source
    }
    let isPlain = trail.dropLast().allSatisfy { graph[$0].operation is Where || ShapeStep.source(of: graph[$0]) != nil }
    return isPlain ? casts : nil
  }
}
