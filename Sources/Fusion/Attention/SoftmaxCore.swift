import GraphIR
import Operations
import Tensors

/// The softmax itself: exp(x − shift) / Σ exp(x − shift), where the shift is the same for a whole row and cancels.
struct SoftmaxCore {
  enum Shift { case none, rowMaximum, logarithm, other }

  let input: Value
  let axis: Int
  let shift: Shift
  let nodes: [NodeID]
  /// What exponentials are put to 0 by before they are added up.
  private(set) var mask: WeightMask?
  /// Whether the sum is kept above 0, which makes a row of nothing but zeros one of zeros.
  private(set) var isFloored = false
  /// A product with the exponentials, where that is divided by their sum instead of the exponentials themselves.
  private(set) var product: (value: Value, weights: Value)?

  init?(endingIn node: Node, in graph: Graph) {
    if node.is(Softmax.self), let softmax = node.operation as? Softmax, let data = node.inputs.first.flatMap({ $0 }) {
      (input, axis, shift, nodes) = (data, softmax.axis, .rowMaximum, [node.id])
    } else if node.is(Exp.self), let core = SoftmaxCore(exponentialOfLogarithm: node, in: graph) {
      self = core
    } else if let core = SoftmaxCore(quotient: node, in: graph) {
      self = core
    } else {
      return nil
    }
  }

  /// exp(log softmax x), or exp(x − log Σ exp x).
  private init?(exponentialOfLogarithm node: Node, in graph: Graph) {
    guard let logarithm = node.inputs[0] else { return nil }
    let inner = graph[logarithm.node]
    if let softmax = inner.operation as? LogSoftmax, let data = inner.inputs[0] {
      (input, axis, shift, nodes) = (data, softmax.axis, .rowMaximum, [inner.id, node.id])
      return
    }
    guard inner.operation is Sub, let data = inner.inputs[0], let total = inner.inputs[1] else { return nil }
    if let (axis, above) = SoftmaxCore.shiftedLogarithm(total, of: data, in: graph) {
      (input, self.axis, shift, nodes) = (data, axis, .logarithm, above + [inner.id, node.id])
      return
    }
    if let sum = graph.rowReduction(total, as: ReduceLogSumExp.self), sum.source == data, sum.axes.count == 1 {
      (input, axis, shift, nodes) = (data, sum.axes[0], .logarithm, sum.nodes + [inner.id, node.id])
      return
    }
    var sum = graph.rowReduction(total, as: ReduceLogSum.self)
    if sum == nil, graph[total.node].operation is Log, let argument = graph[total.node].inputs[0] {
      sum = graph.rowReduction(argument, as: ReduceSum.self)
      sum?.nodes.append(total.node)
    }
    guard let sum, sum.axes.count == 1, graph[sum.source.node].operation is Exp,
      graph[sum.source.node].inputs[0] == data
    else { return nil }
    (input, axis, shift, nodes) = (data, sum.axes[0], .none, [sum.source.node] + sum.nodes + [inner.id, node.id])
  }

  /// log Σ exp(x − m) + m, with the largest x of a row for m.
  private static func shiftedLogarithm(
    _ value: Value, of data: Value, in graph: Graph
  ) -> (axis: Int, nodes: [NodeID])? {
    let addition = graph[value.node]
    let terms = addition.inputs.compactMap { $0 }
    guard addition.operation is Add, terms.count == 2 else { return nil }
    for (logarithm, maximum) in [(terms[0], terms[1]), (terms[1], terms[0])] {
      guard graph[logarithm.node].operation is Log, let total = graph[logarithm.node].inputs[0],
        let sum = graph.rowReduction(total, as: ReduceSum.self), sum.axes.count == 1,
        graph[sum.source.node].operation is Exp, let exponent = graph[sum.source.node].inputs[0],
        graph[exponent.node].operation is Sub, graph[exponent.node].inputs == [data, maximum],
        let reduction = graph.rowReduction(maximum, as: ReduceMax.self), reduction.source == data,
        reduction.axes == sum.axes
      else { continue }
      let inner = reduction.nodes + [exponent.node, sum.source.node] + sum.nodes
      return (sum.axes[0], inner + [logarithm.node, addition.id])
    }
    return nil
  }

  /// e / Σ e, or e · (1 / Σ e), or the same of a product e · v, where e is exp(x − shift), perhaps put to 0 by a mask.
  private init?(quotient node: Node, in graph: Graph) {
    guard let normalized = Normalized(node, in: graph) else { return nil }
    if normalized.dividend != normalized.summed {
      guard Contraction(graph[normalized.dividend.node], in: graph) != nil else { return nil }
      product = (normalized.dividend, normalized.summed)
    }
    mask = WeightMask(endingIn: normalized.summed, in: graph)
    let exponential = mask?.weights ?? normalized.summed
    guard graph[exponential.node].operation is Exp, let exponent = graph[exponential.node].inputs[0] else {
      return nil
    }
    axis = normalized.axis
    isFloored = normalized.floor > 0
    let outer = [exponential.node] + (mask.map { [$0.node] } ?? []) + normalized.nodes
    let shifted = graph[exponent.node]
    if shifted.operation is Sub, let data = shifted.inputs[0], let maximum = shifted.inputs[1],
      let reduction = graph.rowReduction(maximum, as: ReduceMax.self), reduction.source == data,
      reduction.axes.contains(axis)
    {
      input = data
      shift = reduction.axes == [axis] ? .rowMaximum : .other
      nodes = reduction.nodes + [shifted.id] + outer
    } else {
      input = exponent
      shift = .none
      nodes = outer
    }
    guard normalized.floor <= (shift == .rowMaximum && mask == nil ? Normalized.floorBesideOne : Normalized.floorLimit)
    else { return nil }
  }
}

