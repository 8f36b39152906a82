import GraphIR
import Operations
import Rewriting
import Tensors

/// One thing that happens to the scores between the first product and the softmax.
enum ScoreStep {
  case scaled(by: Double)
  /// Multiplied with, or divided by, a tensor.
  case multiplied(by: LabelledValue, inverted: Bool)
  /// A tensor added, `factor` times.
  case biased(by: LabelledValue, factor: Double)
  /// `fill` put where `condition` is `hidden`.
  case masked(by: LabelledValue, hidden: Bool, fill: Double)
  case tanh
  /// Raised to at least a bound.
  case raised(to: Double)
  /// Lowered to at most a bound.
  case lowered(to: Double)
  case negated
  /// Cast to a type of smaller range: numbers beyond it become infinite.
  case narrowed(to: ElementType)
  /// Quantised, and brought back.
  case rounded(Rounding)
}

/// The way from the first product to the softmax.
struct ScorePath {
  let product: Contraction
  /// Whether the keys are the product's left operand.
  let keyOnLeft: Bool
  /// The labels of the product's output.
  let productLabels: AxisLabels
  /// What happens to the scores, first things first, each with the node that does it.
  var steps: [(step: ScoreStep, node: NodeID)]
  /// Every node on the way, the product's included.
  var nodes: [NodeID]
  /// The labels of every value on the way.
  var labels: [Value: AxisLabels]
}

/// Walks from the scores upwards to the product they come from.
struct ScoreWalk {
  let graph: Graph
  var axes: AxisTable
  /// The labels of the keys: the dimension the softmax normalises.
  let keys: [Axis]
  /// How many more nodes may be looked at: a backstop against graphs in which every addition has two deep operands.
  private var budget = 256
  /// The nodes from the softmax's input to the one that is being looked at.
  private var trail: [NodeID] = []
  /// Of all walks that ended without a product the one that came closest: at a product of another kind, or far from the softmax.
  private(set) var nearest: [NodeID] = []
  /// A layer that mixes the heads of scores that a product of queries and keys has made.
  private(set) var mix: NodeID?

  init(graph: Graph, axes: AxisTable, keys: [Axis]) {
    self.graph = graph
    self.axes = axes
    self.keys = keys
  }

  /// The way to `scores`, nil where no product with a dimension for the keys lies above.
  mutating func path(to scores: LabelledValue, depth: Int = 0) -> ScorePath? {
    guard budget > 0, depth < 64 else { return nil }
    budget -= 1
    axes.identify(graph.info(of: scores.value).shape.dimensions ?? [], with: scores.labels)
    let node = graph[scores.value.node]
    trail.append(node.id)
    defer { trail.removeLast() }
    if let product = Contraction(node, in: graph) {
      let path = path(from: product, labels: axes.resolve(scores.labels))
      if path == nil { lookBehindMix(to: scores, depth: depth) }
      return path
    }
    let before = axes
    if !graph.narrows(node), let source = axes.upstream(scores, in: graph) {
      if var path = path(to: source, depth: depth + 1) {
        path.nodes.append(node.id)
        path.labels[scores.value] = scores.labels
        return path
      }
      axes = before
      return nil
    }
    if let mask = ArithmeticMask(node, in: graph), let source = labelled(mask.scores, in: scores.labels),
      let condition = labelled(mask.condition, in: scores.labels)
    {
      if var path = path(to: source, depth: depth + 1) {
        path.steps.append((.masked(by: condition, hidden: false, fill: mask.fill), node.id))
        path.nodes += mask.nodes
        for node in mask.nodes { path.labels[Value(node)] = scores.labels }
        return path
      }
      axes = before
    }
    for (steps, source) in steps(of: node, labels: scores.labels) {
      collapseBroadcastRow(from: scores.labels, to: source)
      if var path = path(to: source, depth: depth + 1) {
        path.steps += steps.map { ($0, node.id) }
        path.nodes += Rounding(node, in: graph)?.nodes ?? [node.id]
        path.labels[scores.value] = scores.labels
        return path
      }
      axes = before
    }
    stopped()
    lookBehindMix(to: scores, depth: depth)
    return nil
  }

