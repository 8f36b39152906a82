import GraphIR
import Tensors

/// How OpenVINO says those canonical operations that it spells with other inputs or attributes, by canonical name.
///
/// Operations that both say alike need no rule: their own files have the spelling.
enum LoweringRules {
  static let all: [String: LoweringRule] = [arithmetic, shapes, neural, attention].reduce(into: [:]) { table, part in
    table.merge(part) { first, _ in first }
  }

  /// Whether OpenVINO has the operation.
  static func canSay(_ operation: any GraphOperation) -> Bool {
    let descriptor = OperationDescriptor.of(operation)
    return all[descriptor.name] != nil || descriptor.spellings.contains { $0.format == .openVINO }
  }

  private static let broadcast = ("auto_broadcast", "numpy")

  private static let arithmetic: [String: LoweringRule] = [
    "Identity": { _, _, inputs in inputs.compactMap { $0 } },
    "Div": { lowering, node, inputs in
      let operands = try lowering.required(inputs)
      // OpenVINO rounds integers down unless told not to.
      return try lowering.layer("Divide", data: [broadcast, ("m_pythondiv", "false")], operands, [try node.type()])
    },
    "Mod": { lowering, node, inputs in
      let keepsSign = (try node.attribute("fmod")) != .boolean(false)
      return try lowering.layer(
        keepsSign ? "Mod" : "FloorMod", data: [broadcast], try lowering.required(inputs), [try node.type()])
    },
    "Max": chain("Maximum"),
    "Min": chain("Minimum"),
    "MatMul": { lowering, node, inputs in
      let data = [("transpose_a", "false"), ("transpose_b", "false")]
      return try lowering.layer("MatMul", data: data, try lowering.required(inputs), [try node.type()])
    },
    "Clip": { lowering, node, inputs in
      var value = try lowering.required(Array(inputs.prefix(1)))[0]
      for (index, type) in [(1, "Maximum"), (2, "Minimum")] {
        guard index < inputs.count, let bound = inputs[index] else { continue }
        value = try lowering.single(type, data: [broadcast], [value, bound], value.type)
      }
      return [value]
    },
    "ReduceSum": reduction("ReduceSum"), "ReduceMean": reduction("ReduceMean"), "ReduceMax": reduction("ReduceMax"),
    "ReduceMin": reduction("ReduceMin"), "ReduceProd": reduction("ReduceProd"),
  ]

  /// An operation of two inputs for one of any number.
  private static func chain(_ type: String) -> LoweringRule {
    { lowering, node, inputs in
      let operands = try lowering.required(inputs)
      guard var result = operands.first else { throw ModelError.unsupported("a \(type) of nothing") }
      for operand in operands.dropFirst() {
        let shape = try Shape.broadcast(result.type.shape, operand.type.shape)
        result = try lowering.single(
          type, data: [broadcast], [result, operand], TensorType(result.type.element, shape))
      }
      return [result]
    }
  }

  private static func reduction(_ type: String) -> LoweringRule {
    { lowering, node, inputs in
      let data = try lowering.required(Array(inputs.prefix(1)))[0]
      let axes: LayerOutput
      if inputs.count > 1, let given = inputs[1] {
        axes = given
      } else {
        guard let rank = data.type.rank else { throw ModelError.unsupported("a reduction of a tensor of unknown rank") }
        let keepsAll = try node.attribute("noop_with_empty_axes") == .boolean(true)
        axes = try lowering.constant(keepsAll ? [Int]() : Array(0..<rank))
      }
      let keepsAxes = try node.attribute("keepdims") != .boolean(false)
      return try lowering.layer(
        type, data: [("keep_dims", keepsAxes ? "true" : "false")], [data, axes], [try node.type()])
    }
  }
}

extension Node {
  /// The type of its first result.
  func type() throws -> TensorType {
    guard let type = outputs.first?.type else { throw ModelError.invalid("it has no result") }
    return type
  }

  /// The value of the attribute that the canonical operation calls `name`.
  func attribute(_ name: String) throws -> AttributeValue? {
    OperationDescriptor.of(operation).attributes.first { $0.name == name }?.read(operation)
  }

  /// The whole number that the attribute `name` has.
  func integer(_ name: String) throws -> Int {
    guard case .integer(let value) = try attribute(name) else {
      throw ModelError.unsupported("attribute '\(name)' can't be written here")
    }
    return value
  }
}
