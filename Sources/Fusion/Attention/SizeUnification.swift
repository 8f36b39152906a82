import GraphIR
import Operations
import Tensors

/// Finds sizes that must be equal although the file gives them different symbols, as where every input has symbols of its own.
///
/// Two sizes that meet in a product, or elementwise, are equal unless one of them is 1 and broadcast. Attention is looked for
/// under that reading; the graph keeps the types it was given.
struct SizeUnification {
  private(set) var bindings: [String: Dimension] = [:]

  /// - Parameters:
  ///   - inputs: the symbols that may be replaced, those of the graph's inputs, each with its place among them.
  ///   - certainOnly: whether only sizes count that no broadcast could make meet.
  mutating func collect(from graph: Graph, inputs: [String: Int], certainOnly: Bool = false) {
    for node in graph.nodes {
      if node.is(Concat.self), let concat = node.operation as? Concat { join(concat, node, in: graph, inputs: inputs) }
      guard SizeUnification.meeting.contains(node.kind) else { continue }
      let shapes = node.inputs.compactMap { $0.flatMap { graph.info(of: $0).shape.dimensions } }
      guard shapes.count >= 2, shapes.count == node.inputs.count else { continue }
      let isProduct = node.is(MatMul.self)
      if certainOnly && !isProduct { continue }
      let surplus = isProduct ? 2 : 0
      for (index, first) in shapes.enumerated() where !certainOnly {
        for second in shapes[(index + 1)...] {
          for (left, right) in zip(first.dropLast(surplus).reversed(), second.dropLast(surplus).reversed()) {
            unify(left, right, inputs: inputs)
          }
        }
      }
      if isProduct, shapes[0].count >= 2, shapes[1].count >= 2 {
        unify(shapes[0][shapes[0].count - 1], shapes[1][shapes[1].count - 2], inputs: inputs)
      }
    }
  }

  /// What is concatenated agrees in all other axes.
  private mutating func join(_ concat: Concat, _ node: Node, in graph: Graph, inputs: [String: Int]) {
    let shapes = node.inputs.compactMap { $0.flatMap { graph.info(of: $0).shape.dimensions } }
    guard let first = shapes.first, let axis = try? normalizedAxis(concat.axis, rank: first.count) else { return }
    for shape in shapes.dropFirst() where shape.count == first.count {
      for index in first.indices where index != axis { unify(first[index], shape[index], inputs: inputs) }
    }
  }

  /// The operations whose inputs' sizes meet.
  private static let meeting = [
    ObjectIdentifier(Add.self), ObjectIdentifier(Sub.self), ObjectIdentifier(Mul.self), ObjectIdentifier(Div.self),
    ObjectIdentifier(Where.self), ObjectIdentifier(MatMul.self),
  ]

  private mutating func unify(_ left: Dimension, _ right: Dimension, inputs: [String: Int]) {
    guard left.constant == nil, right.constant == nil, left != right else { return }
    let first = left.substituting(bindings)
    let second = right.substituting(bindings)
    guard first != second else { return }
    let symbols = [(first, second), (second, first)].compactMap { one, other -> (String, Int, Dimension)? in
      // What is equal many times is equal once: heads that are folded into batches.
      guard one.symbols.count == 1, let name = one.symbols.first, let place = inputs[name],
        let times = one.dividedExactly(by: Dimension(symbol: name)), let number = times.constant, number != 0,
        !other.symbols.contains(name), let once = other.dividedExactly(by: times)
      else { return nil }
      return (name, place, once)
    }
    // Of two symbols, that of the later input goes.
    guard let (name, _, other) = symbols.max(by: { $0.1 < $1.1 }) else { return }
    bindings = bindings.mapValues { $0.substituting([name: other]) }
    bindings[name] = other
  }
}

extension Graph {
  /// Infers all types with sizes that must be equal taken to be equal; returns whether that changed any.
  mutating func unifySizes() -> Bool {
    let symbols = inputSymbols
    var changed = false
    for _ in 0..<3 {
      var unification = SizeUnification()
      unification.collect(from: self, inputs: symbols)
      guard !unification.bindings.isEmpty else { break }
      var draft = self
      let types = inputs.map { port in
        let type = type(of: port.value)
        return (
          port.value,
          TensorType(type.element, Shape(type.shape.dimensions?.map { $0.substituting(unification.bindings) }))
        )
      }
      guard (try? draft.reinfer(inputTypes: Dictionary(uniqueKeysWithValues: types))) != nil else { break }
      self = draft
      changed = true
    }
    return changed
  }

  /// The symbols of the inputs' types, each with its place among them.
  private var inputSymbols: [String: Int] {
    var symbols: [String: Int] = [:]
    for port in inputs {
      for dimension in type(of: port.value).shape.dimensions ?? [] {
        for name in dimension.symbols.sorted() where symbols[name] == nil { symbols[name] = symbols.count }
      }
    }
    return symbols
  }

  /// Repeats queries, keys or values of the attentions `names` where a batch that was taken to be that of the others may be 1 in a run.
  mutating func broadcastBatches(of names: Set<String>, pass: String) throws {
    var certain = SizeUnification()
    certain.collect(from: self, inputs: inputSymbols, certainOnly: true)
    for node in Array(nodes) where node.is(FlashAttention.self) && names.contains(node.name) {
      let operands = node.inputs.prefix(3).compactMap { $0 }
      let batches = operands.map { info(of: $0).shape.dimensions?.first?.substituting(certain.bindings) }
      guard operands.count == 3, Set(batches).count > 1 else { continue }
      var repeated = operands
      for index in operands.indices {
        for other in operands.indices where batches[other] != batches[index] {
          let first = try addConstant(Tensor(integers: [0], shape: [1]))
          let ones = try addConstant(Tensor(integers: [1, 1, 1], shape: [3]))
          let origin = Origin(passes: [pass])
          let batch = try insert(
            Gather(), [insert(ShapeOf(), [operands[other]], origin: origin), first], origin: origin)
          let shape = try insert(Concat(axis: 0), [batch, ones], origin: origin)
          repeated[index] = try insert(
            Expand(), [repeated[index], shape], name: "\(node.name)/expand_\(index)_\(other)", origin: origin)
        }
      }
      let inputs: [Value?] = repeated + Array(node.inputs.dropFirst(3))
      let wide = try insert(node.operation, inputs, name: node.name, origin: node.origin)
      try replaceUses(of: Value(node.id), with: wide)
    }
  }
}
