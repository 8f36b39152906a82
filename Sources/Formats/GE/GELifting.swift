import GraphIR
import Operations
import Tensors

/// One operation of Ascend's graph engine in canonical ones.
struct GELifting {
  let operation: GEGraph.Operation
  let inputs: [Value?]
  let origin: Origin
  var graph: Graph

  typealias Rule = @Sendable (inout GELifting) throws -> [Value?]

  /// The results; nil for an operation that is not known. Throws `unsupported` where its form is not.
  mutating func results() throws -> [Value?]? {
    if let name = Self.elementwise[operation.type] { return [try add(name, (0..<inputs.count).map(required))] }
    return try Self.rules[operation.type]?(&self)
  }

  func required(_ index: Int) throws -> Value {
    guard inputs.indices.contains(index), let value = inputs[index] else {
      throw ModelError.unsupported("input \(index) is not connected")
    }
    return value
  }

  func input(_ index: Int) -> Value? { inputs.indices.contains(index) ? inputs[index] : nil }

  mutating func add(
    _ name: String, _ inputs: [Value?], _ attributes: [String: AttributeValue] = [:]
  ) throws -> Value {
    try graph.insert(ONNXOperations.make(name, attributes), inputs, name: operation.name, origin: origin)
  }

  mutating func constant(_ integers: [Int]) throws -> Value {
    try graph.addConstant(Tensor(integers: integers, shape: [integers.count]), origin: origin)
  }

  mutating func scalar(_ number: Double, like value: Value) throws -> Value {
    let element = graph.type(of: value).element
    return try graph.addConstant(Tensor(doubles: [number], element: element, shape: []), origin: origin)
  }

  func rank(_ value: Value) throws -> Int {
    guard let rank = graph.type(of: value).rank else { throw ModelError.unsupported("a tensor of unknown rank") }
    return rank
  }

  /// The sizes that the file states for the result, of which one may be unknown: `-1` as a shape has it.
  private func statedSizes() throws -> [Int] {
    guard case .some(.some(let type)) = operation.outputTypes.first, let dimensions = type.shape.dimensions else {
      throw ModelError.unsupported("a result of unknown rank")
    }
    let sizes = dimensions.map { $0.constant ?? -1 }
    try unlessUnsupported(sizes.count { $0 < 0 } < 2, "a result of which more than one size is unknown")
    return sizes
  }

  func unlessUnsupported(_ condition: Bool, _ what: String) throws {
    if !condition { throw ModelError.unsupported(what) }
  }

  /// Types that mean what a canonical operation of the same inputs means.
  private static let elementwise: [String: String] = [
    "Add": "Add", "AddV2": "Add", "BiasAdd": "Add", "Sub": "Sub", "Mul": "Mul", "RealDiv": "Div", "Div": "Div",
    "Maximum": "Max", "Minimum": "Min", "Pow": "Pow", "Relu": "Relu", "Sigmoid": "Sigmoid", "Tanh": "Tanh",
    "Exp": "Exp", "Log": "Log", "Sqrt": "Sqrt", "Neg": "Neg", "Abs": "Abs", "Erf": "Erf", "Reciprocal": "Reciprocal",
    "LogicalNot": "Not", "LogicalAnd": "And", "LogicalOr": "Or", "Greater": "Greater", "Less": "Less",
    "GreaterEqual": "GreaterOrEqual", "LessEqual": "LessOrEqual", "Equal": "Equal", "SelectV2": "Where",
    "Select": "Where", "Identity": "Identity",
  ]

