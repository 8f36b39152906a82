import GraphIR
import Tensors

extension ONNXLiftingRule {
  static let contrib = "com.microsoft"

  /// Rules for the operators that ONNX Runtime's optimizer writes; what they can't say stays opaque.
  static let microsoft: [ONNXLiftingRule] = [
    ONNXLiftingRule("Gelu", domain: contrib) { node, graph in
      [try node.insert("Gelu", [node.required(0)], in: &graph)]
    },
    ONNXLiftingRule("BiasGelu", domain: contrib) { node, graph in
      let sum = try node.insert("Add", [node.required(0), node.required(1)], in: &graph)
      return [try node.insert("Gelu", [sum], in: &graph)]
    },
    ONNXLiftingRule("FastGelu", domain: contrib) { node, graph in
      var data = try node.required(0)
      if let bias = node.input(1) { data = try node.insert("Add", [data, bias], in: &graph) }
      return [try node.insert("Gelu", [data], ["approximate": .string("tanh")], in: &graph)]
    },
    ONNXLiftingRule("QuickGelu", domain: contrib) { node, graph in
      let alpha = try node.number("alpha") ?? 1.702
      return [try node.insert("Swish", [node.required(0)], ["alpha": .float(alpha)], in: &graph)]
    },
    ONNXLiftingRule("SkipLayerNormalization", domain: contrib) { node, graph in
      var sum = try node.insert("Add", [node.required(0), node.required(1)], in: &graph)
      if let bias = node.input(4) { sum = try node.insert("Add", [sum, bias], in: &graph) }
      let epsilon = try node.number("epsilon") ?? 1e-12
      let result = try node.insert(
        "LayerNormalization", [sum, node.required(2), node.input(3)],
        ["axis": .integer(-1), "epsilon": .float(epsilon)],
        in: &graph)
      guard node.outputCount == 1 || node.outputCount == 4 else {
        throw ModelError.unsupported("statistics of SkipLayerNormalization")
      }
      return node.outputCount == 1 ? [result] : [result, nil, nil, sum]
    },
    ONNXLiftingRule("LayerNormalization", domain: contrib) { node, graph in
      guard node.outputCount == 1 else { throw ModelError.unsupported("statistics of LayerNormalization") }
      let attributes: [String: AttributeValue] = [
        "axis": .integer(try node.integer("axis") ?? -1), "epsilon": .float(try node.number("epsilon") ?? 1e-5),
      ]
      return [try node.insert("LayerNormalization", node.inputs, attributes, in: &graph)]
    },
    ONNXLiftingRule("SkipSimplifiedLayerNormalization", domain: contrib) { node, graph in
      var sum = try node.insert("Add", [node.required(0), node.required(1)], in: &graph)
      if let bias = node.input(3) { sum = try node.insert("Add", [sum, bias], in: &graph) }
      let result = try node.insert(
        "RMSNormalization", [sum, node.required(2)],
        ["axis": .integer(-1), "epsilon": .float(node.number("epsilon") ?? 1e-12)], in: &graph)
      return node.outputCount == 1 ? [result] : [result, nil, nil, sum]
    },
    // Written without a domain, though the standard has no such operator.
    ONNXLiftingRule("SimplifiedLayerNormalization") { node, graph in
      guard node.outputCount == 1 else { throw ModelError.unsupported("statistics of SimplifiedLayerNormalization") }
      let attributes: [String: AttributeValue] = [
        "axis": .integer(try node.integer("axis") ?? -1), "epsilon": .float(try node.number("epsilon") ?? 1e-5),
      ]
      return [try node.insert("RMSNormalization", [node.required(0), node.required(1)], attributes, in: &graph)]
    },
    ONNXLiftingRule("EmbedLayerNormalization", domain: contrib) { node, graph in try embed(node, in: &graph) },
    ONNXLiftingRule("GroupNorm", domain: contrib) { node, graph in
      [try normalizeGroups(node.required(0), of: node, in: &graph)]
    },
    ONNXLiftingRule("SkipGroupNorm", domain: contrib) { node, graph in
      var skip = try node.required(3)
      let isLast = try node.integer("channels_last") ?? 1 != 0
      if graph.type(of: skip).rank == 2 {
        skip = try node.insert("Unsqueeze", [skip, node.constant(isLast ? [1, 2] : [2, 3], in: &graph)], in: &graph)
      }
      var sum = try node.insert("Add", [node.required(0), skip], in: &graph)
      if var bias = node.input(4) {
        if !isLast { bias = try node.insert("Unsqueeze", [bias, node.constant([1, 2], in: &graph)], in: &graph) }
        sum = try node.insert("Add", [sum, bias], in: &graph)
      }
      let result = try normalizeGroups(sum, of: node, in: &graph)
      return node.outputCount == 1 ? [result] : [result, sum]
    },
    ONNXLiftingRule("BiasAdd", domain: contrib) { node, graph in
      let sum = try node.insert("Add", [node.required(0), node.required(1)], in: &graph)
      return [try node.insert("Add", [sum, node.required(2)], in: &graph)]
    },
    ONNXLiftingRule("BiasSplitGelu", domain: contrib) { node, graph in
      let sum = try node.insert("Add", [node.required(0), node.required(1)], in: &graph)
      let halves = try node.insertAll(
        "Split", [sum], ["axis": .integer(-1), "num_outputs": .integer(2)], outputs: 2, in: &graph)
      return [try node.insert("Mul", [halves[0], node.insert("Gelu", [halves[1]], in: &graph)], in: &graph)]
    },
    // The bias has size 1 in the batch axes or has those of the data; either way it broadcasts.
    ONNXLiftingRule("BiasSoftmax", domain: contrib) { node, graph in
      let data = try node.required(0)
      let sum = try node.insert("Add", [data, node.required(1)], in: &graph)
      guard let rank = graph.type(of: data).rank,
        try normalizedAxis(node.integer("axis") ?? 1, rank: rank) == rank - 1,
        graph.type(of: try node.required(1)).rank == rank
      else { throw ModelError.unsupported("BiasSoftmax over several axes") }
      return [try node.insert("Softmax", [sum], ["axis": .integer(-1)], in: &graph)]
    },
    ONNXLiftingRule("Trilu", "Range", "Pad", "GatherND", domain: contrib) { node, graph in
      [try node.insert(node.type, node.inputs, node.attributes, in: &graph)]
    },
    ONNXLiftingRule("ExpandDims", domain: contrib) { node, graph in
      let axis = try node.insert("Cast", [node.required(1)], ["to": .element(.int64)], in: &graph)
      let axes = try node.insert("Reshape", [axis, node.constant([1], in: &graph)], in: &graph)
      return [try node.insert("Unsqueeze", [node.required(0), axes], in: &graph)]
    },
  ]

