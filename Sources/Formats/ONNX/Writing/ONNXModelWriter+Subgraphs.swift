import GraphIR
import Operations
import Tensors

/// Nodes that run graphs of their own.
extension ONNXModelWriter {
  /// A node of the file with what its graphs have become.
  mutating func rewritten(_ node: Onnx_NodeProto, _ owner: NodeID, _ rewrite: ONNXRewrite) throws -> Onnx_NodeProto {
    if rewrite.rewritten[owner].operation is Call, let inside = rewrite.inside(owner).first {
      return try called(node, inside)
    }
    var result = node
    let attributes = ONNXNames.subgraphAttributes[node.opType] ?? []
    for (attribute, inside) in zip(attributes, rewrite.inside(owner)) {
      guard let index = result.attribute.firstIndex(where: { $0.name == attribute && $0.hasG }),
        upgrade != nil || inside.original != inside.rewritten
      else { continue }
      result.attribute[index].g = try graph(result.attribute[index].g, inside, isInside: true)
    }
    return result
  }

  /// A node of the file that reads other values than it did, itself or in its graphs.
  mutating func respelled(
    _ original: Onnx_NodeProto, _ owner: any SubgraphOperation, _ node: Node, _ rewrite: ONNXRewrite,
    _ emitter: ONNXEmitter
  ) throws -> Onnx_NodeProto {
    var result = try rewritten(original, node.id, rewrite)
    for (position, input) in node.inputs.prefix(owner.captureOffset).enumerated()
    where result.input.indices.contains(position) {
      result.input[position] = try input.map(emitter.name) ?? ""
    }
    var names: [String: String] = [:]
    let before = rewrite.original[node.id].inputs.dropFirst(owner.captureOffset)
    for case (.some(let old), .some(let new)) in zip(before, node.inputs.dropFirst(owner.captureOffset)) {
      guard let name = rewrite.names.values[old] else { continue }
      names[name] = try emitter.name(of: new)
    }
    for index in result.attribute.indices where result.attribute[index].hasG {
      result.attribute[index].g.rename(names)
    }
    return result
  }

  /// Adds a node whose graphs are written anew.
  mutating func emit(
    _ owner: any SubgraphOperation, _ node: Node, _ rewrite: ONNXRewrite, to emitter: inout ONNXEmitter
  ) throws {
    let descriptor = OperationDescriptor.of(owner)
    guard !(owner is Scan) || emitter.vocabulary.operatorSets["", default: 9] >= 9 else {
      throw ModelError.unsupported("\(node.label): Scan over batches can't be written anew")
    }
    let captures = try node.inputs.dropFirst(owner.captureOffset).map { input in
      guard let input else { throw ModelError.invalid("\(node.label): an input is missing") }
      return try emitter.name(of: input)
    }
    var attributes = try descriptor.setAttributes(of: owner).compactMap { name, value in
      if case .graph = value { return nil as Onnx_AttributeProto? }
      // ONNX tells the number of states by that of the inputs.
      return name == "states" ? nil : try Onnx_AttributeProto(name, value)
    }
    for (name, graph) in zip(ONNXNames.subgraphAttributes[descriptor.name] ?? [], owner.subgraphs) {
      var attribute = Onnx_AttributeProto()
      attribute.name = name
      attribute.type = .graph
      attribute.g = try body(graph, named: "\(node.name)/\(name)", captures: captures, emitter)
      attributes.append(attribute)
    }
    let inputs = try node.inputs.prefix(owner.captureOffset).map { try $0.map(emitter.name) ?? "" }
    try emitter.append(descriptor.name, inputs, node, attributes: attributes)
  }

  /// A graph inside a node, written anew; the last of its inputs are the values around it called `captures`.
  private mutating func body(
    _ graph: Graph, named name: String, captures: [String], _ emitter: ONNXEmitter
  ) throws -> Onnx_GraphProto {
    var proto = Onnx_GraphProto()
    proto.name = graph.name.isEmpty ? name : graph.name
    var names: [Value: String] = [:]
    let formals = graph.inputs.dropLast(captures.count)
    for port in formals {
      let name = emitter.unusedValueName(port.name)
      names[port.value] = name
      proto.input.append(try Onnx_ValueInfoProto(name, graph.type(of: port.value).element))
    }
    for (port, name) in zip(graph.inputs.dropFirst(formals.count), captures) { names[port.value] = name }
    var inner = ONNXEmitter(vocabulary, names: names)
    let rewrite = ONNXRewrite(original: Graph(), rewritten: graph, names: ONNXNames())
    let live = graph.liveNodes()
    for id in graph.topologicalOrder() where live.contains(id) && !(graph[id].operation is Parameter) {
      try add(graph[id], nil, rewrite, to: &inner)
    }
    for port in graph.outputs {
      let name = inner.unusedValueName(port.name)
      try inner.emitAlias(of: port.value, named: name)
      proto.output.append(try Onnx_ValueInfoProto(name, graph.type(of: port.value).element))
    }
    proto.node = inner.nodes
    return proto
  }
}

extension Onnx_ValueInfoProto {
  /// A tensor of any shape; of any type where `element` is not known.
  fileprivate init(_ name: String, _ element: ElementType) throws {
    self.init()
    self.name = name
    if element != .unknown { type.tensorType.elemType = Int32(try element.onnxCode) }
  }
}

extension Onnx_GraphProto {
  /// Reads values from outside by other names.
  fileprivate mutating func rename(_ names: [String: String]) {
    let free = Set(freeNames())
    let changes = names.filter { free.contains($0.key) && $0.key != $0.value }
    guard !changes.isEmpty else { return }
    for index in node.indices {
      for position in node[index].input.indices {
        if let name = changes[node[index].input[position]] { node[index].input[position] = name }
      }
      for position in node[index].attribute.indices where node[index].attribute[position].hasG {
        node[index].attribute[position].g.rename(changes)
      }
    }
    for index in output.indices {
      if let name = changes[output[index].name] { output[index].name = name }
    }
  }
}
