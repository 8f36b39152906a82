import GraphIR
import Operations
import Tensors

/// Builds the graph of an ONNX model.
struct ONNXImporter {
  var graph: Graph
  /// The names in the file of the values of `graph`.
  var names = ONNXNames()
  private let model: Onnx_ModelProto
  let types: ONNXTypes
  private let functions: ONNXFunctions
  var tensors: ONNXTensors
  private let contents: ONNXContents
  /// What stands before the names of nodes of `graph` where those of the whole model are told apart: of the nodes around it.
  var path = ""
  private var usedNames: [String: Int] = [:]
  var inlinedNodes = 0

  /// - Parameter contents: Those that the graph's initializers lack.
  init(_ model: Onnx_ModelProto, contents: ONNXContents, folder: String) throws {
    try require(model.hasGraph, "no ONNX model: it has no graph")
    self.model = model
    graph = Graph(name: model.graph.name)
    types = ONNXTypes(model.graph)
    tensors = ONNXTensors(folder: folder)
    self.contents = contents
    functions = try ONNXFunctions(model)
  }

  mutating func run() throws {
    let body = model.graph
    var scope = ONNXScope(
      operatorSets: try ONNXScope.operatorSets(model.opsetImport), types: try types(of: body.valueInfo + body.output),
      call: nil)
    let count = body.initializer.count + body.input.count + body.node.count
    scope.values.reserveCapacity(count)
    names.values.reserveCapacity(count)
    usedNames.reserveCapacity(body.node.count)
    try addInitializers(of: body, contents: contents, to: &scope)
    try addInputs(to: &scope)
    try addNodes(body.node, to: &scope)
    try require(!body.output.isEmpty, "the graph has no outputs")
    try addOutputs(of: body, in: scope)
  }

  /// Adds the nodes of a graph, each of which has its number for its position.
  mutating func addNodes(_ nodes: [Onnx_NodeProto], to scope: inout ONNXScope) throws {
    for index in try ONNXOrder.sorted(nodes, known: Set(scope.values.keys)) {
      let node = nodes[index]
      let source = SourceNode(
        index: index, name: unique(node.nameOrOutput), type: node.qualifiedType, history: node.history)
      try add(node, source: source, to: &scope)
    }
  }

  mutating func addOutputs(of body: Onnx_GraphProto, in scope: ONNXScope) throws {
    for output in body.output {
      guard case .some(.some(let value)) = scope.values[output.name] else {
        throw ModelError.invalid("the output '\(output.name)' is a value that nothing defines")
      }
      let declared = try types.type(output.type, of: output.name).element
      let element = graph.type(of: value).element
      try require(
        declared == element || declared == .unknown || element == .unknown,
        "the output '\(output.name)' is declared \(declared.rawValue), but its node gives \(element.rawValue)")
      graph.addOutput([output.name], value)
    }
  }

  /// A node's position is its number; those of initializers follow after the last node's.
  mutating func addInitializers(
    of body: Onnx_GraphProto, contents: ONNXContents = ONNXContents(), to scope: inout ONNXScope
  ) throws {
    let dense = body.initializer
    for (offset, initializer) in dense.enumerated() {
      let source = SourceNode(
        index: body.node.count + offset, name: initializer.name, type: "Initializer")
      let origin = Origin(sources: [source])
      let value: Value
      if let tensor = try tensors.decode(initializer, contents: contents[offset]) {
        value = try graph.addConstant(tensor, name: initializer.name, origin: origin)
      } else {
        let type = TensorType(.unknown, Shape(initializer.dims.map { Int($0) }))
        let element = Onnx_TensorProto.DataType(rawValue: Int(initializer.dataType)).map { "\($0)" } ?? "?"
        let opaque = Opaque(constant: "Initializer", output: type, elements: element)
        value = Value(try graph.add(opaque, [], name: initializer.name, origin: origin, outputs: 1))
      }
      try define(initializer.name, value, in: &scope)
    }
    for (offset, initializer) in body.sparseInitializer.enumerated() {
      let name = initializer.values.name
      let source = SourceNode(
        index: body.node.count + dense.count + offset, name: name, type: "SparseInitializer")
      let opaque = Opaque(type: "SparseInitializer", outputs: [.unknown])
      let id = try graph.add(opaque, [], name: name, origin: Origin(sources: [source]), outputs: 1)
      try define(name, Value(id), in: &scope)
    }
  }

  /// An input that has an initializer is no input of a run: the initializer is its default, and the only value it gets.
  private mutating func addInputs(to scope: inout ONNXScope) throws {
    var seen: Set<String> = []
    for input in model.graph.input {
      try require(seen.insert(input.name).inserted, "the input '\(input.name)' is defined more than once")
      let type = try types.type(input.type, of: input.name, isInput: true)
      guard scope.values[input.name] == nil else { continue }
      try define(input.name, graph.addInput([input.name], type), in: &scope)
    }
  }

  mutating func define(_ name: String, _ value: Value, in scope: inout ONNXScope) throws {
    try require(!name.isEmpty, "an input or initializer has no name")
    guard scope.values.updateValue(value, forKey: name) == nil else {
      throw ModelError.invalid("the value '\(name)' is defined more than once")
    }
    if scope.isInFile && names.values[value] == nil { names.values[value] = name }
  }

  /// `name`, or with a number behind it where an earlier node around or beside the same nodes has it.
  mutating func unique(_ name: String) -> String {
    var candidate = name
    while let count = usedNames.updateValue(1, forKey: path + candidate) {
      usedNames[path + candidate] = count + 1
      candidate = "\(name)#\(count + 1)"
    }
    return candidate
  }

