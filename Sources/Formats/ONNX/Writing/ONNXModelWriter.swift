import GraphIR
import Operations
import Tensors

/// Puts the changes between two graphs into the model that the first was read from.
struct ONNXModelWriter {
  let source: ONNXSource
  var model: Onnx_ModelProto
  /// That of the model, or of the function that is being written.
  var vocabulary: ONNXVocabulary
  /// Brings nodes of the file to the operator set that new ones need; nil where they have it.
  var upgrade: ONNXUpgrade?
  /// What functions have become at some of their calls, under names of their own.
  var variants: [ONNXFunctions.Key: [Onnx_FunctionProto]] = [:]
  /// The domains of the functions that nodes have become calls of.
  private var functionDomains: [LocalFunction: String] = [:]

  /// The model that says what `rewrite` has become: nodes that nothing changed are as they were and in their order.
  static func model(_ source: ONNXSource, _ rewrite: ONNXRewrite) throws -> Onnx_ModelProto {
    var writer = try ONNXModelWriter(source, rewrite)
    writer.model.graph = try writer.graph(source.model.graph, rewrite)
    writer.takeVariants()
    writer.addImports()
    return writer.model
  }

  private init(_ source: ONNXSource, _ rewrite: ONNXRewrite) throws {
    self.source = source
    var model = source.model
    upgrade =
      rewrite.rewritten.holdsStandardAttention ? try ONNXModelWriter.upgrade(&model, rewrite) : nil
    self.model = model
    vocabulary = ONNXVocabulary(
      operatorSets: try ONNXScope.operatorSets(model.opsetImport), usedValueNames: model.graph.allValueNames(),
      usedNodeNames: model.graph.allNodeNames())
  }

  /// A graph of the file as it has become.
  ///
  /// - Parameter isInside: whether it is inside a node, so that it may read names from around it.
  mutating func graph(
    _ proto: Onnx_GraphProto, _ rewrite: ONNXRewrite, isInside: Bool = false
  ) throws -> Onnx_GraphProto {
    let difference = rewrite.difference
    let rewritten = rewrite.rewritten
    var names = rewrite.names.values
    for (value, former) in difference.takenNames { names[value] = names[former] }
    var emitter = ONNXEmitter(vocabulary, names: names)
    for addition in difference.additions { try add(addition.node, proto, rewrite, to: &emitter) }
    for index in difference.renamedOutputs.sorted() {
      let port = rewritten.outputs[index]
      try emitter.emitAlias(of: port.value, named: port.name)
    }
    let free = isInside ? proto.freeNames() : []
    return try assembled(proto, emitter.nodes, difference, rewrite, reading: free)
  }

  /// Adds a node that the file does not have as it is; `proto` is the graph of the file that it comes from, if it comes from one.
  mutating func add(
    _ node: Node, _ proto: Onnx_GraphProto?, _ rewrite: ONNXRewrite, to emitter: inout ONNXEmitter
  ) throws {
    let source = node.origin.passes.isEmpty ? node.origin.sources.first.map(\.index) : nil
    let original = source.flatMap { index in proto.flatMap { $0.node.indices.contains(index) ? $0.node[index] : nil } }
    switch node.operation {
    case is Opaque:
      guard let original else { throw ModelError.unsupported("\(node.label): its node is not in the file") }
      emitter.emit(try respelled(original, node, emitter), giving: node.values)
    case let call as Call where rewrite.names.inside[node.id] == nil:
      try emitUnfolded(call, node, rewrite, to: &emitter)
    case let owner as any SubgraphOperation:
      if let original, rewrite.names.inside[node.id] != nil {
        let renamed = try respelled(original, owner, node, rewrite, emitter)
        let protos = try upgraded(renamed, descending: false)
        for proto in protos.dropLast() { emitter.emit(proto, giving: []) }
        if let last = protos.last { emitter.emit(last, giving: node.values) }
      } else {
        try emit(owner, node, rewrite, to: &emitter)
      }
    case let composite as any CompositeOperation
    where !ONNXEmitter.canSpell(node, of: rewrite.rewritten, version: vocabulary.operatorSets[""] ?? 1):
      let function = LocalFunction(
        of: node, composite, in: rewrite.rewritten, version: vocabulary.operatorSets[""] ?? 1)
      try emitter.emitCall(
        OperationDescriptor.of(composite).name, domain: try domain(of: function), node,
        attributes: function.attributes())
    default:
      try emitter.emit(node, of: rewrite.rewritten)
    }
  }

  /// Raises the standard operator set of `model` and its functions to the one that has `Attention`, where it is older.
  ///
  /// - Returns: what brings nodes over; nil where they need not be.
  private static func upgrade(_ model: inout Onnx_ModelProto, _ rewrite: ONNXRewrite) throws -> ONNXUpgrade? {
    for index in model.functions.indices {
      let names = Set(model.functions[index].node.flatMap { $0.input + $0.output })
      let raised = ONNXUpgrade.raise(&model.functions[index].opsetImport, usedNames: names) { _ in nil }
      guard var upgrade = raised else { continue }
      model.functions[index].node = try upgrade.upgraded(model.functions[index].node)
      try upgrade.check()
    }
    model.irVersion = max(model.irVersion, 10)
    let ranks = rewrite.ranks
    return ONNXUpgrade.raise(&model.opsetImport, usedNames: model.graph.allValueNames()) { ranks[$0] ?? nil }
  }

  /// The domain of `function`, which is added to `model` where it is not there yet.
  private mutating func domain(of function: LocalFunction) throws -> String {
    if let known = functionDomains[function] { return known }
    let domain = try add(function.definition())
    functionDomains[function] = domain
    return domain
  }