  /// Notes whether `scores` are those of a product but for a layer that mixes their heads.
  private mutating func lookBehindMix(to scores: LabelledValue, depth: Int) {
    let (before, closest) = (axes, nearest)
    defer { (axes, nearest) = (before, closest) }
    guard mix == nil, let source = axes.mixed(scores, in: graph),
      axes.resolve(source).labels.contains(axes.resolve(keys)),
      path(to: source, depth: depth + 1) != nil
    else { return }
    mix = scores.value.node
  }

  /// A mask whose number of rows is computed at run time makes one row of scores look like many; it is one.
  private mutating func collapseBroadcastRow(from labels: AxisLabels, to source: LabelledValue) {
    guard source.labels.count >= 2, labels.count >= 2 else { return }
    let keys = axes.resolve(keys)
    for offset in 1...2 {
      let label = axes.resolve(labels[labels.count - offset])
      guard source.labels[source.labels.count - offset].isEmpty, label != keys, label.count == 1,
        axes.size(of: label).constant == nil
      else { continue }
      axes.collapse(label[0])
    }
  }

  private mutating func stopped() {
    /// Scores are hardly ever constant: such an operand is the scale or the mask.
    func merit(_ trail: [NodeID]) -> (Int, Int) {
      guard let end = trail.last else { return (-1, 0) }
      if Contraction(graph[end], in: graph) != nil { return (2, trail.count) }
      return (graph.isLearned(Value(end)) ? 0 : 1, trail.count)
    }
    if merit(trail) > merit(nearest) { nearest = trail }
  }

  /// The product itself: its output must have one dimension that runs over the keys and nothing else, from one operand alone.
  private mutating func path(from product: Contraction, labels: AxisLabels) -> ScorePath? {
    let keys = axes.resolve(keys)
    guard let position = labels.firstIndex(of: keys), !keys.isEmpty else {
      stopped()
      return nil
    }
    let letter = product.outputLetters[position]
    guard product.leftFree == [letter] || product.rightFree == [letter], !product.summed.isEmpty,
      !graph.isLinearLayer(product)
    else {
      stopped()
      return nil
    }
    var steps: [(step: ScoreStep, node: NodeID)] = []
    if let (addend, factor) = product.addend {
      guard let bias = labelled(addend, in: labels) else { return nil }
      steps.append((.biased(by: bias, factor: factor), product.node))
    }
    return ScorePath(
      product: product, keyOnLeft: product.leftFree == [letter], productLabels: labels, steps: steps,
      nodes: [product.node], labels: [product.output: labels])
  }

