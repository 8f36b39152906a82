import GraphIR
import Operations
import Tensors

/// What all graphs of a model, or of a function, share: operator sets, and names, of which none may be given twice.
final class ONNXVocabulary {
  /// Versions of the operator sets by domain; one that is missing is added when an operation needs it.
  fileprivate(set) var operatorSets: [String: Int]
  fileprivate var usedValueNames: TakenNames
  fileprivate var usedNodeNames: TakenNames

  /// - Parameter usedValueNames: names that no new value may have.
  init(operatorSets: [String: Int], usedValueNames: Set<String> = [], usedNodeNames: Set<String> = []) {
    self.operatorSets = operatorSets
    self.usedValueNames = TakenNames(usedValueNames)
    self.usedNodeNames = TakenNames(usedNodeNames)
  }

  /// Takes in the operator sets that a function needed beside its own.
  func addOperatorSets(of function: ONNXVocabulary) { operatorSets.merge(function.operatorSets) { own, _ in own } }
}

/// Spells operations of a graph as nodes of one body: a model's graph, one inside it, or a function.
struct ONNXEmitter {
  private(set) var nodes: [Onnx_NodeProto] = []
  let vocabulary: ONNXVocabulary
  private(set) var names: [Value: String]

  /// Attributes that ONNX wants even where they have the canonical default, or whose default changed over time.
  private static let alwaysWritten: [String: Set<String>] = [
    "Concat": ["axis"], "Cast": ["to"], "Softmax": ["axis"], "LogSoftmax": ["axis"], "Hardmax": ["axis"],
    "DepthToSpace": ["blocksize"], "SpaceToDepth": ["blocksize"], "LRN": ["size"], "GroupNormalization": ["num_groups"],
    "Einsum": ["equation"],
  ]

  /// - Parameter names: the names that values have already.
  init(_ vocabulary: ONNXVocabulary, names: [Value: String]) {
    self.vocabulary = vocabulary
    self.names = names
  }

  /// The name of `value`, which must have been emitted or be known.
  func name(of value: Value) throws -> String {
    guard let name = names[value] else { throw ModelError.invalid("a value to be written has no name") }
    return name
  }

  /// Adds `node` of `graph`; its results get names where they have none.
  mutating func emit(_ node: Node, of graph: Graph) throws {
    switch node.operation {
    case is Parameter:
      throw ModelError.invalid("the input '\(node.name)' is not in the file")
    case let constant as Constant:
      try append("Constant", [], node, attributes: [try Onnx_AttributeProto("value", .tensor(constant.tensor))])
    default:
      try locating(node.label) { try emitSpelled(node, of: graph) }
    }
  }

  /// Whether `version` of the standard operator set has the operation of `node` of `graph`; only asked of those with a definition.
  static func canSpell(_ node: Node, of graph: Graph, version: Int) -> Bool {
    let spellings = OperationDescriptor.of(node.operation).spellings
    guard spellings.contains(where: { $0.format == .onnx && $0.since <= version }) else { return false }
    let axis: Int
    switch node.operation {
    case let normalization as LayerNormalization: axis = normalization.axis
    case let normalization as RMSNormalization: axis = normalization.axis
    default: return true
    }
    // Runtimes want a scale of exactly the axes that are normalised.
    let operands = node.inputs.map { $0.map { graph.type(of: $0) } }
    guard let data = operands.first ?? nil, let rank = data.rank, let first = try? normalizedAxis(axis, rank: rank)
    else { return true }
    return operands.dropFirst().allSatisfy { $0?.rank == nil || $0?.rank == rank - first }
  }

  /// Adds a call of a model-local function.
  mutating func emitCall(
    _ type: String, domain: String, _ node: Node, attributes: [Onnx_AttributeProto]
  ) throws {
    vocabulary.operatorSets[domain] = vocabulary.operatorSets[domain] ?? 1
    let inputs = try node.inputs.map { try $0.map(name) ?? "" }
    try append(type, domain: domain, inputs, node, attributes: attributes)
  }

  /// Adds a node that gives `value` a further name.
  mutating func emitAlias(of value: Value, named name: String) throws {
    var proto = Onnx_NodeProto()
    proto.opType = "Identity"
    proto.input = [try self.name(of: value)]
    proto.output = [name]
    proto.name = vocabulary.usedNodeNames.unused("\(name)/Identity")
    nodes.append(proto)
  }

