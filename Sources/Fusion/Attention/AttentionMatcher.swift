import GraphIR
import Operations
import Rewriting
import Tensors

/// Finds the attention around a softmax, or says why there is none that can be fused.
struct AttentionMatcher {
  let graph: Graph
  let live: Set<NodeID>

  enum Outcome {
    case found(AttentionMatch)
    /// An attention by its two products, which can't be fused.
    case declined(Reason, nodes: [NodeID])
    /// No attention.
    case other(Reason)
  }

  func match(_ softmax: SoftmaxForm) -> Outcome {
    let node = graph[softmax.anchor]
    let scores = softmax.input
    guard let shape = graph.info(of: scores).shape.dimensions else {
      return .other(Reason("unknown-shape", "the rank of the softmax's input is not known", node: node.label))
    }
    var axes = AxisTable()
    var labels = axes.make(shape)
    // The keys keep an axis even where there is one only: it is what both walks look for.
    if labels[softmax.axis].isEmpty { labels[softmax.axis] = [axes.makeKept(1)] }
    let keys = labels[softmax.axis]

    var up = ScoreWalk(graph: graph, axes: axes, keys: keys)
    guard let score = up.path(to: LabelledValue(value: scores, labels: labels)) else {
      if let mix = up.mix {
        return headsMixed(by: mix, "scores", nodes: up.nearest.reversed() + softmax.nodes.sorted())
      }
      return .other(notFromProduct(up.nearest, softmax, rank: shape.count))
    }
    var down = WeightWalk(graph: graph, axes: up.axes, keys: keys, isLive: live.contains)
    guard let weights = down.path(from: LabelledValue(value: softmax.output, labels: labels)) else {
      if let mix = down.mix {
        return headsMixed(by: mix, "weights", nodes: score.nodes.sorted() + softmax.nodes.sorted() + down.nearest)
      }
      return .other(notIntoProduct(down.nearest, after: score.nodes + softmax.nodes, softmax.anchor))
    }
    if let product = softmax.product, product != weights.product.output || !weights.steps.isEmpty {
      return .other(notIntoProduct(down.nearest, after: score.nodes + softmax.nodes, softmax.anchor))
    }
    let nodes = (score.nodes + softmax.nodes + weights.nodes + [weights.product.node]).sorted()
    let output = softmax.product == nil ? weights.product.output : Value(softmax.anchor)
    let values = weights.product.operand(left: !weights.weightsOnLeft)
    if graph.isLearned(values), graph.isLearned(score.product.operand(left: score.keyOnLeft)) {
      return .other(
        Reason(
          "constant-keys",
          "keys and values were expected to depend on an input, found constants for both: a router or a learned table",
          node: graph[score.product.node].label, nearest: graph.steps(nodes)))
    }
    axes = down.axes
    do throws(Reason) {
      let measured = try checkLeaks(nodes, output: output.node)
      var match = try assemble(axes, score, softmax, weights, keys: axes.resolve(keys), nodes: nodes)
      let labels = score.labels.merging(weights.labels) { first, _ in first }
      for measurement in measured {
        var view = labels[measurement.source].map { LabelledValue(value: measurement.source, labels: $0) }
        for node in measurement.views {
          view = view.flatMap { match.axes.downstream(match.axes.resolve($0), through: graph[node], in: graph) }
        }
        guard let view else { throw leak(measurement.source, graph[measurement.views.first ?? measurement.reader]) }
        match.measured.append((measurement.reader, match.axes.resolve(view.labels)))
      }
      return .found(match)
    } catch {
      var reason = error
      reason.nearest = graph.steps(nodes)
      return .declined(reason, nodes: nodes)
    }
  }

