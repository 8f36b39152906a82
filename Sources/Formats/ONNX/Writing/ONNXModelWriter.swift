import GraphIR
import Operations
import Tensors

/// Puts the changes between two graphs into the model that the first was read from.
struct ONNXModelWriter {
  private let source: ONNXSource
  private let original: Graph

  init(_ source: ONNXSource, original: Graph) {
    self.source = source
    self.original = original
  }

  /// The model that says `rewritten`: nodes that nothing changed are as they were and in their order.
  func model(_ rewritten: Graph, _ difference: RewriteDifference) throws -> Onnx_ModelProto {
    var model = source.model
    var names: [Value: String] = [:]
    for node in rewritten.nodes {
      for value in node.values { names[value] = difference.originalValue(of: value).flatMap { source.names[$0] } }
    }
    var upgrade: ONNXUpgrade?
    if difference.additions.contains(where: { $0.node.operation is StandardAttention }) {
      upgrade = try upgradeFunctions(of: &model)
    }
    var emitter = ONNXEmitter(
      operatorSets: try ONNXScope.operatorSets(model.opsetImport), names: names,
      usedValueNames: model.graph.allValueNames(), usedNodeNames: Set(model.graph.node.map(\.name)))
    for addition in difference.additions {
      if let opaque = try respelled(addition.node, emitter) {
        emitter.emit(opaque, giving: Value(addition.node.id))
      } else if addition.node.operation is FlashAttention {
        let domain = try functionDomain(for: addition.node, in: rewritten, emitter, &model)
        try emitter.emitCall(
          FlashAttentionFunction.name, domain: domain, addition.node,
          attributes: FlashAttentionFunction.attributes(of: addition.node))
      } else {
        try emitter.emit(addition.node, of: rewritten)
      }
    }
    for index in difference.renamedOutputs.sorted() {
      let port = rewritten.outputs[index]
      try emitter.emitAlias(of: port.value, named: port.name)
    }
    try assemble(&model.graph, emitter.nodes, difference, &upgrade)
    addImports(emitter.operatorSets, to: &model)
    return model
  }

  /// Raises the standard operator set of `model` and its functions to the one that has `Attention`, where it is older.
  ///
  /// - Returns: what brings nodes over; nil where they need not be.
  private func upgradeFunctions(of model: inout Onnx_ModelProto) throws -> ONNXUpgrade? {
    func raise(_ imports: inout [Onnx_OperatorSetIdProto]) -> Int? {
      guard let index = imports.firstIndex(where: { ["", "ai.onnx"].contains($0.domain) }),
        imports[index].version < ONNXUpgrade.target
      else { return nil }
      defer { imports[index].version = Int64(ONNXUpgrade.target) }
      return Int(imports[index].version)
    }
    for index in model.functions.indices {
      guard let version = raise(&model.functions[index].opsetImport) else { continue }
      let names = Set(model.functions[index].node.flatMap { $0.input + $0.output })
      var upgrade = ONNXUpgrade(from: version, usedNames: names) { _ in nil }
      model.functions[index].node = try upgrade.upgraded(model.functions[index].node)
      try upgrade.check()
    }
    guard let version = raise(&model.opsetImport) else { return nil }
    model.irVersion = max(model.irVersion, 10)
    var ranks: [String: Int] = [:]
    for (value, name) in source.names { ranks[name] = original.type(of: value).rank }
    return ONNXUpgrade(from: version, usedNames: model.graph.allValueNames()) { ranks[$0] }
  }

  /// The domain of the function that computes `node`, which is added to `model` where it is not there yet.
  private func functionDomain(
    for node: Node, in graph: Graph, _ emitter: ONNXEmitter, _ model: inout Onnx_ModelProto
  ) throws -> String {
    var function = try FlashAttentionFunction.definition(
      of: node, in: graph, version: emitter.operatorSets[""] ?? 1)
    let variants = model.functions.filter { FlashAttentionFunction.isOne(domain: $0.domain, name: $0.name) }
    for variant in variants {
      function.domain = variant.domain
      if function == variant { return variant.domain }
    }
    let taken = Set(model.functions.map(\.domain))
    var number = 1
    function.domain = FlashAttentionFunction.domain
    while taken.contains(function.domain) {
      number += 1
      function.domain = "\(FlashAttentionFunction.domain).\(number)"
    }
    model.functions.append(function)
    // The first version of the format that has functions.
    model.irVersion = max(model.irVersion, 8)
    return function.domain
  }

  /// An operation that flashfuse does not know, as the file has it but for the names that it reads.
  private func respelled(_ node: Node, _ emitter: ONNXEmitter) throws -> Onnx_NodeProto? {
    guard node.operation is Opaque, let index = node.origin.sources.first?.index,
      source.model.graph.node.indices.contains(index)
    else { return nil }
    var proto = source.model.graph.node[index]
    try require(proto.subgraphs.isEmpty, "\(node.label): a value that its graphs read can't be replaced")
    for (position, input) in node.inputs.enumerated() where proto.input.indices.contains(position) {
      proto.input[position] = try input.map(emitter.name) ?? ""
    }
    return proto
  }

  private func assemble(
    _ graph: inout Onnx_GraphProto, _ additions: [Onnx_NodeProto], _ difference: RewriteDifference,
    _ upgrade: inout ONNXUpgrade?
  ) throws {
    let inputs = Set(graph.input.map(\.name))
    let nodeCount = graph.node.count
    graph.initializer = graph.initializer.enumerated()
      .filter { !difference.removedSources.contains(nodeCount + $0.offset) || inputs.contains($0.element.name) }
      .map(\.element)
    let sparseStart = nodeCount + source.model.graph.initializer.count
    graph.sparseInitializer = graph.sparseInitializer.enumerated()
      .filter { !difference.removedSources.contains(sparseStart + $0.offset) }
      .map(\.element)
    let known = inputs.union(graph.initializer.map(\.name)).union(graph.sparseInitializer.map(\.values.name))

    var nodes = graph.node.enumerated().filter { !difference.removedSources.contains($0.offset) }.map(\.element)
    if let upgraded = try upgrade?.upgraded(nodes) {
      nodes = upgraded
      try upgrade?.check()
    }
    nodes += additions
    var defined = known
    for node in nodes { defined.formUnion(node.output) }
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
  }

  private func addImports(_ operatorSets: [String: Int], to model: inout Onnx_ModelProto) {
    let present = Set(model.opsetImport.map { $0.domain == "ai.onnx" ? "" : $0.domain })
    for (domain, version) in operatorSets.sorted(by: { $0.key < $1.key }) where !present.contains(domain) {
      var entry = Onnx_OperatorSetIdProto()
      entry.domain = domain
      entry.version = Int64(version)
      model.opsetImport.append(entry)
    }
  }
}

extension Onnx_NodeProto {
  fileprivate func reads(only defined: Set<String>) -> Bool {
    (input + capturedNames()).allSatisfy { $0.isEmpty || defined.contains($0) }
  }
}

extension Onnx_GraphProto {
  /// Every name of a value here and in nested graphs.
  func allValueNames() -> Set<String> {
    var names = Set(input.map(\.name))
    names.formUnion(output.map(\.name))
    names.formUnion(initializer.map(\.name))
    names.formUnion(sparseInitializer.map(\.values.name))
    for node in node {
      names.formUnion(node.output)
      names.formUnion(node.input)
      for graph in node.subgraphs { names.formUnion(graph.allValueNames()) }
    }
    return names
  }
}
