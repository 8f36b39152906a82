import GraphIR
import Operations
import Tensors

/// Model-local functions that stand for operations that a file can't say otherwise: their bodies are the decompositions, so that they run
/// anywhere.
enum LocalFunction {
  static let domain = "flashfuse"

  /// Whether a node of this type is a call of a variant of such a function; each variant has a domain of its own.
  static func isOne(domain: String, name: String) -> Bool {
    guard domain == self.domain || domain.hasPrefix(self.domain + ".") else { return false }
    return StandardOperations.registry[name]?.make() is any CompositeOperation
  }

  /// What a call stands for.
  static func lift(_ node: LiftedNode, in graph: inout Graph) throws -> [Value?] {
    let operation = try ONNXOperations.make(node.type, node.attributes)
    return [try graph.insert(operation, node.inputs, name: node.name, origin: node.origin)]
  }

  /// The function whose calls compute `node` of `graph`, in the given version of the standard operator set, without a domain.
  static func definition(
    of node: Node, _ operation: any CompositeOperation, in graph: Graph, version: Int
  ) throws -> Onnx_FunctionProto {
    var body = Graph()
    let descriptor = OperationDescriptor.of(operation)
    let slots = descriptor.inputs
    let attention = operation as? FlashAttention
    var names: [Value: String] = [:]
    let inputs: [Value?] = try node.inputs.enumerated().map { index, input in
      guard let input else { return nil }
      var type = openType(graph.type(of: input), of: slots[index].name, isHeadwise: attention != nil && index < 3)
      if attention == nil, var dimensions = type.shape.dimensions, !dimensions.isEmpty {
        // How many features there are is what a body may depend on.
        dimensions[dimensions.count - 1] = graph.type(of: input).shape.dimensions?.last ?? .unknown
        type.shape = Shape(dimensions)
      }
      let value = try body.addInput([slots[index].name], type)
      names[value] = slots[index].name
      return value
    }
    var numbers = ReferredNumbers(isOpen: version >= 12)
    let result =
      try attention?.decompose(inputs, in: &body, numbers: &numbers) ?? operation.decompose(inputs, in: &body)[0]
    body.addOutput(["output"], result)
    try body.decompose { !ONNXEmitter.canSpell($0, of: $1, version: version) }
    body.removeUnused()
    names[body.outputs[0].value] = "output"

    let vocabulary = ONNXVocabulary(operatorSets: ["": version], usedValueNames: Set(names.values))
    var emitter = ONNXEmitter(vocabulary, names: names)
    for reference in numbers.references { emitter.emit(reference.node, giving: [reference.value]) }
    for id in body.topologicalOrder() where !(body[id].operation is Parameter) {
      try emitter.emit(body[id], of: body)
    }
    var function = Onnx_FunctionProto()
    function.name = descriptor.name
    function.input = slots.prefix(node.inputs.count).map(\.name)
    function.output = ["output"]
    function.attribute = try attributes(of: node, in: graph).map { $0.name }
    function.node = emitter.nodes
    var operatorSet = Onnx_OperatorSetIdProto()
    operatorSet.domain = ""
    operatorSet.version = Int64(version)
    function.opsetImport = [operatorSet]
    return function
  }

  /// The attributes of a call: all of those that differ from their defaults, and those that the body asks for.
  ///
  /// Those of attention in 64 bits are tensors, since attributes of floating-point numbers have 32.
  static func attributes(of node: Node, in graph: Graph) throws -> [Onnx_AttributeProto] {
    let descriptor = OperationDescriptor.of(node.operation)
    let changed = Set(descriptor.setAttributes(of: node.operation).map(\.name))
    let hasMask = node.inputs.indices.contains(4) && node.inputs[4] != nil
    let isWide = node.operation is FlashAttention && node.inputs.first?.map { graph.type(of: $0).element } == .float64
    return try descriptor.attributes.compactMap { attribute in
      let isAsked =
        node.operation is FlashAttention
        && (attribute.name == "scale" || (attribute.name == "maskedScore" && hasMask))
      guard isAsked || changed.contains(attribute.name) else { return nil }
      var value = attribute.read(node.operation)
      if isWide, case .float(let number) = value {
        value = .tensor(try Tensor(doubles: [number], element: .float64, shape: []))
      }
      return try value.map { try Onnx_AttributeProto(attribute.name, $0) }
    }
  }

  /// `type` with batch and lengths left open, so that one function serves all calls that differ in those.
  private static func openType(_ type: TensorType, of name: String, isHeadwise: Bool) -> TensorType {
    guard var dimensions = type.shape.dimensions else { return type }
    for axis in dimensions.indices where !isHeadwise || axis % 2 == 0 {
      dimensions[axis] = Dimension(symbol: isHeadwise && axis == 0 ? "batch" : "\(name).\(axis)")
    }
    return TensorType(type.element, Shape(dimensions))
  }
}

/// Numbers that each call of a function gives as attributes.
private struct ReferredNumbers: AttributeNumbers {
  /// Whether constants can refer to attributes: since operator set 12.
  let isOpen: Bool
  private(set) var references: [(node: Onnx_NodeProto, value: Value)] = []
  private var known: [String: Value] = [:]

  init(isOpen: Bool) { self.isOpen = isOpen }

  mutating func number(
    _ attribute: String, _ value: Double, _ element: ElementType, in graph: inout Graph
  ) throws -> Value {
    guard isOpen else { return try graph.addConstant(Tensor(doubles: [value], element: element, shape: [])) }
    if let reference = known[attribute] { return reference }
    let (name, type, given): (String, Onnx_AttributeProto.AttributeType, ElementType) =
      switch element {
      case .int64: ("value_int", .int, .int64)
      case .float64: ("value", .tensor, .float64)
      default: ("value_float", .float, .float32)
      }
    let parameter = try graph.insert(Parameter(type: TensorType(given, .scalar)), [])
    var node = Onnx_NodeProto()
    node.opType = "Constant"
    node.name = "\(attribute)/Constant"
    node.output = [attribute]
    node.attribute = [Onnx_AttributeProto(name, referringTo: attribute, type: type)]
    references.append((node, parameter))
    let result = element == given ? parameter : try graph.insert(Cast(to: element), [parameter])
    known[attribute] = result
    return result
  }
}
