import GraphIR
import Operations
import Tensors

/// Views between `[batch, heads, length, size]` and `[batch, length, heads · size]`, with views that undo each other left out.
extension AttentionBuilder {
  private static let headsFirst = [0, 2, 1, 3]

  /// `value [batch, heads, length, size]` as `[batch, length, heads, size]`: what it was made of, where it was made of that.
  mutating func lengthFirst(_ value: Value) throws -> Value {
    var source = value
    var permutation = Self.headsFirst
    while let transpose = graph.operation(of: source, as: Transpose.self),
      let data = graph[source.node].inputs.first ?? nil, let inner = try? transpose.order(rank: 4)
    {
      source = data
      permutation = permutation.map { inner[$0] }
    }
    return permutation == [0, 1, 2, 3] ? source : try insert(Transpose(permutation), [source])
  }

  /// `value [batch, length, heads, size]` as `[batch, length, heads · size]`.
  mutating func joiningHeads(_ value: Value) throws -> Value {
    let sizes = try sizes(of: value)
    let joined = Shape([sizes[0], sizes[1], sizes[2] * sizes[3]])
    if graph.operation(of: value, as: Reshape.self) != nil, let data = graph[value.node].inputs.first ?? nil,
      graph.type(of: data).shape == joined
    {
      return data
    }
    return try insert(Reshape(), [value, constant([0, 0, (sizes[2] * sizes[3]).constant ?? -1])])
  }

  /// Makes everything that read the attention's result read `result [batch, length, heads · size]` instead, through views only where it must.
  mutating func replaceResult(with result: Value, heads: Int, size: Dimension) throws {
    let split = try insert(Reshape(), [result, constant([0, 0, heads, size.constant ?? -1])])
    let transposed = try insert(Transpose(Self.headsFirst), [split])
    let old = Value(node.id)
    for transpose in readers(of: old) where graph.operation(of: transpose, as: Transpose.self)?.isHeadsFirst ?? false {
      for reshape in readers(of: transpose)
      where graph.operation(of: reshape, as: Reshape.self) != nil && type(of: reshape) == type(of: result) {
        try replaceUses(of: reshape, with: result)
      }
      try replaceUses(of: transpose, with: split)
    }
    try replaceUses(of: old, with: transposed)
  }

  /// The results of the nodes whose first input is `value`.
  private func readers(of value: Value) -> [Value] {
    graph.uses(of: value).compactMap { use in
      if case .node(let id, input: 0) = use { Value(id) } else { nil }
    }
  }
}

extension Transpose {
  fileprivate var isHeadsFirst: Bool { permutation == [0, 2, 1, 3] }
}