  /// What `node` may be doing to scores with `labels`, each possibility with the scores it would do it to.
  private func steps(of node: Node, labels: AxisLabels) -> [([ScoreStep], LabelledValue)] {
    let inputs = node.inputs.compactMap { $0 }
    let operands = inputs.map { labelled($0, in: labels) }
    switch node.operation {
    case is Mul where inputs.count == 2:
      return [(0, 1), (1, 0)].compactMap { path, other in
        guard let source = operands[path] else { return nil }
        if let factor = graph.info(of: inputs[other]).scalar { return ([.scaled(by: factor)], source) }
        return operands[other].map { ([.multiplied(by: $0, inverted: false)], source) }
      }
    case is Div where inputs.count == 2:
      guard let source = operands[0] else { return [] }
      if let divisor = graph.info(of: inputs[1]).scalar { return [([.scaled(by: 1 / divisor)], source)] }
      return operands[1].map { [([.multiplied(by: $0, inverted: true)], source)] } ?? []
    case is Add, is Sum:
      guard !operands.contains(where: { $0 == nil }) else { return [] }
      let terms = operands.compactMap { $0 }
      return terms.indices.map { path in
        (terms.indices.filter { $0 != path }.map { .biased(by: terms[$0], factor: 1) }, terms[path])
      }
    case is Sub where inputs.count == 2:
      guard let first = operands[0], let second = operands[1] else { return [] }
      return [
        ([.biased(by: second, factor: -1)], first), ([.negated, .biased(by: first, factor: 1)], second),
      ]
    case is Where where inputs.count == 3:
      guard let condition = operands[0] else { return [] }
      return [(1, 2), (2, 1)].compactMap { path, other in
        guard let source = operands[path], let fill = graph.uniformValue(inputs[other]) else { return nil }
        return ([.masked(by: condition, hidden: path == 2, fill: fill)], source)
      }
    case is Max where inputs.count == 2, is Min where inputs.count == 2:
      let isLower = node.operation is Max
      return [(0, 1), (1, 0)].compactMap { path, other in
        guard let source = operands[path], let bound = graph.uniformValue(inputs[other]) else { return nil }
        return ([isLower ? .raised(to: bound) : .lowered(to: bound)], source)
      }
    case is Clip:
      guard let source = operands[0] else { return [] }
      var steps: [ScoreStep] = []
      for index in node.inputs.indices.dropFirst() {
        guard let input = node.inputs[index] else { continue }
        guard let bound = graph.uniformValue(input) else { return [] }
        steps.append(index == 1 ? .raised(to: bound) : .lowered(to: bound))
      }
      return [(steps, source)]
    case is Tanh: return operands[0].map { [([.tanh], $0)] } ?? []
    case is Neg: return operands[0].map { [([.negated], $0)] } ?? []
    case let cast as Cast where graph.narrows(node):
      return operands[0].map { [([.narrowed(to: cast.to)], $0)] } ?? []
    case is DequantizeLinear, is FakeQuantize:
      guard let rounding = Rounding(node, in: graph) else { return [] }
      return [([.rounded(rounding)], LabelledValue(value: rounding.source, labels: labels))]
    default: return []
    }
  }

  private func labelled(_ value: Value, in labels: AxisLabels) -> LabelledValue? {
    guard let shape = graph.info(of: value).shape.dimensions, shape.count <= labels.count else { return nil }
    return LabelledValue(value: value, labels: axes.labels(of: shape, broadcastTo: labels))
  }
}

extension Graph {
  /// Whether `node` casts floating-point numbers to a type that has not all of their range.
  fileprivate func narrows(_ node: Node) -> Bool {
    guard let cast = node.operation as? Cast, cast.to.isFloatingPoint, let source = node.inputs.first.flatMap({ $0 })
    else { return false }
    let before = info(of: source).element
    return before.isFloatingPoint && before != cast.to && before.byteCount >= cast.to.byteCount
  }

  /// The one number that all elements of a floating-point `value` are, where that can be seen.
  func uniformValue(_ value: Value) -> Double? {
    info(of: value).element.isFloatingPoint ? uniformNumber(value) : nil
  }

  /// The one number that all elements of `value` are, where that can be seen; a boolean counts as 0 or 1.
  func uniformNumber(_ value: Value) -> Double? {
    var value = value
    for _ in 0..<8 {
      if let constant = info(of: value).constant {
        guard constant.count > 0, constant.count <= ValueInfo.contentsLimit,
          let elements = try? constant.doubles(), let first = elements.first
        else { return nil }
        return elements.allSatisfy { $0 == first } ? first : nil
      }
      let node = self[value.node]
      switch node.operation {
      case let fill as ConstantOfShape: return fill.value.map { try? $0.doubles().first } ?? 0
      default:
        guard let source = ShapeStep.source(of: node) else { return nil }
        // A cast may round the number; only what stays the same is taken.
        if let cast = node.operation as? Cast {
          let before = info(of: source).element
          let isWider = cast.to.byteCount >= before.byteCount && cast.to.isFloatingPoint == before.isFloatingPoint
          guard isWider || before == .bool else { return nil }
        }
        value = source
      }
    }
    return nil
  }
}