  /// Adds a function, or finds one that is the same, and returns its domain.
  private mutating func add(_ definition: Onnx_FunctionProto) throws -> String {
    var function = definition
    var taken: Set<String> = []
    for variant in model.functions where variant.name == function.name {
      taken.insert(variant.domain)
      function.domain = variant.domain
      if LocalFunction.isOne(domain: variant.domain, name: variant.name), function == variant { return variant.domain }
    }
    var number = 1
    function.domain = LocalFunction.domain
    while taken.contains(function.domain) {
      number += 1
      function.domain = "\(LocalFunction.domain).\(number)"
    }
    model.functions.append(function)
    // The first version of the format that has functions.
    model.irVersion = max(model.irVersion, 8)
    return function.domain
  }

  /// An operation that flashfuse does not know, as the file has it but for the names that it reads.
  private func respelled(_ original: Onnx_NodeProto, _ node: Node, _ emitter: ONNXEmitter) throws -> Onnx_NodeProto {
    var proto = original
    try require(proto.subgraphs.isEmpty, "\(node.label): a value that its graphs read can't be replaced")
    for (position, input) in node.inputs.enumerated() where proto.input.indices.contains(position) {
      proto.input[position] = try input.map(emitter.name) ?? ""
    }
    return proto
  }

  /// `node` in the operator set of the model as it becomes.
  private mutating func upgraded(_ node: Onnx_NodeProto, descending: Bool) throws -> [Onnx_NodeProto] {
    guard let nodes = try upgrade?.upgraded(node, descending: descending) else { return [node] }
    try upgrade?.check()
    return nodes
  }

  private mutating func assembled(
    _ proto: Onnx_GraphProto, _ additions: [Onnx_NodeProto], _ difference: RewriteDifference, _ rewrite: ONNXRewrite,
    reading free: [String]
  ) throws -> Onnx_GraphProto {
    var graph = proto
    let inputs = Set(graph.input.map(\.name))
    let sparseStart = proto.node.count + proto.initializer.count
    graph.initializer = proto.initializer.enumerated()
      .filter { !difference.removedSources.contains(proto.node.count + $0.offset) || inputs.contains($0.element.name) }
      .map(\.element)
    graph.sparseInitializer = proto.sparseInitializer.enumerated()
      .filter { !difference.removedSources.contains(sparseStart + $0.offset) }
      .map(\.element)
    let around = rewrite.rewritten.inputs.compactMap { rewrite.names.values[$0.value] } + free
    var known = Set(graph.initializer.map(\.name))
    known.formUnion(inputs)
    known.formUnion(graph.sparseInitializer.map(\.values.name))
    known.formUnion(around)

    var nodes: [Onnx_NodeProto] = []
    nodes.reserveCapacity(proto.node.count + additions.count)
    let owners = rewrite.owners
    for position in proto.node.indices where !difference.removedSources.contains(position) {
      if let owner = owners[position] {
        nodes += try upgraded(rewritten(proto.node[position], owner, rewrite), descending: false)
      } else if upgrade == nil {
        nodes.append(proto.node[position])
      } else {
        nodes += try upgraded(proto.node[position], descending: true)
      }
    }
    nodes += additions
    var defined = known
    defined.reserveCapacity(known.count + nodes.count)
    for index in nodes.indices { defined.formUnion(nodes[index].output) }
    // Nodes that no output depends on are not looked at above; what they read may be gone.
    while case let dangling = nodes.filter({ !$0.reads(only: defined) }), !dangling.isEmpty {
      nodes.removeAll { !$0.reads(only: defined) }
      for node in dangling { defined.subtract(node.output) }
    }
    graph.node = try ONNXOrder.sorted(nodes, known: known).map { nodes[$0] }
    graph.valueInfo.removeAll { !defined.contains($0.name) }
    graph.quantizationAnnotation.removeAll { !defined.contains($0.tensorName) }
    for output in graph.output where !defined.contains(output.name) {
      throw ModelError.invalid("the output '\(output.name)' would be lost")
    }
    return graph
  }

  private mutating func addImports() {
    let present = Set(model.opsetImport.map { $0.domain == "ai.onnx" ? "" : $0.domain })
    for (domain, version) in vocabulary.operatorSets.sorted(by: { $0.key < $1.key }) where !present.contains(domain) {
      var entry = Onnx_OperatorSetIdProto()
      entry.domain = domain
      entry.version = Int64(version)
      model.opsetImport.append(entry)
    }
  }
}

extension Onnx_NodeProto {
  fileprivate func reads(only defined: Set<String>) -> Bool {
    readNames().allSatisfy(defined.contains)
  }
}

extension Onnx_GraphProto {
  /// Every name of a node here and in nested graphs.
  func allNodeNames() -> Set<String> {
    var names = Set<String>(minimumCapacity: node.count)
    for index in node.indices {
      names.insert(node[index].name)
      for graph in node[index].subgraphs { names.formUnion(graph.allNodeNames()) }
    }
    return names
  }

  /// Every name of a value here and in nested graphs.
  func allValueNames() -> Set<String> {
    var names = Set<String>(minimumCapacity: node.count + initializer.count)
    names.formUnion(input.map(\.name))
    names.formUnion(output.map(\.name))
    names.formUnion(initializer.map(\.name))
    names.formUnion(sparseInitializer.map(\.values.name))
    for index in node.indices {
      names.formUnion(node[index].output)
      names.formUnion(node[index].input)
      for graph in node[index].subgraphs { names.formUnion(graph.allValueNames()) }
    }
    return names
  }
}