  mutating func add(_ node: Onnx_NodeProto, source: SourceNode, to scope: inout ONNXScope) throws {
    let node = scope.resolving(node)
    try require(!node.opType.isEmpty, "node '\(source.name)' has no type")
    let inputs = node.input.map { name in name.isEmpty ? nil : scope.values[name] ?? nil }
    let results = try locating("node '\(source.name)' (\(source.type))") {
      if let function = functions[node] {
        if functions.mayHoldAttention(function) {
          return try call(function, node, inputs: inputs, source: source, from: scope)
        }
        return try inline(function, call: node, inputs: inputs, source: source, from: scope)
      }
      if let branch = try takenBranch(of: node, inputs: inputs) {
        return try inline(branch, of: node, source: source, from: scope, resultCount: node.output.count)
      }
      return try operation(of: node, inputs: inputs, source: source, in: scope)
    }
    for (name, result) in zip(node.output, results) where !name.isEmpty {
      if let result { try define(name, result, in: &scope) } else { scope.values[name] = .some(nil) }
    }
    for name in node.output.dropFirst(results.count) where !name.isEmpty {
      throw ModelError.invalid("node '\(source.name)' (\(source.type)) has no output for '\(name)'")
    }
  }

  private mutating func operation(
    of node: Onnx_NodeProto, inputs: [Value?], source: SourceNode, in scope: ONNXScope
  ) throws -> [Value?] {
    let outputCount = (node.output.lastIndex { !$0.isEmpty } ?? -1) + 1
    let captured = node.capturedNames()
    var lifted = LiftedNode(
      domain: node.standardDomain, type: node.opType, version: scope.version(of: node.standardDomain),
      inputs: Array(inputs.prefix((inputs.lastIndex { $0 != nil } ?? -1) + 1)), attributes: [:],
      outputCount: outputCount, name: source.name, origin: Origin(sources: [source]))
    var reason: String?
    do {
      if !node.subgraphs.isEmpty {
        let owner = try addSubgraphOwner(node, inputs, source: source, outputCount: outputCount, in: scope)
        if let owner { return graph[owner].values }
        let mark = graph.mark
        do {
          if let results = try flexAttention(node, lifted, source: source, in: scope) { return results }
        } catch {
          graph.discard(after: mark)
          throw error
        }
      } else {
        lifted.attributes = try attributes(of: node)
        let mark = graph.mark
        // All that a rule adds is the node, down to the last constant.
        defer { graph.setMissingOrigins(after: mark, lifted.origin) }
        if let results = try ONNXLiftingRule.apply(to: &lifted, in: &graph) { return results }
        if let id = try addKnown(lifted) { return graph[id].values }
      }
    } catch let error as ModelError where error.kind == .unsupported {
      // What can't be said in canonical operations is kept as it is, and reported where it would have to run.
      reason = error.message
    }
    let outer = captured.map { name in scope.values[name] ?? nil }
    let outputs = node.output.prefix(outputCount).map { scope.types[$0] ?? .unknown }
    let opaque = Opaque(type: node.qualifiedType, outputs: outputs, reason: reason)
    let id = try graph.add(
      opaque, inputs + outer, name: source.name, origin: Origin(sources: [source]), outputs: outputCount)
    return graph[id].values
  }

  private mutating func attributes(of node: Onnx_NodeProto) throws -> [String: AttributeValue] {
    var attributes: [String: AttributeValue] = [:]
    for attribute in node.attribute where !ONNXOperations.neverRead.contains(attribute.name) {
      let value = try locating("attribute '\(attribute.name)'") { try attribute.value(&tensors) }
      guard let value else { throw ModelError.unsupported("the attribute '\(attribute.name)'") }
      attributes[attribute.name] = value
    }
    return attributes
  }

  /// Adds the canonical operation that `node` spells in its newest form; nil where there is none, or not with these attributes.
  private mutating func addKnown(_ node: LiftedNode) throws -> NodeID? {
    let registry = StandardOperations.registry
    guard
      let (spelling, descriptor) = registry.find(node.type, format: .onnx, domain: node.domain, version: .max),
      node.outputCount <= descriptor.outputs.upperBound,
      node.inputs.count <= descriptor.inputs.count || descriptor.inputs.last?.kind == .variadic
    else { return nil }
    var operation = descriptor.make()
    for (name, value) in node.attributes {
      let canonical = spelling.attributeNames.first { $0.value == name }?.key ?? name
      guard let attribute = descriptor.attributes.first(where: { $0.name == canonical }) else {
        if ONNXOperations.immaterial[node.type]?.contains(name) ?? false { continue }
        throw ModelError.unsupported("the attribute '\(name)'")
      }
      try attribute.write(&operation, converted(value, for: attribute, of: operation))
    }
    return try graph.add(
      operation, node.inputs, name: node.name, origin: node.origin, outputs: max(node.outputCount, 1))
  }

  /// ONNX says element types as numbers.
  private func converted(
    _ value: AttributeValue, for attribute: OperationDescriptor.Attribute, of operation: any GraphOperation
  ) throws -> AttributeValue {
    guard case .integer(let code) = value else { return value }
    switch attribute.read(operation) {
    case .element: break
    case nil where ["to", "dtype", "output_dtype"].contains(attribute.name): break
    default: return value
    }
    let element = try ElementType(onnx: code)
    guard element != .unknown else { throw ModelError.unsupported("the element type number \(code)") }
    return .element(element)
  }
}
