import GraphIR
import Tensors

/// Bodies that are read in the place of the node that refers to them; what is in them has that node's place in the file.
extension ONNXImporter {
  /// Calls of functions may nest, and so multiply what a small file says.
  private static let depthLimit = 64
  private static let inlinedNodeLimit = 1_000_000

  /// The results of the function's body.
  mutating func inline(
    _ function: Onnx_FunctionProto, call: Onnx_NodeProto, inputs: [Value?], source: SourceNode, from caller: ONNXScope
  ) throws -> [Value?] {
    try require(inputs.count <= function.input.count, "the function takes \(function.input.count) inputs at most")
    var arguments: [String: Onnx_AttributeProto] = [:]
    for attribute in function.attributeProto + call.attribute { arguments[attribute.name] = attribute }
    let sets = try ONNXScope.operatorSets(function.opsetImport)
    var scope = ONNXScope(
      operatorSets: caller.operatorSets.merging(sets) { $1 }, types: try types(of: function.valueInfo),
      call: .init(source: source, arguments: arguments, depth: (caller.call?.depth ?? 0) + 1))
    for (index, name) in function.input.enumerated() {
      scope.values[name] = .some(inputs.indices.contains(index) ? inputs[index] : nil)
    }
    try addBody(function.node, to: &scope)
    return try results(function.output.prefix(call.output.count).map { $0 }, in: scope)
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

  /// The results of a graph that reads values of the graph around it.
  mutating func inline(
    _ branch: Onnx_GraphProto, of node: Onnx_NodeProto, source: SourceNode, from outer: ONNXScope
  ) throws -> [Value?] {
    var scope = ONNXScope(
      operatorSets: outer.operatorSets, types: try types(of: branch.valueInfo + branch.output),
      call: .init(
        source: source, arguments: outer.call?.arguments ?? [:], depth: (outer.call?.depth ?? 0) + 1))
    for name in branch.freeNames() { scope.values[name] = outer.values[name] ?? .some(nil) }
    for initializer in branch.initializer {
      guard let tensor = try tensors.decode(initializer) else { continue }
      let origin = Origin(sources: [source])
      try define(initializer.name, graph.addConstant(tensor, name: initializer.name, origin: origin), in: &scope)
    }
    try addBody(branch.node, to: &scope)
    return try results(branch.output.prefix(node.output.count).map(\.name), in: scope)
  }

  private mutating func addBody(_ nodes: [Onnx_NodeProto], to scope: inout ONNXScope) throws {
    guard let call = scope.call else { return }
    try require(call.depth <= Self.depthLimit, "functions call each other more than \(Self.depthLimit) deep")
    inlinedNodes += nodes.count
    try require(inlinedNodes <= Self.inlinedNodeLimit, "function calls unfold to too many nodes")
    for index in try ONNXOrder.sorted(nodes, known: Set(scope.values.keys)) {
      let node = nodes[index]
      let inner = SourceNode(
        index: call.source.index, name: unique("\(call.source.name)/\(node.nameOrOutput)"), type: node.qualifiedType)
      try add(node, source: inner, to: &scope)
    }
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
