import GraphIR
import Operations
import Tensors

extension ONNXLiftingRule {
  /// Attention that a file holds fused already becomes `FlashAttention`, with views around it where the layout differs.
  static let fusedAttention: [ONNXLiftingRule] = [
    ONNXLiftingRule("Attention") { node, graph in try liftStandardAttention(node, in: &graph) },
    ONNXLiftingRule("MultiHeadAttention", domain: "com.microsoft") { node, graph in
      [try liftMultiHeadAttention(node, in: &graph)]
    },
  ]

  /// The standard operator, in the forms that give nothing but attention and the keys and values it read.
  private static func liftStandardAttention(_ node: LiftedNode, in graph: inout Graph) throws -> [Value?] {
    try requireSupported(node.outputCount <= 3, "Attention that gives its scores")
    try requireSupported(try node.integer("qk_matmul_output_mode") ?? 0 == 0, "Attention that gives its scores")
    try requireSupported(
      node.attributes["left_window_size"] == nil && node.attributes["right_window_size"] == nil,
      "Attention with a window")
    let inputs = try (0...2).map { try node.required($0) }
    let isFlat = graph.type(of: inputs[0]).rank == 3
    let heads = try node.integer("q_num_heads")
    let keyHeads = try node.integer("kv_num_heads")
    let query = try HeadLayout.split(inputs[0], heads: heads, of: node, in: &graph)
    var key = try HeadLayout.split(inputs[1], heads: keyHeads, of: node, in: &graph)
    var value = try HeadLayout.split(inputs[2], heads: keyHeads, of: node, in: &graph)

    var attention = FlashAttention()
    attention.softcap = try node.number("softcap") ?? 0
    attention.scale = try node.number("scale") ?? defaultScale(of: query, in: graph)
    if let pastKey = node.input(4), let pastValue = node.input(5) {
      key = try node.insert("Concat", [pastKey, key], ["axis": .integer(2)], in: &graph)
      value = try node.insert("Concat", [pastValue, value], ["axis": .integer(2)], in: &graph)
    }
    if try node.integer("is_causal") ?? 0 != 0 {
      try requireSupported(node.input(6) == nil, "Attention that is causal within valid lengths")
      attention.causal = .upperLeft
      if node.input(4) != nil {
        // Positions count from the past's end, which is the lower right where as many keys as queries are new.
        let (queries, newKeys) = (
          graph.type(of: query).shape.dimensions?[2], newKeyLength(inputs[1], isFlat: isFlat, in: graph)
        )
        try requireSupported(
          queries != nil && queries == newKeys, "causal Attention whose new keys are not as many as its queries")
        attention.causal = .lowerRight
      }
    }
    var operands: [Value?] = [query, key, value, nil, nil, nil, node.input(6)]
    if let mask = node.input(3) {
      // From operator set 24 on, a shorter mask is filled up instead of broadcast.
      if node.version >= 24 {
        try requireSupported(
          graph.type(of: mask).shape.dimensions?.last == graph.type(of: key).shape.dimensions?.dropLast().last,
          "Attention whose mask may be shorter than its keys")
      }
      operands[graph.type(of: mask).element == .bool ? 4 : 3] = mask
    }
    // A query that sees no key gives 0, by the standard's correction of itself.
    attention.guardsNaN = node.input(3) != nil || node.input(6) != nil
    let result = try add(attention, operands, of: node, in: &graph)
    return [isFlat ? try HeadLayout.merge(result, of: node, in: &graph) : result, key, value]
  }

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

  private static func newKeyLength(_ key: Value, isFlat: Bool, in graph: Graph) -> Dimension? {
    guard let dimensions = graph.type(of: key).shape.dimensions, dimensions.count == (isFlat ? 3 : 4) else {
      return nil
    }
    return dimensions[isFlat ? 1 : 2]
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
