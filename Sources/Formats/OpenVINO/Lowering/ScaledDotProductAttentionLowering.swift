import GraphIR
import Operations
import Tensors

extension LoweringRules {
  /// `FlashAttention` in the form that `ScaledDotProductAttentionForm` gives it: what is left is what `ScaledDotProductAttention` can say.
  static let attention: [String: LoweringRule] = [
    "FlashAttention": { lowering, node, inputs in
      func hasInput(_ index: Int) -> Bool { inputs.indices.contains(index) && inputs[index] != nil }
      guard let attention = node.operation as? FlashAttention,
        attention.isPlain(hasBias: hasInput(3), hasMask: hasInput(4), hasLengths: hasInput(6))
      else { throw ModelError.unsupported("this attention has no counterpart in OpenVINO") }
      var operands = try lowering.required(Array(inputs.prefix(3)))
      let element = operands[0].type.element
      let optional = inputs.dropFirst(3).map { $0 }
      let mask = optional.prefix(2).compactMap { $0 }.first
      // A scalar 0 stands for no mask, which the scale behind it needs.
      operands.append(try mask ?? lowering.constant(Tensor(doubles: [0], element: element, shape: [])))
      operands.append(try lowering.constant(Tensor(doubles: [attention.scale], element: element, shape: [])))
      if optional.count > 2, let sinks = optional[2] {
        let shape = try lowering.constant([1, -1, 1, 1])
        let heads = sinks.type.shape.dimensions?.first ?? .unknown
        operands.append(
          try lowering.single(
            "Reshape", data: [("special_zero", "false")], [sinks, shape],
            TensorType(sinks.type.element, [1, heads, 1, 1])))
      }
      let causal = attention.causal == .upperLeft ? "true" : "false"
      return try lowering.layer(
        "ScaledDotProductAttention", version: 13, data: [("causal", causal)], operands, [try node.type()])
    }
  ]
}