/// Something divided by a sum of weights along one axis, usually the weights themselves: w / Σ w, or w · (1 / Σ w).
struct Normalized {
  /// How small a number beside sums must be that are 1 at the least, and beside others.
  static let floorBesideOne = 1e-6
  static let floorLimit = 1e-9

  let dividend: Value
  let summed: Value
  let axis: Int
  /// A number that the sum is kept above, or that is added to it; 0 without one.
  let floor: Double
  let nodes: [NodeID]

  init?(_ node: Node, in graph: Graph) {
    for (dividend, divisor, between) in Normalized.quotients(node, in: graph) {
      let floored = graph.floored(divisor)
      guard let sum = graph.rowReduction(floored?.value ?? divisor, as: ReduceSum.self), sum.axes.count == 1 else {
        continue
      }
      (self.dividend, summed, axis, floor) = (dividend, sum.source, sum.axes[0], floored?.floor ?? 0)
      nodes = sum.nodes + (floored == nil ? [] : [divisor.node]) + between + [node.id]
      return
    }
    return nil
  }

  /// The dividend, the divisor, and what lies between, of `a / b` or `a · (1 / b)`.
  private static func quotients(_ node: Node, in graph: Graph) -> [(Value, Value, [NodeID])] {
    let inputs = node.inputs.compactMap { $0 }
    guard inputs.count == 2 else { return [] }
    if node.is(Div.self) { return [(inputs[0], inputs[1], [])] }
    guard node.is(Mul.self) else { return [] }
    return [(inputs[0], inputs[1]), (inputs[1], inputs[0])].compactMap { dividend, inverse in
      let reciprocal = graph[inverse.node]
      let operands = reciprocal.inputs.compactMap { $0 }
      switch reciprocal.operation {
      case is Reciprocal where operands.count == 1: return (dividend, operands[0], [reciprocal.id])
      case is Pow where operands.count == 2 && graph.info(of: operands[1]).scalar == -1:
        return (dividend, operands[0], [reciprocal.id])
      case is Div where operands.count == 2 && graph.info(of: operands[0]).scalar == 1:
        return (dividend, operands[1], [reciprocal.id])
      default: return nil
      }
    }
  }
}

/// Weights, or exponentials, put to 0: w · b where every b is 1 or 0, or where(b, w, 0).
struct WeightMask {
  let weights: Value
  let condition: Value
  /// Which truth of the condition puts a weight to 0.
  let hidden: Bool
  let node: NodeID

  init?(endingIn value: Value, in graph: Graph) {
    let inputs = graph[value.node].inputs.compactMap { $0 }
    node = value.node
    switch graph[value.node].operation {
    case is Mul where inputs.count == 2:
      guard let factor = [1, 0].first(where: { graph.isZeroOrOne(inputs[$0]) }) else { return nil }
      let truth = graph.truth(inputs[factor])
      (weights, condition) = (inputs[1 - factor], truth?.value ?? inputs[factor])
      hidden = truth?.isNegated ?? false
    case is Where where inputs.count == 3:
      guard let zero = [1, 2].first(where: { graph.uniformValue(inputs[$0]) == 0 }) else { return nil }
      (weights, condition, hidden) = (inputs[3 - zero], inputs[0], zero == 1)
    default: return nil
    }
    guard graph.info(of: weights).shape == graph.info(of: value).shape else { return nil }
  }
}

extension Graph {
  /// What `value` keeps away from 0, by a small number added or as a lower bound, and that number.
  fileprivate func floored(_ value: Value) -> (value: Value, floor: Double)? {
    let node = self[value.node]
    let inputs = node.inputs
    var result: (value: Value, floor: Double)?
    switch node.operation {
    case is Add, is Max:
      guard inputs.count == 2, let first = inputs[0], let second = inputs[1] else { return nil }
      result = uniformValue(second).map { (first, $0) } ?? uniformValue(first).map { (second, $0) }
    case is Clip:
      guard let data = inputs[0], inputs.count > 1, inputs.count < 3 || inputs[2] == nil else { return nil }
      result = inputs[1].flatMap(uniformValue).map { (data, $0) }
    default: return nil
    }
    guard let result, result.floor > 0, info(of: result.value).shape == info(of: value).shape else { return nil }
    return result
  }

  /// A reduction of `Operation` that gives `value`, with the reduced axes left at size 1, if only by a view.
  func rowReduction<Operation: GraphOperation>(
    _ value: Value, as type: Operation.Type
  ) -> (source: Value, axes: [Int], nodes: [NodeID])? {
    var nodes = [value.node]
    var reduced = value
    if self[reduced.node].operation is Unsqueeze || self[reduced.node].operation is Reshape,
      let source = self[reduced.node].inputs[0]
    {
      reduced = source
      nodes.insert(source.node, at: 0)
    }
    let node = self[reduced.node]
    guard node.operation is Operation, let source = node.inputs[0], let sizes = info(of: source).shape.dimensions,
      let axes = reducedAxes(node, rank: sizes.count), !axes.isEmpty
    else { return nil }
    let kept = sizes.indices.map { axes.contains($0) ? 1 : sizes[$0] }
    let shape = info(of: value).shape.dimensions
    guard shape == kept || axes.count == sizes.count && shape?.isEmpty ?? false else { return nil }
    return (source, axes.sorted(), nodes)
  }

  private func reducedAxes(_ node: Node, rank: Int) -> [Int]? {
    guard node.inputs.count > 1, let axes = node.inputs[1] else {
      return (node.operation as? ReduceMax)?.keepsAllWithoutAxes == false ? Array(0..<rank) : nil
    }
    return info(of: axes).integers.flatMap { try? normalizedAxes($0, rank: rank) }
  }
}
