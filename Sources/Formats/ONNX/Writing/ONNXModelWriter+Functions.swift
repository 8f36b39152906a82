import GraphIR
import Operations
import Tensors

/// Functions that something was fused in. All calls share one body, so that a change goes into the body where it is that of all calls;
/// otherwise the calls for which the body changed get a function of their own.
extension ONNXModelWriter {
  /// The call `node` of the function that `rewrite` is about.
  mutating func called(_ node: Onnx_NodeProto, _ rewrite: ONNXRewrite) throws -> Onnx_NodeProto {
    let key = ONNXFunctions.Key(callOf: node)
    guard rewrite.original != rewrite.rewritten,
      let original = source.model.functions.first(where: { ONNXFunctions.Key($0) == key })
    else { return node }
    var function = try rewritten(original, rewrite)
    var result = node
    let known = variants[key] ?? []
    for variant in known {
      function.name = variant.name
      guard function != variant else {
        result.opType = variant.name
        return result
      }
    }
    let taken = Set((model.functions + variants.values.joined()).lazy.filter { $0.domain == key.domain }.map(\.name))
    var number = known.count + 2
    while taken.contains("\(key.name)_\(number)") { number += 1 }
    function.name = "\(key.name)_\(number)"
    variants[key] = known + [function]
    result.opType = function.name
    return result
  }

  /// The function with the body that `rewrite` says.
  private mutating func rewritten(
    _ original: Onnx_FunctionProto, _ rewrite: ONNXRewrite
  ) throws -> Onnx_FunctionProto {
    var function = original
    var body = Onnx_GraphProto()
    body.node = original.node
    body.valueInfo = original.valueInfo
    body.input = original.input.map { Onnx_ValueInfoProto.with(name: $0) }
    body.output = original.output.map { Onnx_ValueInfoProto.with(name: $0) }

    let outer = (vocabulary, upgrade)
    defer { (vocabulary, upgrade) = outer }
    let names = body.allValueNames()
    if outer.1 != nil {
      let ranks = rewrite.ranks
      upgrade = ONNXUpgrade.raise(&function.opsetImport, usedNames: names) { ranks[$0] ?? nil }
    }
    let outerSets = vocabulary.operatorSets
    let ownSets = try ONNXScope.operatorSets(function.opsetImport)
    vocabulary = ONNXVocabulary(
      operatorSets: outerSets.merging(ownSets) { $1 }, usedValueNames: names, usedNodeNames: body.allNodeNames())
    body = try graph(body, rewrite)
    function.node = body.node
    function.valueInfo = body.valueInfo
    let used = Set(body.node.flatMap { $0.allDomains() })
    for (domain, version) in vocabulary.operatorSets.sorted(by: { $0.key < $1.key })
    where used.contains(domain) && ownSets[domain] == nil {
      function.opsetImport.append(.with(domain: domain, version: version))
    }
    outer.0.addOperatorSets(of: vocabulary)
    return function
  }

  /// Puts functions that changed at all of their calls in the place of what they were, and adds the others.
  mutating func takeVariants() {
    // Where one function has taken its place, no call of those it called may be left.
    while case let count = variants.count, count > 0 {
      replaceFunctions()
      guard variants.count < count else { break }
    }
    model.functions += variants.values.joined().sorted { $0.name < $1.name }
  }

  private mutating func replaceFunctions() {
    for (key, functions) in variants.sorted(by: { $0.value[0].name < $1.value[0].name }) {
      let others = variants.values.joined().filter { !functions.contains($0) }
      let isCalled =
        model.graph.node.contains { $0.calls(key) }
        || (model.functions.filter { ONNXFunctions.Key($0) != key } + others + functions).contains { function in
          function.node.contains { $0.calls(key) }
        }
      guard !isCalled, functions.count == 1,
        let index = model.functions.firstIndex(where: { ONNXFunctions.Key($0) == key })
      else { continue }
      let renamed = ONNXFunctions.Key(functions[0])
      var function = functions[0]
      function.name = key.name
      model.functions[index] = function
      variants[key] = nil
      for index in model.graph.node.indices { model.graph.node[index].rename(renamed, to: key.name) }
      for index in model.functions.indices {
        for node in model.functions[index].node.indices {
          model.functions[index].node[node].rename(renamed, to: key.name)
        }
      }
      for (other, functions) in variants {
        variants[other] = functions.map { function in
          var function = function
          for node in function.node.indices { function.node[node].rename(renamed, to: key.name) }
          return function
        }
      }
    }
  }

  /// Adds what the call of a function computes, where the function's body can't be changed: the nodes that the body was read as.
  mutating func emitUnfolded(
    _ call: Call, _ node: Node, _ rewrite: ONNXRewrite, to emitter: inout ONNXEmitter
  ) throws {
    let graph = call.body
    var names: [Value: String] = [:]
    for (port, input) in zip(graph.inputs, node.inputs) {
      if let input { names[port.value] = try emitter.name(of: input) }
    }
    var inner = ONNXEmitter(vocabulary, names: names)
    let body = ONNXRewrite(original: Graph(), rewritten: graph, names: ONNXNames())
    let live = graph.liveNodes()
    for id in graph.topologicalOrder() where live.contains(id) && !(graph[id].operation is Parameter) {
      try add(graph[id], nil, body, to: &inner)
    }
    emitter.emit(inner, for: node, results: try graph.outputs.map { try inner.name(of: $0.value) })
  }
}

extension Onnx_NodeProto {
  /// Whether the node, or one inside it, is a call of the function.
  fileprivate func calls(_ key: ONNXFunctions.Key) -> Bool {
    ONNXFunctions.Key(callOf: self) == key || subgraphs.contains { $0.node.contains { $0.calls(key) } }
  }

  /// The domains of the node and all inside it.
  fileprivate func allDomains() -> [String] {
    [standardDomain] + subgraphs.flatMap { $0.node.flatMap { $0.allDomains() } }
  }

  /// Calls the function by another name, here and inside.
  fileprivate mutating func rename(_ key: ONNXFunctions.Key, to name: String) {
    if ONNXFunctions.Key(callOf: self) == key { opType = name }
    for index in attribute.indices where attribute[index].hasG {
      for node in attribute[index].g.node.indices { attribute[index].g.node[node].rename(key, to: name) }
    }
  }
}

extension Onnx_ValueInfoProto {
  fileprivate static func with(name: String) -> Onnx_ValueInfoProto {
    var info = Onnx_ValueInfoProto()
    info.name = name
    return info
  }
}

extension Onnx_OperatorSetIdProto {
  fileprivate static func with(domain: String, version: Int) -> Onnx_OperatorSetIdProto {
    var entry = Onnx_OperatorSetIdProto()
    entry.domain = domain
    entry.version = Int64(version)
    return entry
  }
}
