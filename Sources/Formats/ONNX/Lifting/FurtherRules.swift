import GraphIR
import Tensors

extension ONNXLiftingRule {
  /// Rules for operators that are little words for other operations: samples, optional values, machine learning.
  static let further: [ONNXLiftingRule] = [
    ONNXLiftingRule("DFT", before: 20) { node, graph in
      let axis = try node.integer("axis") ?? 1
      node.attributes["axis"] = nil
      node.setInput(2, try graph.addConstant(Tensor(scalar: Int64(axis)), origin: node.origin))
      return nil
    },
    ONNXLiftingRule("RoiAlign", before: 16) { node, _ in
      node.attributes["coordinate_transformation_mode"] = .string("output_half_pixel")
      return nil
    },
    ONNXLiftingRule("FlexAttention", domain: "ai.onnx.preview") { node, graph in
      let operands = try (0..<3).map { try node.required($0) }
      guard let headSize = graph.type(of: operands[0]).shape.dimensions?.last?.constant, headSize > 0 else {
        throw ModelError.unsupported("FlexAttention of heads of an unknown size")
      }
      let scale = try node.number("scale") ?? 1 / Double(headSize).squareRoot()
      return [try node.insert("FlashAttention", operands, ["scale": .float(scale)], in: &graph)]
    },
    ONNXLiftingRule("OptionalHasElement") { node, graph in
      [try graph.addConstant(Tensor(scalar: node.input(0) != nil), origin: node.origin)]
    },
    ONNXLiftingRule("OptionalGetElement") { node, graph in
      [try node.insert("Identity", [node.required(0)], in: &graph)]
    },
    ONNXLiftingRule("ArrayFeatureExtractor", domain: "ai.onnx.ml") { node, graph in
      var data = try node.required(0)
      if graph.type(of: data).rank == 1 {
        data = try node.insert("Unsqueeze", [data, node.constant([0], in: &graph)], in: &graph)
      }
      let indices = try node.insert("Reshape", [node.required(1), node.constant([-1], in: &graph)], in: &graph)
      return [try node.insert("Gather", [data, indices], ["axis": .integer(-1)], in: &graph)]
    },
    ONNXLiftingRule("Binarizer", domain: "ai.onnx.ml") { node, graph in
      let data = try node.required(0)
      let threshold = try node.scalar(node.number("threshold") ?? 0, like: data, in: &graph)
      let isGreater = try node.insert("Greater", [data, threshold], in: &graph)
      return [try node.insert("Cast", [isGreater], ["to": .element(graph.type(of: data).element)], in: &graph)]
    },
    ONNXLiftingRule("RandomUniform", "RandomNormal") { node, graph in
      let shape = try node.constant(node.integers("shape") ?? [], in: &graph)
      return [try random(node.type, shape, element: element(of: node) ?? .float32, of: node, in: &graph)]
    },
    ONNXLiftingRule("RandomUniformLike", "RandomNormalLike") { node, graph in
      let data = try node.required(0)
      let element = try element(of: node) ?? graph.type(of: data).element
      let shape = try node.insert("Shape", [data], in: &graph)
      return [try random(String(node.type.dropLast(4)), shape, element: element, of: node, in: &graph)]
    },
    ONNXLiftingRule("Bernoulli") { node, graph in
      let probability = try node.required(0)
      let own = graph.type(of: probability).element
      let shape = try node.insert("Shape", [probability], in: &graph)
      let sample = try random("RandomUniform", shape, element: own, of: node, in: &graph)
      let isHit = try node.insert("Less", [sample, probability], in: &graph)
      return [try node.insert("Cast", [isHit], ["to": .element(element(of: node) ?? own)], in: &graph)]
    },
    // The greatest of logarithms of probabilities, each less ln(−ln u), is a sample (the Gumbel distribution).
    ONNXLiftingRule("Multinomial") { node, graph in
      let logits = try node.required(0)
      let size = try node.integer("sample_size") ?? 1
      let shape = try node.insert("Shape", [logits], in: &graph)
      let batch = try node.insert(
        "Slice", [shape, node.constant([0], in: &graph), node.constant([1], in: &graph)], in: &graph)
      let classes = try node.insert(
        "Slice", [shape, node.constant([1], in: &graph), node.constant([2], in: &graph)], in: &graph)
      let sampled = try node.insert(
        "Concat", [batch, node.constant([size], in: &graph), classes], ["axis": .integer(0)], in: &graph)
      let own = graph.type(of: logits).element
      let sample = try random("RandomUniform", sampled, element: own, of: node, in: &graph)
      func negativeLogarithm(_ value: Value) throws -> Value {
        try node.insert("Neg", [node.insert("Log", [value], in: &graph)], in: &graph)
      }
      let gumbel = try negativeLogarithm(negativeLogarithm(sample))
      let each = try node.insert("Unsqueeze", [logits, node.constant([1], in: &graph)], in: &graph)
      let best = try node.insert(
        "ArgMax", [node.insert("Add", [each, gumbel], in: &graph)], ["axis": .integer(2), "keepdims": .boolean(false)],
        in: &graph)
      return [try node.insert("Cast", [best], ["to": .element(element(of: node) ?? .int32)], in: &graph)]
    },
  ]

  /// The element type that the attribute `dtype` names.
  private static func element(of node: LiftedNode) throws -> ElementType? {
    try node.integer("dtype").map { code in
      let element = try ElementType(onnx: code)
      guard element != .unknown else { throw ModelError.unsupported("the element type number \(code)") }
      return element
    }
  }

  /// Random numbers; without a seed, nodes of different names get different ones.
  private static func random(
    _ operation: String, _ shape: Value, element: ElementType, of node: LiftedNode, in graph: inout Graph
  ) throws -> Value {
    var attributes = node.attributes.filter { ["high", "low", "mean", "scale"].contains($0.key) }
    attributes["dtype"] = .element(element)
    let seed = try node.number("seed").map { Int(truncatingIfNeeded: $0.bitPattern) }
    attributes["seed"] = .integer(seed ?? node.name.utf8.reduce(0) { $0 &* 31 &+ Int($1) })
    return try node.insert(operation, [shape], attributes, in: &graph)
  }
}
