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
    if let visibility = form.visibility {
      let seen = try rowsSeen(through: visible(through: visibility.masks, visibility.biases))
      query = try builder.insert(Where(), [seen, query, scalar(0, like: query)], "query")
    }
    // One element type: that of the wider of the two products' operands, unless only 64 bits hold what hidden scores become.
    let (first, second) = (element(of: query), element(of: value))
    let resultElement = second
    let wider = first.byteCount >= second.byteCount ? first : second
    let common = form.maskedScore.fits(.float32) ? wider : .float64
    query = try cast(query, to: common)
    key = try cast(key, to: common)
    value = try cast(value, to: common)

    var operation = FlashAttention()
    (operation.scale, operation.softcap) = form.capped
    operation.maskedScore = form.maskedScore
    operation.guardsNaN = form.guardsNaN
    operation.causal = form.limits.causal
    (operation.leftWindow, operation.rightWindow) = (form.limits.leftWindow, form.limits.rightWindow)
    let bias = try form.biases.isEmpty ? nil : sum(form.biases)
    let mask = try form.masks.isEmpty ? nil : kept(form.masks)
    let sink = try form.sink.map { try sinks($0, to: common) }
    var inputs: [Value?] = [query, key, value, bias, mask, sink]
    while let last = inputs.last, last == nil { inputs.removeLast() }
    let fused = try builder.graph.add(operation, inputs, name: name, origin: origin)

    let output = try cast(Value(fused), to: resultElement)
    let result = try finished(output)
    try builder.graph.replaceUses(of: match.output.value, with: result)
    return fused
  }

  /// The attention's `result` after all that happens to it, in the layout of the second product.
  private mutating func finished(_ result: Value) throws -> Value {
    var output = result
    for (factor, inverted) in match.outputForm.factors {
      let factor = try builder.arrange(factor, to: roles.output, broadcast: [0, 1, 2, 3])
      output = try builder.insert(inverted ? Div() : Mul(), [output, factor], "output")
    }
    if match.outputForm.scale != 1 { output = try scaled(output, by: match.outputForm.scale) }
    for mask in match.outputForm.masks {
      let seen = try rowsSeen(through: kept([mask]))
      output = try builder.insert(Where(), [seen, output, scalar(0, like: output)], "output")
    }
    output = try builder.arrange(LabelledValue(value: output, labels: roles.output), to: match.output.labels)
    if let (addend, factor) = match.outputForm.addend {
      output = try builder.insert(Add(), [output, factor == 1 ? addend : scaled(addend, by: factor)], "output")
    }
    return output
  }

  /// The mask that is true where `masks` hide nothing and no bias of `biases` is so low that it hides.
  private mutating func visible(
    through masks: [AttentionForm.Mask], _ biases: [AttentionForm.Bias]
  ) throws -> Value {
    var total = try kept(masks)
    for bias in biases {
      let value = try emit(bias)
      let seen = try builder.insert(Greater(), [value, scalar(AttentionForm.absorbingFill, like: value)], "mask")
      total = try builder.insert(And(), [total, seen], "mask")
    }
    return total
  }

  /// For every row, whether any key of it is `seen`: `[batch, heads, queries, 1]`, or what broadcasts to it.
  private mutating func rowsSeen(through seen: Value) throws -> Value {
    guard builder.graph.info(of: seen).shape.dimensions?.last != 1 else { return seen }
    let axis = try builder.constant(Tensor(integers: [3], shape: [1]))
    let most = try builder.insert(ReduceMax(), [cast(seen, to: .int32), axis], "mask")
    return try cast(most, to: .bool)
  }

  /// One logit a head out of a number, or of a value that differs by head only.
  private mutating func sinks(_ sink: AttentionForm.Sink, to element: ElementType) throws -> Value {
    switch sink {
    case .number(let logit):
      let number = try builder.constant(Tensor(doubles: [logit], element: element, shape: [1]))
      return try builder.arrange(LabelledValue(value: number, labels: [[]]), to: [roles.heads])
    case .value(let value, let scale):
      let sinks = try cast(sinks(of: value), to: element)
      return scale == 1 ? sinks : try scaled(sinks, by: scale)
    }
  }

  private mutating func sinks(of value: LabelledValue) throws -> Value {
    var source = match.axes.resolve(value)
    for index in source.labels.indices where !Set(source.labels[index]).isSubset(of: roles.heads) {
      // All slices along this axis are alike.
      let first = try builder.constant(Tensor(integers: [0], shape: [1]))
      source.value = try builder.insert(Gather(axis: index), [source.value, first], "sinks")
      source.labels[index] = []
    }
    return try builder.arrange(source, to: [roles.heads])
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
      guard let before = total else {
        total = next
        continue
      }
      let (first, second) = (element(of: before), element(of: next))
      let wider = first.byteCount >= second.byteCount ? first : second
      total = try builder.insert(Add(), [cast(before, to: wider), cast(next, to: wider)], "bias")
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
      let base = try base(of: before, holding: fill)
      return try builder.insert(Where(), [kept, base, scalar(fill, like: base)], "bias")
    case .bounded(let biases, let bound):
      let base = try base(of: biases, holding: bound)
      return try builder.insert(Max(), [base, scalar(bound, like: base)], "bias")
    case .narrowed(let biases, let element, let factor):
      let base = try sum(biases) ?? builder.constant(Tensor(scalar: Float(0)))
      let result = try cast(cast(base, to: element), to: self.element(of: base))
      return factor == 1 ? result : try scaled(result, by: factor)
    }
  }

  /// The sum of `biases` in a type that holds `number`, which a type of smaller range would make infinite.
  private mutating func base(of biases: [AttentionForm.Bias], holding number: Double) throws -> Value {
    let base = try sum(biases) ?? builder.constant(Tensor(scalar: Float(0)))
    let types = [element(of: base), .float32]
    return try cast(base, to: types.first { number.fits($0) } ?? .float64)
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
