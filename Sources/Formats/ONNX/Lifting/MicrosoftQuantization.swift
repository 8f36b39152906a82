import GraphIR
import Tensors

extension ONNXLiftingRule {
  /// ONNX Runtime's operators on quantised numbers: what they compute is dequantised, done in 32 bits, and quantised again.
  static let microsoftQuantization: [ONNXLiftingRule] = [
    ONNXLiftingRule("QuantizeLinear", "DequantizeLinear", domain: contrib) { node, graph in
      [try node.insert(node.type, node.inputs, node.attributes.filter { $0.key == "axis" }, in: &graph)]
    },
    ONNXLiftingRule("QLinearAdd", "QLinearMul", domain: contrib) { node, graph in
      let operands = [try dequantized(0, of: node, in: &graph), try dequantized(3, of: node, in: &graph)]
      let result = try node.insert(String(node.type.dropFirst(7)), operands, in: &graph)
      return [try quantized(result, 6, of: node, in: &graph)]
    },
    ONNXLiftingRule("QLinearSigmoid", "QLinearLeakyRelu", domain: contrib) { node, graph in
      let attributes = node.attributes.filter { $0.key == "alpha" }
      let result = try node.insert(
        String(node.type.dropFirst(7)), [dequantized(0, of: node, in: &graph)], attributes, in: &graph)
      return [try quantized(result, 3, of: node, in: &graph)]
    },
    ONNXLiftingRule("QLinearSoftmax", domain: contrib) { node, graph in
      var softmax = LiftedNode(
        domain: "", type: "Softmax", version: try node.integer("opset") ?? 13,
        inputs: [try dequantized(0, of: node, in: &graph)], attributes: node.attributes.filter { $0.key == "axis" },
        outputCount: 1, name: node.name, origin: node.origin)
      let lifted = try ONNXLiftingRule.apply(to: &softmax, in: &graph)?.first ?? nil
      let result = try lifted ?? softmax.insert("Softmax", softmax.inputs, softmax.attributes, in: &graph)
      return [try quantized(result, 3, of: node, in: &graph)]
    },
    ONNXLiftingRule("QLinearReduceMean", domain: contrib) { node, graph in
      let axes = try node.integers("axes").map { try node.constant($0, in: &graph) }
      let result = try node.insert(
        "ReduceMean", [dequantized(0, of: node, in: &graph), axes],
        ["keepdims": .boolean(node.integer("keepdims") ?? 1 != 0)], in: &graph)
      return [try quantized(result, 3, of: node, in: &graph)]
    },
    ONNXLiftingRule("QLinearAveragePool", "QLinearGlobalAveragePool", domain: contrib) { node, graph in
      let result = try withChannelsSecond([dequantized(0, of: node, in: &graph)], of: node, in: &graph) {
        try node.insert(String(node.type.dropFirst(7)), $0, $1, in: &$2)
      }
      return [try quantized(result, 3, of: node, in: &graph)]
    },
    ONNXLiftingRule("QLinearConv", domain: contrib) { node, graph in
      [
        try withChannelsSecond(node.inputs, of: node, in: &graph) { try node.insert("QLinearConv", $0, $1, in: &$2) }
      ]
    },
    ONNXLiftingRule("QLinearConcat", domain: contrib) { node, graph in
      let parts = try stride(from: 2, to: node.inputs.count, by: 3).map { try dequantized($0, of: node, in: &graph) }
      let result = try node.insert("Concat", parts, ["axis": .integer(node.integer("axis") ?? 0)], in: &graph)
      return [try node.insert("QuantizeLinear", [result, node.required(0), node.required(1)], in: &graph)]
    },
    ONNXLiftingRule("QLinearWhere", domain: contrib) { node, graph in
      let result = try node.insert(
        "Where",
        [node.required(0), dequantized(1, of: node, in: &graph), dequantized(4, of: node, in: &graph)], in: &graph)
      return [try quantized(result, 7, like: 1, of: node, in: &graph)]
    },
    ONNXLiftingRule("MulInteger", domain: contrib) { node, graph in
      let factors = try [0, 2].map { index in
        let wide = try integers(node.required(index), of: node, in: &graph)
        guard let point = node.input(index + 1) else { return wide }
        return try node.insert("Sub", [wide, integers(point, of: node, in: &graph)], in: &graph)
      }
      return [try node.insert("Mul", factors, in: &graph)]
    },
    ONNXLiftingRule("MatMulIntegerToFloat", domain: contrib) { node, graph in
      let sums = try node.insert(
        "MatMulInteger", [node.required(0), node.required(1), node.input(4), node.input(5)], in: &graph)
      let scale = try node.insert("Mul", [node.required(2), node.required(3)], in: &graph)
      return [try scaledSums(sums, scale, bias: node.input(6), of: node, in: &graph)]
    },
    ONNXLiftingRule("DynamicQuantizeMatMul", domain: contrib) { node, graph in
      let parts = try node.insertAll("DynamicQuantizeLinear", [node.required(0)], outputs: 3, in: &graph)
      let sums = try node.insert(
        "MatMulInteger", [parts[0], node.required(1), parts[2], node.input(3)], in: &graph)
      let scale = try node.insert("Mul", [parts[1], node.required(2)], in: &graph)
      return [try scaledSums(sums, scale, bias: node.input(4), of: node, in: &graph)]
    },
    ONNXLiftingRule("QGemm", domain: contrib) { node, graph in
      var operands: [Value] = []
      for (index, flag) in [(0, "transA"), (3, "transB")] {
        var value = try node.insert(
          "DequantizeLinear", [node.required(index), node.required(index + 1), node.input(index + 2)],
          ["axis": .integer(node.integer(flag) ?? 0 != 0 ? 0 : 1)], in: &graph)
        if try node.integer(flag) ?? 0 != 0 {
          value = try node.insert("Transpose", [value], ["perm": .integers([1, 0])], in: &graph)
        }
        operands.append(value)
      }
      var result = try node.insert("MatMul", operands, in: &graph)
      if let bias = node.input(6) {
        let scale = try node.insert("Mul", [node.required(1), node.required(4)], in: &graph)
        let own = try node.insert("Cast", [bias], ["to": .element(graph.type(of: scale).element)], in: &graph)
        result = try node.insert("Add", [result, node.insert("Mul", [own, scale], in: &graph)], in: &graph)
      }
      let alpha = try node.number("alpha") ?? 1
      if alpha != 1 {
        result = try node.insert("Mul", [result, node.scalar(alpha, like: result, in: &graph)], in: &graph)
      }
      return [node.input(7) == nil ? result : try quantized(result, 7, of: node, in: &graph)]
    },
  ]