  private func assemble(
    _ table: AxisTable, _ score: ScorePath, _ softmax: SoftmaxForm, _ weights: WeightPath, keys: [Axis], nodes: [NodeID]
  ) throws(Reason) -> AttentionMatch {
    var axes = table
    let product = score.product
    let scoreLabels = axes.resolve(score.productLabels)
    guard scoreLabels.contains(keys) else {
      throw Reason("axes-mixed", "the keys are mixed with another dimension between the products")
    }
    let keyOnLeft = score.keyOnLeft
    var firstLabels = Dictionary(uniqueKeysWithValues: zip(product.outputLetters, scoreLabels))
    let queryValue = product.operand(left: !keyOnLeft)
    let features = try axes.own(
      product.summed, of: queryValue, product.letters(ofLeft: !keyOnLeft), in: graph, into: &firstLabels)
    // The innermost dimension that only the queries have is their own; further ones are groups.
    guard let row = product.free(ofLeft: !keyOnLeft).last else {
      throw Reason(
        "no-query-axis", "the product has no dimension of its own for the queries", node: graph[product.node].label)
    }
    let query = try axes.operand(product, left: !keyOnLeft, firstLabels, in: graph)
    let key = try axes.operand(product, left: keyOnLeft, firstLabels, in: graph)

    let second = weights.product
    let onLeft = weights.weightsOnLeft
    var secondLabels = Dictionary(
      uniqueKeysWithValues: zip(second.letters(ofLeft: onLeft), axes.resolve(weights.weights.labels)))
    let valueValue = second.operand(left: !onLeft)
    let values = try axes.own(
      second.free(ofLeft: !onLeft), of: valueValue, second.letters(ofLeft: !onLeft), in: graph, into: &secondLabels)
    // A batch dimension that the weights lack, or have at size 1, comes from the values.
    let lacking = second.letters(ofLeft: !onLeft).filter { secondLabels[$0]?.isEmpty ?? true }
    _ = try axes.own(lacking, of: valueValue, second.letters(ofLeft: !onLeft), in: graph, into: &secondLabels)
    let value = try axes.operand(second, left: !onLeft, secondLabels, in: graph)
    var output = LabelledValue(value: second.output, labels: second.outputLetters.map { secondLabels[$0] ?? [] })
    if softmax.product != nil {
      let divisor = axes.resolve(score.labels[softmax.input] ?? []).map { $0 == axes.resolve(keys) ? [] : $0 }
      let divided = axes.resolve(output.labels)
      guard second.addend == nil, divisor.count == divided.count,
        zip(divisor, divided).allSatisfy({ $0.isEmpty || $0 == $1 })
      else {
        throw Reason(
          "axes-mixed", "the product with the values is divided by sums of weights that are not those of its rows",
          node: graph[softmax.anchor].label)
      }
      output.value = Value(softmax.anchor)
    }

    let queryViews = axes.views(of: query, in: graph)
    let keyViews = axes.views(of: key, in: graph)
    let valueViews = axes.views(of: value, in: graph)
    let queries = axes.resolve(firstLabels[row] ?? [])
    let resolvedKeys = axes.resolve(keys)
    let resolvedFeatures = axes.resolve(features)
    let resolvedValues = axes.resolve(values)
    let resolvedOutput = axes.resolve(output)

    var form = AttentionForm(scale: product.scale)
    for (step, id) in score.steps {
      try form.apply(
        step, at: graph[id].label, element: graph.info(of: Value(id)).element, keys: resolvedKeys, queries: queries,
        axes: axes, in: graph)
    }
    if softmax.scale != 1 {
      let step = ScoreStep.scaled(by: softmax.scale)
      try form.apply(
        step, at: graph[softmax.anchor].label, element: graph.info(of: Value(softmax.anchor)).element,
        keys: resolvedKeys, queries: queries, axes: axes, in: graph)
    }
    form.assumptions += softmax.assumptions
    if !softmax.isStable { form.assumeExponentialsInRange() }
    if let mask = softmax.mask {
      try form.apply(mask, of: softmax, labels: score.labels[softmax.input] ?? [], axes: axes, in: graph)
    }
    if softmax.keepsZeroRows { form.guardsNaN = true }
    var outputForm = OutputForm(of: second)
    for (step, id) in weights.steps {
      try outputForm.apply(step, at: graph[id].label, form: &form, keys: resolvedKeys, axes: &axes, in: graph)
    }

    let own = Set(resolvedKeys + queries + resolvedFeatures + resolvedValues)
    // What keys and values have at the least: expansions of both peeled off.
    let batch = { (views: [OperandView]) -> Set<Axis> in
      views.map { Set(axes.resolve($0.source.labels).joined()).subtracting(own) }.min { $0.count < $1.count } ?? []
    }
    let shared = batch(keyViews).union(batch(valueViews))
    guard !axes.resolve(value).holds(queries) else {
      throw Reason("axes-mixed", "the values differ by query", node: graph[second.node].label)
    }
    // The batch dimensions: all but the values' own and the queries'.
    var dimensions = zip(second.outputLetters, resolvedOutput.labels).filter {
      !second.free(ofLeft: !onLeft).contains($0.0)
    }
    let innermost = second.free(ofLeft: onLeft).last
    dimensions.removeAll { letter, label in queries.isEmpty ? letter == innermost : label == queries }
    let roles = AxisRoles(
      dimensions: dimensions.map { $0.1.filter { !own.contains($0) } }, shared: shared, queries: queries,
      keys: resolvedKeys, features: resolvedFeatures, values: resolvedValues)
    guard let bestQuery = queryViews.cheapest(to: roles.query, axes: axes),
      let bestKey = keyViews.cheapest(to: roles.key, axes: axes),
      let bestValue = valueViews.cheapest(to: roles.value, axes: axes)
    else { throw Reason("axes-mixed", "queries, keys and values don't have the dimensions of one attention") }
    form.readPositions(
      PositionReader(graph: graph, axes: axes, queries: roles.queries, keys: roles.keys),
      queryLength: axes.size(of: roles.queries), keyLength: axes.size(of: roles.keys))
    form.scale *= bestQuery.scale * bestKey.scale
    outputForm.scale *= bestValue.scale
    switch softmax.sink {
    case .value(let sink):
      let (value, scale) = try axes.sink(
        sink, labels: score.labels[softmax.input] ?? [], keys: keys, heads: roles.heads, in: graph)
      form.sink = .value(value, scale: scale)
    case .number(let logit): form.sink = .number(logit)
    case nil: break
    }
    return AttentionMatch(
      axes: axes, query: bestQuery.source, key: bestKey.source, value: bestValue.source, form: form,
      outputForm: outputForm, output: resolvedOutput, roles: roles, nodes: nodes,
      steps: (score.steps.map(\.node) + [softmax.anchor] + weights.steps.map(\.node)).map(graph.kind))
  }
}

