import GraphIR
import Tensors

extension ONNXLiftingRule {
  private static let contrib = "com.microsoft"

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
      let data = try node.required(0)
      let alpha = try node.scalar(node.number("alpha") ?? 1.702, like: data, in: &graph)
      let gate = try node.insert("Sigmoid", [node.insert("Mul", [data, alpha], in: &graph)], in: &graph)
      return [try node.insert("Mul", [data, gate], in: &graph)]
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
    ONNXLiftingRule("FusedMatMul", domain: contrib) { node, graph in
      guard try node.integer("transBatchA") ?? 0 == 0, try node.integer("transBatchB") ?? 0 == 0 else {
        throw ModelError.unsupported("FusedMatMul that moves batch axes")
      }
      var operands: [Value?] = []
      for (index, flag) in ["transA", "transB"].enumerated() {
        let operand = try node.required(index)
        let isTransposed = try node.integer(flag) ?? 0 != 0
        operands.append(isTransposed ? try swapLastTwo(operand, of: node, in: &graph) : operand)
      }
      let product = try node.insert("MatMul", operands, in: &graph)
      let alpha = try node.number("alpha") ?? 1
      return [
        alpha == 1
          ? product
          : try node.insert("Mul", [product, node.scalar(alpha, like: product, in: &graph)], in: &graph)
      ]
    },
  ]

  private static func swapLastTwo(_ value: Value, of node: LiftedNode, in graph: inout Graph) throws -> Value {
    guard let rank = graph.type(of: value).rank, rank >= 2 else {
      throw ModelError.unsupported("a transposed operand of unknown rank")
    }
    var permutation = Array(0..<rank)
    permutation.swapAt(rank - 1, rank - 2)
    return try node.insert("Transpose", [value], ["perm": .integers(permutation)], in: &graph)
  }
}
