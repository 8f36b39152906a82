import GraphIR
import Operations
import Tensors

/// Adds the nodes that a fusion needs to a graph, all under one origin and with names that nothing else has.
struct LayoutBuilder {
  var graph: Graph
  let axes: AxisTable
  let pass: String
  /// What the names of the nodes begin with.
  let prefix: String
  /// Values whose dimensions tell the sizes of axes at run time.
  var measures: [LabelledValue]
  private var count = 0

  init(graph: Graph, axes: AxisTable, pass: String, prefix: String, measures: [LabelledValue]) {
    self.graph = graph
    self.axes = axes
    self.pass = pass
    self.prefix = prefix
    self.measures = measures.map { axes.resolve($0) }
  }

  /// Adds a node that helps the fused one.
  mutating func insert(_ operation: any GraphOperation, _ inputs: [Value?], _ purpose: String) throws -> Value {
    count += 1
    return try graph.insert(operation, inputs, name: "\(prefix)/\(purpose)_\(count)", origin: Origin(passes: [pass]))
  }

  mutating func constant(_ tensor: Tensor, _ purpose: String = "constant") throws -> Value {
    try insert(Constant(tensor), [], purpose)
  }

  /// Brings `labelled` into the layout `target`.
  mutating func arrange(_ labelled: LabelledValue, to target: AxisLabels, broadcast: Set<Int> = []) throws -> Value {
    let source = axes.resolve(labelled)
    guard let plan = LayoutPlan(from: source.labels, to: target, broadcast: broadcast) else {
      let sizes = { [axes] (labels: AxisLabels) in "\(Shape(labels.map { axes.size(of: $0) }))" }
      throw ModelError.invalid(
        "'\(graph[source.value.node].label)' has dimensions \(sizes(source.labels)), which don't all belong to \(sizes(target))"
      )
    }
    return try apply(plan, to: source)
  }

  mutating func apply(_ plan: LayoutPlan, to labelled: LabelledValue) throws -> Value {
    var current = labelled
    for step in plan.steps {
      switch step {
      case .transpose(let order):
        current.value = try insert(Transpose(order), [current.value], "transpose")
        current.labels = order.map { current.labels[$0] }
      case .reshape(let labels):
        current.value = try reshape(current, to: labels)
        current.labels = labels
      case .expand(let labels):
        let sizes = try shape(labels)
        current.value = try insert(Expand(), [current.value, sizes], "expand")
        current.labels = labels
      }
    }
    return current.value
  }

  private mutating func reshape(_ source: LabelledValue, to labels: AxisLabels) throws -> Value {
    if let added = insertions(from: source.labels, to: labels) {
      return try insert(Unsqueeze(), [source.value, try integers(added)], "unsqueeze")
    }
    if let removed = insertions(from: labels, to: source.labels) {
      return try insert(Squeeze(), [source.value, try integers(removed)], "squeeze")
    }
    // Neither can be said where a size is known to be 0: 0 keeps the dimension at the same place, −1 is the one that follows from all others.
    guard !labels.contains(where: { axes.size(of: $0).constant == 0 }) else {
      throw ModelError.unsupported("there is nothing to attend to: a size is 0")
    }
    var sizes: [Int] = []
    var inferred = false
    for (index, label) in labels.enumerated() {
      if let size = axes.size(of: label).constant, size != 0 {
        sizes.append(size)
      } else if index < source.labels.count, source.labels[index] == label {
        sizes.append(0)
      } else if !inferred {
        sizes.append(-1)
        inferred = true
      } else {
        return try insert(Reshape(), [source.value, try shape(labels)], "reshape")
      }
    }
    return try insert(Reshape(), [source.value, try integers(sizes)], "reshape")
  }

  /// The places of the dimensions of size 1 that `longer` has and `shorter` lacks, where that is all the difference.
  private func insertions(from shorter: AxisLabels, to longer: AxisLabels) -> [Int]? {
    guard longer.count > shorter.count else { return nil }
    var added: [Int] = []
    var rest = shorter[...]
    for (index, label) in longer.enumerated() {
      let surplus = longer.count - index > rest.count
      if label.isEmpty && surplus && !(rest.first?.isEmpty ?? false) {
        added.append(index)
      } else if rest.first == label {
        rest.removeFirst()
      } else if label.isEmpty && surplus {
        added.append(index)
      } else {
        return nil
      }
    }
    return rest.isEmpty ? added : nil
  }

  private mutating func integers(_ values: [Int]) throws -> Value {
    try constant(try Tensor(integers: values, shape: [values.count]), "shape")
  }

  /// A one-dimensional tensor of the sizes of `labels`, computed at run time where they are symbols.
  mutating func shape(_ labels: AxisLabels) throws -> Value {
    let sizes = labels.map { axes.size(of: $0).constant }
    if sizes.allSatisfy({ $0 != nil }) { return try integers(sizes.compactMap { $0 }) }
    var parts: [Value] = []
    for (label, size) in zip(labels, sizes) {
      if let size {
        parts.append(try integers([size]))
        continue
      }
      if let whole = try measured(label) {
        parts.append(whole)
        continue
      }
      var product: Value?
      for axis in label {
        let own = try axes.size(of: axis).constant.map { try integers([$0]) } ?? measure(axis)
        product = try product.map { try insert(Mul(), [$0, own], "size") } ?? own
      }
      parts.append(try product ?? integers([1]))
    }
    return try insert(Concat(axis: 0), parts.map { $0 }, "shape")
  }

  /// The size of `axis` at run time: that of a dimension that runs over it, divided by what else that runs over.
  private mutating func measure(_ axis: Axis, except excluded: Set<Axis> = []) throws -> Value {
    if let size = try measured([axis]) { return size }
    for measure in measures {
      guard let dimension = measure.labels.firstIndex(where: { $0.contains(axis) }) else { continue }
      let others = measure.labels[dimension].filter { $0 != axis }
      guard excluded.isDisjoint(with: others) else { continue }
      var size = try sizeOf(measure.value, dimension)
      for other in others {
        let divisor =
          try axes.size(of: other).constant.map { try integers([$0]) }
          ?? self.measure(other, except: excluded.union([axis]))
        size = try insert(Div(), [size, divisor], "size")
      }
      return size
    }
    throw ModelError.unsupported("the size \(axes.size(of: axis)) can't be found at run time")
  }

  /// The size of a dimension that runs over `label` and nothing else; nil where no measure has one.
  private mutating func measured(_ label: [Axis]) throws -> Value? {
    for measure in measures {
      if let dimension = measure.labels.firstIndex(of: label) { return try sizeOf(measure.value, dimension) }
    }
    return nil
  }

  private mutating func sizeOf(_ value: Value, _ dimension: Int) throws -> Value {
    let shape = try insert(ShapeOf(), [value], "size")
    return try insert(Gather(), [shape, try integers([dimension])], "size")
  }
}
