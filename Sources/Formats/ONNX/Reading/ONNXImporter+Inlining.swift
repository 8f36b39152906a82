import GraphIR
import Operations
import Tensors

/// Bodies that are read in the place of the node that refers to them; what is in them has that node's place in the file.
extension ONNXImporter {
  /// Calls of functions may nest, and so multiply what a small file says.
  private static let depthLimit = 64
  private static let inlinedNodeLimit = 1 << 18

  /// The results of the function's body, read in the place of the call.
  mutating func inline(
    _ function: Onnx_FunctionProto, call: Onnx_NodeProto, inputs: [Value?], source: SourceNode, from caller: ONNXScope
  ) throws -> [Value?] {
    var scope = try scope(of: function, call, inputs, source, caller, isInFile: false)
    for (index, name) in function.input.enumerated() {
      scope.values[name] = .some(inputs.indices.contains(index) ? inputs[index] : nil)
    }
    try addBody(function.node, to: &scope)
    return try results(function.output.prefix(call.output.count).map { $0 }, in: scope)
  }

  /// The results of a node that has the function's body for its graph.
  mutating func call(
    _ function: Onnx_FunctionProto, _ node: Onnx_NodeProto, inputs: [Value?], source: SourceNode,
    from caller: ONNXScope
  ) throws -> [Value?] {
    var scope = try scope(of: function, node, inputs, source, caller, isInFile: caller.isInFile)
    try count(function.node, in: scope)
    let infos = inputs.map { $0.map { graph.info(of: $0) } }
    let around = (graph, names, path)
    let (body, inside) = try {
      defer { (graph, names, path) = around }
      graph = Graph(name: function.name)
      names = ONNXNames()
      path += source.name + "/"
      for (index, name) in function.input.enumerated() {
        if let info = infos.indices.contains(index) ? infos[index] : nil {
          try define(name, graph.addInput([name], info), in: &scope)
        } else {
          scope.values[name] = .some(nil)
          if index < infos.count { try graph.addInput([name], TensorType.unknown) }
        }
      }
      try addNodes(function.node, to: &scope)
      for (name, value) in zip(function.output, try results(function.output, in: scope)) {
        guard let value else { throw ModelError.invalid("the result '\(name)' has no value") }
        graph.addOutput([name], value)
      }
      return (graph, names)
    }()
    let count = min(node.output.count, function.output.count)
    let id = try graph.add(
      Call(body: body), inputs, name: source.name, origin: Origin(sources: [source]), outputs: count)
    if scope.isInFile { names.inside[id] = [inside] }
    return graph[id].values
  }

  /// What nodes of the function's body see; its inputs are not yet defined.
  private func scope(
    of function: Onnx_FunctionProto, _ call: Onnx_NodeProto, _ inputs: [Value?], _ source: SourceNode,
    _ caller: ONNXScope, isInFile: Bool
  ) throws -> ONNXScope {
    try require(inputs.count <= function.input.count, "the function takes \(function.input.count) inputs at most")
    var arguments: [String: Onnx_AttributeProto] = [:]
    for attribute in function.attributeProto + call.attribute { arguments[attribute.name] = attribute }
    let sets = try ONNXScope.operatorSets(function.opsetImport)
    return ONNXScope(
      operatorSets: caller.operatorSets.merging(sets) { $1 }, types: try types(of: function.valueInfo),
      call: .init(source: source, arguments: arguments, depth: (caller.call?.depth ?? 0) + 1), isInFile: isInFile)
  }

  /// The graph that an `If` always takes, where what it depends on is known before any run.
  ///
  /// Nil also where it holds tensors that can't be read.
  func takenBranch(of node: Onnx_NodeProto, inputs: [Value?]) throws -> Onnx_GraphProto? {
    guard node.opType == "If", node.standardDomain.isEmpty, let condition = inputs.first ?? nil,
      let constant = graph.info(of: condition).constant, constant.count == 1,
      let isTrue = (try? constant.booleans())?.first
    else { return nil }
    let name = isTrue ? "then_branch" : "else_branch"
    guard let branch = node.attribute.first(where: { $0.name == name && $0.hasG })?.g,
      branch.sparseInitializer.isEmpty, branch.output.count >= node.output.count,
      try branch.initializer.allSatisfy({ try ElementType(onnx: Int($0.dataType)) != .unknown })
    else { return nil }
    return branch
  }

  /// The first results of a graph that reads values of the graph around it, and `inputs` by their names.
  mutating func inline(
    _ branch: Onnx_GraphProto, of node: Onnx_NodeProto, source: SourceNode, from outer: ONNXScope, resultCount: Int,
    inputs: [String: Value] = [:]
  ) throws -> [Value?] {
    var scope = ONNXScope(
      operatorSets: outer.operatorSets, types: try types(of: branch.valueInfo + branch.output),
      call: .init(
        source: source, arguments: outer.call?.arguments ?? [:], depth: (outer.call?.depth ?? 0) + 1),
      isInFile: false)
    for name in branch.freeNames() { scope.values[name] = outer.values[name] ?? .some(nil) }
    for (name, value) in inputs { scope.values[name] = value }
    for initializer in branch.initializer {
      guard let tensor = try tensors.decode(initializer) else { continue }
      let origin = Origin(sources: [source])
      try define(initializer.name, graph.addConstant(tensor, name: initializer.name, origin: origin), in: &scope)
    }
    try addBody(branch.node, to: &scope)
    return try results(branch.output.prefix(resultCount).map(\.name), in: scope)
  }

  private mutating func addBody(_ nodes: [Onnx_NodeProto], to scope: inout ONNXScope) throws {
    guard let call = scope.call else { return }
    try count(nodes, in: scope)
    for index in try ONNXOrder.sorted(nodes, known: Set(scope.values.keys)) {
      let node = nodes[index]
      let inner = SourceNode(
        index: call.source.index, name: unique("\(call.source.name)/\(node.nameOrOutput)"), type: node.qualifiedType)
      try add(node, source: inner, to: &scope)
    }
  }

  private mutating func count(_ nodes: [Onnx_NodeProto], in scope: ONNXScope) throws {
    try require(
      scope.call?.depth ?? 0 <= Self.depthLimit, "functions call each other more than \(Self.depthLimit) deep")
    inlinedNodes += nodes.count
    try require(inlinedNodes <= Self.inlinedNodeLimit, "function calls unfold to too many nodes")
  }

  private func results(_ names: [String], in scope: ONNXScope) throws -> [Value?] {
    try names.map { name in
      guard let value = scope.values[name] else {
        throw ModelError.invalid("the result '\(name)' is a value that nothing defines")
      }
      return value
    }
  }

  func types(of declared: [Onnx_ValueInfoProto]) throws -> [String: TensorType] {
    var types: [String: TensorType] = [:]
    for info in declared { types[info.name] = try self.types.type(info.type, of: info.name) }
    return types
  }
}
