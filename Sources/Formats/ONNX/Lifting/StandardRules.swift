import GraphIR
import Tensors

extension ONNXLiftingRule {
  /// Rules for operators of ONNX's own domain whose meaning or form changed by more than moved attributes.
  static let standard: [ONNXLiftingRule] = [
    ONNXLiftingRule("Constant") { node, graph in
      guard let (attribute, value) = node.attributes.first, node.attributes.count == 1 else {
        throw ModelError.unsupported("a constant that is no tensor")
      }
      let tensor =
        switch (attribute, value) {
        case ("value", .tensor(let tensor)): tensor
        case ("value_float", .float(let number)): Tensor(scalar: Float(number))
        case ("value_floats", .floats(let numbers)): Tensor(numbers.map { Float($0) })
        case ("value_int", .integer(let number)): Tensor(scalar: Int64(number))
        case ("value_ints", .integers(let numbers)): Tensor(numbers.map { Int64($0) })
        default: throw ModelError.unsupported("a constant of kind '\(attribute)'")
        }
      return [try graph.addConstant(tensor, name: node.name, origin: node.origin)]
    },
    ONNXLiftingRule("Pad", before: 2) { node, graph in
      if let pads = node.attributes.removeValue(forKey: "paddings") {
        node.setInput(1, try node.constant([Int](attribute: pads), in: &graph))
      }
      return nil
    },
    ONNXLiftingRule("Concat", before: 4) { node, _ in
      if node.attributes["axis"] == nil { node.attributes["axis"] = .integer(1) }
      return nil
    },
    ONNXLiftingRule("Tile", before: 6) { _, _ in throw ModelError.unsupported("Tile along one axis") },
    ONNXLiftingRule(
      "Add", "Sub", "Mul", "Div", "Pow", "And", "Or", "Xor", "Equal", "Less", "Greater", "PRelu", before: 7
    ) { node, graph in
      try alignOldBroadcast(&node, in: graph)
      return nil
    },
    ONNXLiftingRule("Gemm", before: 7) { node, _ in
      node.attributes["broadcast"] = nil
      return nil
    },
    ONNXLiftingRule("BatchNormalization", "Dropout", before: 7) { node, _ in
      guard try node.integer("is_test") ?? 0 != 0, try node.integer("spatial") ?? 1 == 1 else {
        throw ModelError.unsupported("\(node.type) in training")
      }
      return nil
    },
    ONNXLiftingRule("Upsample") { node, graph in
      let mode = try node.string("mode") ?? "nearest"
      return [try resize(node, scales: node.required(1), mode: mode, in: &graph)]
    },
    ONNXLiftingRule("Resize", before: 11) { node, graph in
      let mode = try node.string("mode") ?? "nearest"
      return [try resize(node, scales: node.required(1), mode: mode, in: &graph)]
    },
    ONNXLiftingRule("CastLike") { node, graph in
      let element = try graph.type(of: node.required(1)).element
      guard element != .unknown else { throw ModelError.unsupported("CastLike of an unknown type") }
      return [try node.insert("Cast", [node.required(0)], ["to": .element(element)], in: &graph)]
    },
    ONNXLiftingRule("Scatter") { node, _ in
      node.type = "ScatterElements"
      return nil
    },
    ONNXLiftingRule("Dropout", before: 12) { node, _ in
      node.attributes["ratio"] = nil
      return nil
    },
    ONNXLiftingRule("Softmax", "LogSoftmax", "Hardmax", before: 13) { node, graph in
      try liftFlattenedNormalization(&node, in: &graph)
    },
    ONNXLiftingRule("Split", before: 18) { node, _ in
      if node.input(1) == nil { node.attributes["num_outputs"] = .integer(node.outputCount) }
      return nil
    },
    ONNXLiftingRule("GridSample", before: 20) { node, _ in
      let names = ["bilinear": "linear", "bicubic": "cubic"]
      if let mode = try node.string("mode") { node.attributes["mode"] = .string(names[mode] ?? mode) }
      return nil
    },
    ONNXLiftingRule("GroupNormalization", before: 21) { node, graph in
      try liftGroupNormalization(&node, in: &graph)
    },
  ]

  /// Before operator set 7, `axis` said where the second operand begins in the first; without it they end together, as they do since.
  private static func alignOldBroadcast(_ node: inout LiftedNode, in graph: Graph) throws {
    let axis = try node.integer("axis")
    let broadcast = try node.integer("broadcast") ?? 0
    node.attributes["axis"] = nil
    node.attributes["broadcast"] = nil
    guard broadcast != 0, let axis else { return }
    guard let rank = try graph.type(of: node.required(0)).rank, let other = try graph.type(of: node.required(1)).rank,
      axis == rank - other
    else { throw ModelError.unsupported("\(node.type) that broadcasts from axis \(axis)") }
  }

  private static func resize(
    _ node: LiftedNode, scales: Value, mode: String, in graph: inout Graph
  ) throws -> Value {
    try node.insert(
      "Resize", [node.required(0), nil, scales],
      [
        "mode": .string(mode == "bilinear" ? "linear" : mode), "coordinate_transformation_mode": .string("asymmetric"),
        "nearest_mode": .string("floor"),
      ], in: &graph)
  }

  /// Before operator set 13 these flattened all axes from `axis` on into the one they work along.
  ///
  /// That is the newer meaning where `axis` is the last one; elsewhere the flattening is spelled out.
  private static func liftFlattenedNormalization(_ node: inout LiftedNode, in graph: inout Graph) throws -> [Value?]? {
    let data = try node.required(0)
    let axis = try node.integer("axis") ?? 1
    guard let dimensions = graph.type(of: data).shape.dimensions else {
      guard axis == -1 else { throw ModelError.unsupported("\(node.type) of a tensor of unknown rank") }
      node.attributes["axis"] = .integer(-1)
      return nil
    }
    // A tensor without axes has one element, whatever the axis.
    let first = dimensions.isEmpty ? 0 : try normalizedAxis(axis, rank: dimensions.count)
    guard dimensions.dropFirst(first + 1).contains(where: { $0.constant != 1 }) else {
      node.attributes["axis"] = .integer(first - dimensions.count)
      return nil
    }
    let shape = try node.insert("Shape", [data], in: &graph)
    let flat = try node.insert("Flatten", [data], ["axis": .integer(first)], in: &graph)
    let normalized = try node.insert(node.type, [flat], ["axis": .integer(-1)], in: &graph)
    return [try node.insert("Reshape", [normalized, shape], in: &graph)]
  }

  /// Before operator set 21 scale and bias were given for groups, since then for channels.
  private static func liftGroupNormalization(_ node: inout LiftedNode, in graph: inout Graph) throws -> [Value?]? {
    guard let groups = try node.integer("num_groups"), groups > 0,
      let dimensions = try graph.type(of: node.required(0)).shape.dimensions, dimensions.count > 1,
      let channels = dimensions[1].constant, channels % groups == 0
    else { throw ModelError.unsupported("GroupNormalization of an unknown number of channels") }
    for index in 1...2 {
      let column = try node.insert(
        "Unsqueeze", [node.required(index), node.constant([1], in: &graph)], in: &graph)
      let expanded = try node.insert(
        "Expand", [column, node.constant([groups, channels / groups], in: &graph)], in: &graph)
      node.setInput(index, try node.insert("Reshape", [expanded, node.constant([-1], in: &graph)], in: &graph))
    }
    return nil
  }
}
