import GraphIR
import Operations
import Tensors

/// Puts a `FlashAttention` in the place of a matched attention.
struct AttentionRewriter {
  let match: AttentionMatch
  var builder: LayoutBuilder

  private var roles: AxisRoles { match.roles }

  /// Adds the fused node and what it needs around it, and gives everything that read the second product the new value.
  mutating func rewrite(name: String, origin: Origin) throws -> NodeID {
    let form = match.form
    for (reader, labels) in match.measured { try replaceShape(reader, labels) }
    // Masks tell sizes too, but only now: they may depend on the shapes just replaced.
    builder.measures += form.operands.map { match.axes.resolve($0) }
    var query = try builder.arrange(match.query, to: roles.query)
    var key = try builder.arrange(match.key, to: roles.key)
    var value = try builder.arrange(match.value, to: roles.value)
    for (factor, inverted) in form.queryFactors {
      let factor = try builder.arrange(factor, to: roles.query, broadcast: [0, 1, 2, 3])
      query = try builder.insert(inverted ? Div() : Mul(), [query, factor], "query")
    }
    for (factor, inverted) in form.keyFactors {
      let factor = try builder.arrange(factor, to: roles.key, broadcast: [0, 1, 2, 3])
      key = try builder.insert(inverted ? Div() : Mul(), [key, factor], "key")
    }
    // One element type: that of the wider of the two products' operands.
    let (first, second) = (element(of: query), element(of: value))
    let result = second
    let common = first.byteCount >= second.byteCount ? first : second
    query = try cast(query, to: common)
    key = try cast(key, to: common)
    value = try cast(value, to: common)

    var operation = FlashAttention()
    (operation.scale, operation.softcap) = form.capped
    operation.maskedScore = form.maskedScore
    operation.guardsNaN = form.guardsNaN
    let bias = try form.biases.isEmpty ? nil : sum(form.biases)
    let mask = try form.masks.isEmpty ? nil : kept(form.masks)
    var inputs: [Value?] = [query, key, value, bias, mask]
    while let last = inputs.last, last == nil { inputs.removeLast() }
    let fused = try builder.graph.add(operation, inputs, name: name, origin: origin)

    var output = try cast(Value(fused), to: result)
    for (factor, inverted) in match.outputFactors {
      let factor = try builder.arrange(factor, to: roles.output, broadcast: [0, 1, 2, 3])
      output = try builder.insert(inverted ? Div() : Mul(), [output, factor], "output")
    }
    if match.outputScale != 1 { output = try scaled(output, by: match.outputScale) }
    output = try builder.arrange(LabelledValue(value: output, labels: roles.output), to: match.output.labels)
    try builder.graph.replaceUses(of: match.output.value, with: output)
    return fused
  }

  /// Computes from queries and keys what `reader` read off a tensor that is no longer there.
  private mutating func replaceShape(_ reader: NodeID, _ labels: AxisLabels) throws {
    guard let shape = builder.graph[reader].operation as? ShapeOf else { return }
    let sizes = try builder.shape(Array(labels[shape.range(rank: labels.count)]))
    try builder.graph.replaceUses(of: Value(reader), with: sizes)
  }

  private func element(of value: Value) -> ElementType { builder.graph.info(of: value).element }

  private mutating func cast(_ value: Value, to element: ElementType) throws -> Value {
    self.element(of: value) == element ? value : try builder.insert(Cast(to: element), [value], "cast")
  }

  private mutating func scalar(_ number: Double, like value: Value) throws -> Value {
    let element = element(of: value)
    return try builder.constant(
      try Tensor(doubles: [number], element: element.isFloatingPoint ? element : .float32, shape: []))
  }

  private mutating func scaled(_ value: Value, by factor: Double) throws -> Value {
    try builder.insert(Mul(), [value, scalar(factor, like: value)], "scale")
  }

  private mutating func sum(_ biases: [AttentionForm.Bias]) throws -> Value? {
    var total: Value?
    for bias in biases {
      let next = try emit(bias)
      total = try total.map { try builder.insert(Add(), [$0, next], "bias") } ?? next
    }
    return total
  }

  private mutating func emit(_ bias: AttentionForm.Bias) throws -> Value {
    switch bias {
    case .value(let labelled, let factor):
      let value = try builder.arrange(labelled, to: roles.scores, broadcast: [0, 1, 2, 3])
      return factor == 1 ? value : try scaled(value, by: factor)
    case .filled(let masks, let fill, let before):
      let kept = try kept(masks)
      let base = try sum(before) ?? builder.constant(Tensor(scalar: Float(0)))
      return try builder.insert(Where(), [kept, base, scalar(fill, like: base)], "bias")
    case .bounded(let biases, let bound):
      let base = try sum(biases) ?? builder.constant(Tensor(scalar: Float(0)))
      return try builder.insert(Max(), [base, scalar(bound, like: base)], "bias")
    }
  }

  /// The mask that is true where no mask of `masks` hides.
  private mutating func kept(_ masks: [AttentionForm.Mask]) throws -> Value {
    var total: Value?
    for mask in masks {
      var value = try builder.arrange(mask.condition, to: roles.scores, broadcast: [0, 1, 2, 3])
      value = try cast(value, to: .bool)
      if mask.hidden { value = try builder.insert(Not(), [value], "mask") }
      total = try total.map { try builder.insert(And(), [$0, value], "mask") } ?? value
    }
    guard let total else { throw ModelError.invalid("a mask without conditions") }
    return total
  }
}