  /// Adds the nodes of another body in the place of `node`, whose results have the names `results` there.
  mutating func emit(_ body: ONNXEmitter, for node: Node, results: [String]) {
    nodes += body.nodes
    for (value, name) in zip(node.values, results) { names[value] = name }
  }

  /// Adds a node as it is.
  mutating func emit(_ proto: Onnx_NodeProto, giving values: [Value]) {
    for (value, name) in zip(values, proto.output) { names[value] = name }
    vocabulary.usedNodeNames.insert(proto.name)
    vocabulary.usedValueNames.formUnion(proto.output)
    nodes.append(proto)
  }

  private mutating func emitSpelled(_ node: Node, of graph: Graph) throws {
    let descriptor = OperationDescriptor.of(node.operation)
    let spellings = descriptor.spellings.filter { $0.format == .onnx }
    guard let newest = spellings.max(by: { $0.since < $1.since }) else {
      throw ModelError.unsupported("ONNX has no operation \(descriptor.name)")
    }
    let version = vocabulary.operatorSets[newest.domain] ?? newest.since
    let moved = newest.domain.isEmpty ? MovedAttributes[newest.type] : nil
    let spelling: Spelling
    if let current = spellings.filter({ $0.since <= version }).max(by: { $0.since < $1.since }) {
      spelling = current
    } else {
      guard moved != nil || isSameBefore(node, newest, version, of: graph) else {
        throw ModelError.unsupported("operator set \(version) can't say \(descriptor.name)")
      }
      spelling = newest
    }
    vocabulary.operatorSets[spelling.domain] = version

    var inputs = node.inputs
    var attributes = self.attributes(of: node.operation, descriptor, spelling)
    if let moved, version < moved.before {
      let known = inputs.map { $0.map { graph.info(of: $0) } }
      let former = try moved.lower(known, of: newest.type)
      for (name, value) in former.sorted(by: { $0.key < $1.key }) { attributes.append((name, value)) }
      inputs = Array(inputs.prefix(moved.moves.map(\.input).min() ?? inputs.count))
    }
    if spelling.type == "Split" && version < 18 { attributes.removeAll { $0.name == "num_outputs" } }
    try append(
      spelling.type, domain: spelling.domain, try inputs.map { try $0.map(name) ?? "" }, node,
      attributes: try attributes.map { try Onnx_AttributeProto($0.name, $0.value) })
  }

  /// Whether an operation that changed its meaning later has the new one all the same, for this node.
  private func isSameBefore(_ node: Node, _ spelling: Spelling, _ version: Int, of graph: Graph) -> Bool {
    switch spelling.type {
    case "Softmax", "LogSoftmax", "Hardmax":
      guard let softmax = node.operation as? Softmax, case .some(.some(let data)) = node.inputs.first,
        let rank = graph.type(of: data).rank
      else { return false }
      return softmax.axis == -1 || softmax.axis == rank - 1
    default: return false
    }
  }

  private func attributes(
    of operation: any GraphOperation, _ descriptor: OperationDescriptor, _ spelling: Spelling
  ) -> [(name: String, value: AttributeValue)] {
    let required = Self.alwaysWritten[spelling.type] ?? []
    let changed = Set(descriptor.setAttributes(of: operation).map(\.name))
    return descriptor.attributes.compactMap { attribute in
      let name = spelling.attributeNames[attribute.name] ?? attribute.name
      guard changed.contains(attribute.name) || required.contains(name) else { return nil }
      return attribute.read(operation).map { (name, $0) }
    }
  }

  mutating func append(
    _ type: String, domain: String = "", _ inputs: [String], _ node: Node, attributes: [Onnx_AttributeProto]
  ) throws {
    var proto = Onnx_NodeProto()
    proto.opType = type
    if !domain.isEmpty { proto.domain = domain }
    proto.input = Array(inputs.prefix((inputs.lastIndex { !$0.isEmpty } ?? -1) + 1))
    proto.attribute = attributes
    if !(node.operation is Constant) {
      proto.metadataProps = Onnx_StringStringEntryProto.provenance(of: node.origin)
    }
    let base = node.name.isEmpty ? type : node.name
    proto.name = vocabulary.usedNodeNames.unused(base)
    for value in node.values {
      if names[value] == nil {
        names[value] = vocabulary.usedValueNames.unused(
          value.output == 0 ? proto.name : "\(proto.name).\(value.output)")
      }
      proto.output.append(names[value] ?? "")
    }
    nodes.append(proto)
  }

  /// A name for a value that no other of the model has.
  func unusedValueName(_ base: String) -> String { vocabulary.usedValueNames.unused(base) }
}
