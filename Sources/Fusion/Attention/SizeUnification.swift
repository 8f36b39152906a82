import GraphIR
import Operations
import Tensors

/// Finds sizes that must be equal although the file gives them different symbols, as where every input has symbols of its own.
///
/// Two sizes that meet in a product, or elementwise, are equal unless one of them is 1 and broadcast. Attention is looked for
/// under that reading; the graph keeps the types it was given.
struct SizeUnification {
  private(set) var bindings: [String: Dimension] = [:]

  /// - Parameter inputs: the symbols that may be replaced: those of the graph's inputs.
  mutating func collect(from graph: Graph, inputs: Set<String>) {
    for node in graph.nodes where SizeUnification.meets(node.operation) {
      let shapes = node.inputs.compactMap { $0.flatMap { graph.info(of: $0).shape.dimensions } }
      guard shapes.count >= 2, shapes.count == node.inputs.count else { continue }
      let surplus = node.operation is MatMul ? 2 : 0
      for (index, first) in shapes.enumerated() {
        for second in shapes[(index + 1)...] {
          for (left, right) in zip(first.dropLast(surplus).reversed(), second.dropLast(surplus).reversed()) {
            unify(left, right, inputs: inputs)
          }
        }
      }
      if node.operation is MatMul, shapes[0].count >= 2, shapes[1].count >= 2 {
        unify(shapes[0][shapes[0].count - 1], shapes[1][shapes[1].count - 2], inputs: inputs)
      }
    }
  }

  private static func meets(_ operation: any GraphOperation) -> Bool {
    switch operation {
    case is Add, is Sub, is Mul, is Div, is Where, is MatMul: true
    default: false
    }
  }

  private mutating func unify(_ left: Dimension, _ right: Dimension, inputs: Set<String>) {
    guard left.constant == nil, right.constant == nil, left != right else { return }
    let first = left.substituting(bindings)
    let second = right.substituting(bindings)
    guard first != second else { return }
    // Of two symbols, the one that sorts later goes.
    for (one, other) in first.description > second.description
      ? [(first, second), (second, first)] : [(second, first), (first, second)]
    {
      guard one.symbols.count == 1, let name = one.symbols.first, one == Dimension(symbol: name), inputs.contains(name),
        !other.symbols.contains(name)
      else { continue }
      bindings = bindings.mapValues { $0.substituting([name: other]) }
      bindings[name] = other
      return
    }
  }
}

extension Graph {
  /// Infers all types with sizes that must be equal taken to be equal; returns the input types to restore, nil where nothing changed.
  mutating func unifySizes() -> [Value: TensorType]? {
    let declared = Dictionary(uniqueKeysWithValues: inputs.map { ($0.value, type(of: $0.value)) })
    let symbols = declared.values.reduce(into: Set<String>()) { names, type in
      for dimension in type.shape.dimensions ?? [] { names.formUnion(dimension.symbols) }
    }
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
    return changed ? declared : nil
  }
}