  /// Rows of tables of words, positions and segments, added up and normalised; also how many words of each row a mask keeps.
  private static func embed(_ node: LiftedNode, in graph: inout Graph) throws -> [Value?] {
    let words = try node.required(0)
    var sum = try node.insert("Gather", [node.required(2), words], in: &graph)
    let shape = try node.insert("Shape", [words], in: &graph)
    let length = try node.insert("Gather", [shape, graph.addConstant(Tensor(scalar: Int64(1)))], in: &graph)
    let positions =
      try node.input(8)
      ?? node.insert(
        "Range",
        [graph.addConstant(Tensor(scalar: Int64(0))), length, graph.addConstant(Tensor(scalar: Int64(1)))], in: &graph)
    let places = try node.insert("Gather", [node.required(3), positions], in: &graph)
    sum = try node.insert("Add", [sum, places], in: &graph)
    if let segments = node.input(1) {
      let rows = try node.insert("Gather", [node.required(4), segments], in: &graph)
      sum = try node.insert("Add", [sum, rows], in: &graph)
    }
    let result = try node.insert(
      "LayerNormalization", [sum, node.required(5), node.input(6)],
      ["axis": .integer(-1), "epsilon": .float(node.number("epsilon") ?? 1e-12)], in: &graph)
    guard node.outputCount > 1 else { return [result] }
    var kept: Value
    if let mask = node.input(7) {
      kept = try node.insert(
        "ReduceSum", [mask, node.constant([1], in: &graph)], ["keepdims": .boolean(false)], in: &graph)
      kept = try node.insert("Cast", [kept], ["to": .element(.int32)], in: &graph)
    } else {
      let batch = try node.insert("Gather", [shape, node.constant([0], in: &graph)], in: &graph)
      kept = try node.insert("Expand", [graph.addConstant(Tensor(scalar: Int32(0))), batch], in: &graph)
    }
    return Array([result, kept, sum].prefix(node.outputCount))
  }

  /// Channels normalised in groups, the last axis being theirs unless the node says otherwise, and passed through SiLU where it asks for that.
  private static func normalizeGroups(_ data: Value, of node: LiftedNode, in graph: inout Graph) throws -> Value {
    guard let groups = try node.integer("groups") else { throw ModelError.invalid("attribute 'groups' is missing") }
    let isLast = try node.integer("channels_last") ?? 1 != 0
    func transposed(_ value: Value, _ order: [Int]) throws -> Value {
      isLast ? try node.insert("Transpose", [value], ["perm": .integers(order)], in: &graph) : value
    }
    func parameter(_ index: Int) throws -> Value {
      try node.insert("Cast", [node.required(index)], ["to": .element(graph.type(of: data).element)], in: &graph)
    }
    var result = try node.insert(
      "GroupNormalization", [transposed(data, [0, 3, 1, 2]), parameter(1), parameter(2)],
      ["num_groups": .integer(groups), "epsilon": .float(node.number("epsilon") ?? 1e-5)], in: &graph)
    if try node.integer("activation") ?? 0 != 0 { result = try node.insert("Swish", [result], in: &graph) }
    return try transposed(result, [0, 2, 3, 1])
  }
}
