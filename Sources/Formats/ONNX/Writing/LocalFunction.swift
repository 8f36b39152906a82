import GraphIR
import Operations
import Tensors

/// A model-local function that stands for an operation that a file can't say otherwise: its body is the decomposition, so that it runs
/// anywhere.
///
/// Equal ones have equal definitions.
struct LocalFunction: Hashable {
  private let operation: any CompositeOperation
  /// What the body knows of its inputs; nil for those that are left out.
  private let inputs: [TensorType?]
  /// That of the standard operator set.
  private let version: Int

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

  /// The function whose calls compute `node` of `graph`.
  init(of node: Node, _ operation: any CompositeOperation, in graph: Graph, version: Int) {
    self.operation = operation
    self.version = version
    let slots = OperationDescriptor.of(operation).inputs
    let isAttention = operation is FlashAttention
    inputs = node.inputs.enumerated().map { index, input in
      input.map {
        Self.openType(
          graph.type(of: $0), of: slots[index].name, isAttention: isAttention, isHeadwise: isAttention && index < 3)
      }
    }
  }

  static func == (left: LocalFunction, right: LocalFunction) -> Bool {
    left.version == right.version && left.inputs == right.inputs && left.operation.isEqual(to: right.operation)
  }

  func hash(into hasher: inout Hasher) {
    hasher.combine(operation)
    hasher.combine(inputs)
    hasher.combine(version)
  }

  /// The function without a domain.
  func definition() throws -> Onnx_FunctionProto {
    var body = Graph()
    let descriptor = OperationDescriptor.of(operation)
    let slots = descriptor.inputs
    let attention = operation as? FlashAttention
    var names: [Value: String] = [:]
    let values: [Value?] = try inputs.enumerated().map { index, type in
      guard let type else { return nil }
      let value = try body.addInput([slots[index].name], type)
      names[value] = slots[index].name
      return value
    }
    var numbers = ReferredNumbers(isOpen: version >= 12)
    let result =
      try attention?.decompose(values, in: &body, numbers: &numbers) ?? operation.decompose(values, in: &body)[0]
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
    function.input = slots.prefix(inputs.count).map(\.name)
    function.output = ["output"]
    function.attribute = try attributes().map(\.name)
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
  func attributes() throws -> [Onnx_AttributeProto] {
    let descriptor = OperationDescriptor.of(operation)
    let changed = Set(descriptor.setAttributes(of: operation).map(\.name))
    let isAttention = operation is FlashAttention
    let hasMask = inputs.indices.contains(4) && inputs[4] != nil
    let isWide = isAttention && inputs.first??.element == .float64
    return try descriptor.attributes.compactMap { attribute in
      let isAsked = isAttention && (attribute.name == "scale" || (attribute.name == "maskedScore" && hasMask))
      guard isAsked || changed.contains(attribute.name) else { return nil }
      var value = attribute.read(operation)
      if isWide, case .float(let number) = value {
        value = .tensor(try Tensor(doubles: [number], element: .float64, shape: []))
      }
      return try value.map { try Onnx_AttributeProto(attribute.name, $0) }
    }
  }

  /// The types of the inputs with batch and lengths left open, so that one function serves all calls that differ in those.
  ///
  /// How many features there are stays: a body may depend on it.
  private static func openType(_ type: TensorType, of name: String, isAttention: Bool, isHeadwise: Bool) -> TensorType {
    guard var dimensions = type.shape.dimensions else { return type }
    let features = dimensions.last
    for axis in dimensions.indices where !isHeadwise || axis % 2 == 0 {
      dimensions[axis] = Dimension(symbol: isHeadwise && axis == 0 ? "batch" : "\(name).\(axis)")
    }
    if !isAttention, let features { dimensions[dimensions.count - 1] = features }
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
