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
      try RuntimeAttention.liftMultiHead(node, in: &graph)
    },
    ONNXLiftingRule("Attention", domain: "com.microsoft") { node, graph in
      try RuntimeAttention.liftProjected(node, in: &graph)
    },
    ONNXLiftingRule("GroupQueryAttention", domain: "com.microsoft") { node, graph in
      var lifting = try GroupQueryLifting(node, in: &graph)
      return try lifting.results(in: &graph)
    },
  ]
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

  /// The scale: what is `given`, or one over the root of the head size, which goes into the query where it is not known.
  static func scale(
    _ given: Double?, query: inout Value, of node: LiftedNode, in graph: inout Graph
  ) throws -> Double {
    if let given { return given }
    if let size = graph.type(of: query).shape.dimensions?.last?.constant, size > 0 {
      return 1 / Double(size).squareRoot()
    }
    let size = try FlashAttention.size(ofAxis: 3, of: query, in: &graph)
    let number = try node.cast(size, to: graph.type(of: query).element, in: &graph)
    query = try node.insert("Div", [query, node.insert("Sqrt", [number], in: &graph)], in: &graph)
    return 1
  }

  /// The inverse of `split`.
  static func merge(_ value: Value, of node: LiftedNode, in graph: inout Graph) throws -> Value {
    let together = try node.insert("Transpose", [value], ["perm": .integers([0, 2, 1, 3])], in: &graph)
    return try node.insert("Reshape", [together, node.constant([0, 0, -1], in: &graph)], in: &graph)
  }
}