extension AxisTable {
  /// Gives the dimensions `letters` of an operand axes of their own, and returns these.
  fileprivate mutating func own(
    _ letters: [Int], of operand: Value, _ operandLetters: [Int], in graph: Graph, into labels: inout [Int: [Axis]]
  ) throws(Reason) -> [Axis] {
    guard let shape = graph.info(of: operand).shape.dimensions else {
      throw Reason("unknown-shape", "the rank of an operand is not known", node: graph[operand.node].label)
    }
    var own: [Axis] = []
    for letter in letters {
      guard let index = operandLetters.firstIndex(of: letter) else { continue }
      let axis = make(shape[index])
      labels[letter] = axis
      own += axis
    }
    return own
  }

  fileprivate func operand(
    _ product: Contraction, left: Bool, _ labels: [Int: [Axis]], in graph: Graph
  ) throws(Reason) -> LabelledValue {
    let value = product.operand(left: left)
    guard let shape = graph.info(of: value).shape.dimensions else {
      throw Reason("unknown-shape", "the rank of an operand is not known", node: graph[value.node].label)
    }
    return LabelledValue(value: value, labels: self.labels(product.letters(ofLeft: left), labels, shape: shape))
  }
}

extension Graph {
  /// Whether `value` is a constant, or one that was transposed, unpacked from fewer bits or the like, but not multiplied out.
  func isLearned(_ value: Value, depth: Int = 0) -> Bool {
    if info(of: value).constant != nil { return true }
    let node = self[value.node]
    let inputs = ShapeStep.source(of: node).map { [$0] } ?? node.inputs.compactMap { $0 }
    guard depth < 12, !inputs.isEmpty, Contraction(node, in: self) == nil, !(node.operation is any StatefulOperation)
    else { return false }
    return inputs.allSatisfy { isLearned($0, depth: depth + 1) }
  }

  /// Whether `product` multiplies with a matrix of weights: what a linear layer does, and no two sequences that meet.
  func isLinearLayer(_ product: Contraction) -> Bool {
    info(of: product.right).rank ?? 0 <= 2 && isLearned(product.right)
  }

  /// What a reason tells of nodes that are in order.
  func steps(_ nodes: [NodeID]) -> [Reason.Step] {
    nodes.map { Reason.Step(kind: kind(of: $0), node: self[$0].label) }
  }

  /// What the source calls the operation of a node, for messages.
  func kind(of id: NodeID) -> String {
    let node = self[id]
    return node.origin.sources.first?.type ?? OperationDescriptor.of(node.operation).name
  }
}
