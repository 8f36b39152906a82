import GraphIR
import Operations
import Tensors

extension ONNXLiftingRule {
  /// Attention that a file holds fused already becomes `FlashAttention`, with views around it where the layout differs.
  static let fusedAttention: [ONNXLiftingRule] = [
    ONNXLiftingRule("Attention") { node, graph in
      var lifting = try StandardAttentionLifting(node, in: &graph)
      return try lifting.results(in: &graph)
    },
    ONNXLiftingRule("MultiHeadAttention", domain: "com.microsoft") { node, graph in
      [try liftMultiHeadAttention(node, in: &graph)]
    },
  ]

  /// ONNX Runtime's operator, in the forms without bias of its own, packed inputs, padding by length, or a cache.
  private static func liftMultiHeadAttention(_ node: LiftedNode, in graph: inout Graph) throws -> Value {
    try requireSupported(node.outputCount == 1, "MultiHeadAttention with a cache")
    for index in [3, 4, 6, 7] {
      try requireSupported(node.input(index) == nil, "MultiHeadAttention with a bias, padding or cache")
    }
    try requireSupported(node.inputs.count <= 8, "MultiHeadAttention with a cache")
    guard let heads = try node.integer("num_heads"), heads > 0 else {
      throw ModelError.invalid("attribute 'num_heads' is missing")
    }
    try requireSupported(node.input(1) != nil && node.input(2) != nil, "MultiHeadAttention with packed inputs")
    let query = try HeadLayout.split(node.required(0), heads: heads, of: node, in: &graph)
    let key = try HeadLayout.split(node.required(1), heads: heads, of: node, in: &graph)
    let value = try HeadLayout.split(node.required(2), heads: heads, of: node, in: &graph)
    var attention = FlashAttention()
    let scale = try node.number("scale") ?? 0
    attention.scale = scale == 0 ? try defaultScale(of: query, in: graph) : scale
    if try node.integer("unidirectional") ?? 0 != 0 {
      let (queries, keys) = (graph.type(of: query).shape.dimensions?[2], graph.type(of: key).shape.dimensions?[2])
      try requireSupported(queries != nil && queries == keys, "causal MultiHeadAttention of different lengths")
      attention.causal = .upperLeft
    }
    let result = try add(attention, [query, key, value, node.input(5)], of: node, in: &graph)
    return try HeadLayout.merge(result, of: node, in: &graph)
  }

  private static func add(
    _ attention: FlashAttention, _ inputs: [Value?], of node: LiftedNode, in graph: inout Graph
  ) throws -> Value {
    var operands = inputs
    while operands.last == .some(nil) { operands.removeLast() }
    let elements = Set(operands.prefix(3).compactMap { $0.map { graph.type(of: $0).element } })
    try requireSupported(elements.count == 1, "attention of more than one element type")
    return try graph.insert(attention, operands, name: node.name, origin: node.origin)
  }

  private static func requireSupported(_ condition: Bool, _ what: String) throws {
    if !condition { throw ModelError.unsupported(what) }
  }

  private static func defaultScale(of query: Value, in graph: Graph) throws -> Double {
    guard let size = graph.type(of: query).shape.dimensions?.last?.constant, size > 0 else {
      throw ModelError.unsupported("attention whose scale depends on an unknown head size")
    }
    return 1 / Double(size).squareRoot()
  }
}

/// Views between `[batch, length, heads · size]`, as files keep it, and `[batch, heads, length, size]`.
enum HeadLayout {
  /// Gives every head its axis; a value of four axes has it already.
  static func split(_ value: Value, heads: Int?, of node: LiftedNode, in graph: inout Graph) throws -> Value {
    switch graph.type(of: value).rank {
    case 4: return value
    case 3:
      guard let heads, heads > 0 else { throw ModelError.invalid("the number of heads is not given") }
      let apart = try node.insert(
        "Reshape", [value, node.constant([0, 0, heads, -1], in: &graph)], in: &graph)
      return try node.insert("Transpose", [apart], ["perm": .integers([0, 2, 1, 3])], in: &graph)
    default: throw ModelError.unsupported("attention of neither 3 nor 4 axes")
    }
  }

  /// The inverse of `split`.
  static func merge(_ value: Value, of node: LiftedNode, in graph: inout Graph) throws -> Value {
    let together = try node.insert("Transpose", [value], ["perm": .integers([0, 2, 1, 3])], in: &graph)
    return try node.insert("Reshape", [together, node.constant([0, 0, -1], in: &graph)], in: &graph)
  }
}
