import GraphIR
import Tensors

extension LoweringRules {
  static let neural: [String: LoweringRule] = [
    "Softmax": { lowering, node, inputs in
      let axis = String(try node.integer("axis"))
      return try lowering.layer(
        "SoftMax", version: 8, data: [("axis", axis)], try lowering.required(inputs), [try node.type()])
    },
    "Gelu": { lowering, node, inputs in
      let isTanh = try node.attribute("approximate") == .string("tanh")
      return try lowering.layer(
        "Gelu", version: 7, data: [("approximation_mode", isTanh ? "TANH" : "ERF")], try lowering.required(inputs),
        [try node.type()])
    },
    "Swish": { lowering, node, inputs in
      let data = try lowering.required(inputs)[0]
      var operands = [data]
      if case .float(let alpha) = try node.attribute("alpha"), alpha != 1 {
        operands.append(try lowering.constant(Tensor(doubles: [alpha], element: data.type.element, shape: [])))
      }
      return try lowering.layer("Swish", version: 4, operands, [try node.type()])
    },
    "LayerNormalization": { lowering, node, inputs in
      let operands = try lowering.required(inputs)
      let data = operands[0]
      guard let rank = data.type.rank, node.outputs.count == 1, case .float(let epsilon) = try node.attribute("epsilon")
      else { throw ModelError.unsupported("this layer normalisation has no counterpart in OpenVINO") }
      let first = try normalizedAxis(try node.integer("axis"), rank: rank)
      let axes = try lowering.constant(Array(first..<rank))
      let attributes = [("eps", String(epsilon)), ("normalize_variance", "true"), ("eps_mode", "INSIDE_SQRT")]
      var result = try lowering.single("MVN", version: 6, data: attributes, [data, axes], data.type)
      let isScaled = !lowering.isOnes(node.inputs[1])
      for (type, operand) in zip(["Multiply", "Add"], operands.dropFirst()) where type == "Add" || isScaled {
        result = try lowering.single(type, data: [("auto_broadcast", "numpy")], [result, operand], data.type)
      }
      return [result]
    },
  ]
}