  /// Input `index` less its zero point and times its scale, which are the two inputs after it.
  private static func dequantized(_ index: Int, of node: LiftedNode, in graph: inout Graph) throws -> Value {
    try node.insert(
      "DequantizeLinear", [node.required(index), node.required(index + 1), node.input(index + 2)], in: &graph)
  }

  /// `value` quantised with the scale and zero point of inputs `index` and the next, to the type of input `source`.
  private static func quantized(
    _ value: Value, _ index: Int, like source: Int = 0, of node: LiftedNode, in graph: inout Graph
  ) throws -> Value {
    let element = graph.type(of: try node.required(source)).element
    let zeroPoint = node.input(index + 1)
    return try node.insert(
      "QuantizeLinear", [value, node.required(index), zeroPoint],
      zeroPoint == nil ? ["output_dtype": .element(element)] : [:], in: &graph)
  }

  private static func integers(_ value: Value, of node: LiftedNode, in graph: inout Graph) throws -> Value {
    try node.insert("Cast", [value], ["to": .element(.int32)], in: &graph)
  }

  /// Sums of integers times `scale`, plus `bias`.
  private static func scaledSums(
    _ sums: Value, _ scale: Value, bias: Value?, of node: LiftedNode, in graph: inout Graph
  ) throws -> Value {
    let numbers = try node.insert("Cast", [sums], ["to": .element(graph.type(of: scale).element)], in: &graph)
    let result = try node.insert("Mul", [numbers, scale], in: &graph)
    return try bias.map { try node.insert("Add", [result, $0], in: &graph) } ?? result
  }

  /// What `body` makes of the inputs and the attributes, with the first input's channels, and the result's, in the place where the standard has them.
  private static func withChannelsSecond(
    _ inputs: [Value?], of node: LiftedNode, in graph: inout Graph,
    _ body: ([Value?], [String: AttributeValue], inout Graph) throws -> Value
  ) throws -> Value {
    let own = node.attributes.filter { $0.key != "channels_last" }
    guard try node.integer("channels_last") ?? 0 != 0 else { return try body(inputs, own, &graph) }
    guard let data = inputs.first ?? nil, let rank = graph.type(of: data).rank, rank > 2 else {
      throw ModelError.unsupported("\(node.type) of unknown rank")
    }
    let first = try node.insert(
      "Transpose", [data], ["perm": .integers([0, rank - 1] + Array(1..<(rank - 1)))], in: &graph)
    let result = try body([first] + inputs.dropFirst(), own, &graph)
    return try node.insert("Transpose", [result], ["perm": .integers([0] + Array(2..<rank) + [1])], in: &graph)
  }
}