  private static let rules: [String: Rule] = {
    var rules: [String: Rule] = [:]
    for type in ["MatMul", "MatMulV2", "MatMulV3"] {
      rules[type] = { [try $0.product(transposing: ["transpose_x1", "transpose_x2"])] }
    }
    for type in ["BatchMatMul", "BatchMatMulV2", "BatchMatMulV3"] {
      rules[type] = { [try $0.product(transposing: ["adj_x1", "adj_x2"])] }
    }
    for type in ["SoftmaxV2", "Softmax"] { rules[type] = { [try $0.softmax()] } }
    for type in ["Transpose", "TransposeD"] { rules[type] = { [try $0.transpose()] } }
    for type in ["Reshape", "ExpandDims", "Unsqueeze", "Squeeze", "Flatten", "FlattenV2"] {
      rules[type] = { lifting in
        [try lifting.add("Reshape", [lifting.required(0), lifting.constant(lifting.statedSizes())])]
      }
    }
    for type in ["BroadcastTo", "BroadcastToD", "Expand", "ExpandD"] {
      rules[type] = { lifting in
        let sizes = try lifting.statedSizes()
        try lifting.unlessUnsupported(!sizes.contains(-1), "a result of unknown size")
        return [try lifting.add("Expand", [lifting.required(0), lifting.constant(sizes)])]
      }
    }
    for type in ["ReduceMean", "ReduceSum", "ReduceMax", "ReduceMin"] {
      rules["\(type)D"] = { lifting in
        let axes = try lifting.operation.integers("axes") ?? []
        let keeps = try lifting.operation.flag("keep_dims") ?? false
        return [
          try lifting.add(type, [lifting.required(0), lifting.constant(axes)], ["keepdims": .boolean(keeps)])
        ]
      }
    }
    for type in ["LayerNorm", "LayerNormV2", "LayerNormV3"] { rules[type] = { [try $0.layerNormalization()] } }
    rules["Cast"] = { [try $0.cast()] }
    rules["Muls"] = { [try $0.byNumber("Mul")] }
    rules["Adds"] = { [try $0.byNumber("Add")] }
    rules["Axpy"] = { lifting in
      let (first, second) = (try lifting.required(0), try lifting.required(1))
      let alpha = try lifting.operation.number("alpha") ?? 1
      let scaled = try lifting.add("Mul", [second, lifting.scalar(alpha, like: second)])
      return [try lifting.add("Add", [first, scaled])]
    }
    rules["Fills"] = { lifting in
      let data = try lifting.required(0)
      let value = try lifting.scalar(lifting.operation.number("value") ?? 0, like: data)
      return [try lifting.add("Expand", [value, lifting.add("Shape", [data])])]
    }
    rules["Square"] = { [try $0.add("Mul", [$0.required(0), $0.required(0)])] }
    rules["Rsqrt"] = { [try $0.add("Reciprocal", [$0.add("Sqrt", [$0.required(0)])])] }
    rules["MaskedFill"] = { [try $0.add("Where", [$0.required(1), $0.required(2), $0.required(0)])] }
    rules["FlashAttentionScore"] = { try $0.flashAttentionScore() }
    return rules
  }()

  private mutating func product(transposing flags: [String]) throws -> Value {
    var operands: [Value?] = []
    for (index, flag) in flags.enumerated() {
      var operand = try required(index)
      if try operation.flag(flag) ?? false {
        var order = Array(0..<(try rank(operand)))
        try unlessUnsupported(order.count > 1, "a vector that is transposed")
        order.swapAt(order.count - 1, order.count - 2)
        operand = try add("Transpose", [operand], ["perm": .integers(order)])
      }
      operands.append(operand)
    }
    let result = try add("MatMul", operands)
    try unlessUnsupported(input(3) == nil, "an offset of quantised weights")
    return try input(2).map { try add("Add", [result, $0]) } ?? result
  }

  private mutating func softmax() throws -> Value {
    let axes = try operation.integers("axes") ?? operation.integers("axis") ?? [-1]
    try unlessUnsupported(axes.count == 1, "a softmax along \(axes.count) axes")
    return try add("Softmax", [required(0)], ["axis": .integer(axes[0])])
  }

  /// By the attribute, or where a constant says the order, whose numbers are not in the file, by sizes that tell the axes apart.
  private mutating func transpose() throws -> Value {
    let data = try required(0)
    if let order = try operation.integers("perm") {
      return try add("Transpose", [data], ["perm": .integers(order)])
    }
    guard case .some(.some(let type)) = operation.outputTypes.first, let wanted = type.shape.sizes,
      let own = graph.type(of: data).shape.sizes, Set(own).count == own.count, own.sorted() == wanted.sorted()
    else { throw ModelError.unsupported("a transpose whose order is in a constant that the file does not hold") }
    return try add("Transpose", [data], ["perm": .integers(wanted.compactMap { own.firstIndex(of: $0) })])
  }

  private mutating func cast() throws -> Value {
    let code = try operation.integer("dst_type").map { ElementType(geCode: $0) }
    let stated = operation.outputTypes.first.flatMap { $0?.element }
    guard let element = code ?? stated, element != .unknown else {
      throw ModelError.unsupported("a cast to an unknown type")
    }
    return try add("Cast", [required(0)], ["to": .element(element)])
  }

  private mutating func byNumber(_ name: String) throws -> Value {
    guard let number = try operation.number("value") else { throw ModelError.unsupported("a number that is missing") }
    let data = try required(0)
    return try add(name, [data, scalar(number, like: data)])
  }

  private mutating func layerNormalization() throws -> Value {
    let data = try required(0)
    let axis = try operation.integer("begin_norm_axis") ?? 0
    let first = axis < 0 ? axis + (try rank(data)) : axis
    try unlessUnsupported(graph.type(of: required(1)).rank == (try rank(data)) - first, "parameters of other axes")
    return try add(
      "LayerNormalization", [data, required(1), input(2)],
      ["axis": .integer(axis), "epsilon": .float(operation.number("epsilon") ?? 1e-7)])
  }
}
