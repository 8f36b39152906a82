import GraphIR
import Tensors

/// The names in the file of a graph's values.
struct ONNXNames: Sendable {
  /// Of those that have one: what a function's body computes has none.
  var values: [Value: String] = [:]
  /// For nodes that run graphs of their own, the names in each of those; none for a node that is not in the file as such.
  var inside: [NodeID: [ONNXNames]] = [:]

  /// The attributes that hold the graphs of an operation, in the order of the canonical operation's.
  static let subgraphAttributes = ["If": ["then_branch", "else_branch"], "Loop": ["body"], "Scan": ["body"]]
}

/// The names that nodes of one body see: the model's graph, or a function at one of its calls.
struct ONNXScope {
  /// Nil for a function's input that the call leaves out.
  var values: [String: Value?] = [:]
  /// Versions of the operator sets by domain.
  let operatorSets: [String: Int]
  /// What the body says of the types of its values.
  let types: [String: TensorType]
  /// The call whose function's body this is, or is inside of; nil for the model's own graph.
  let call: Call?
  /// Whether the file has these nodes at this place, not somewhere else that they were read from.
  var isInFile = true

  struct Call {
    let source: SourceNode
    let arguments: [String: Onnx_AttributeProto]
    let depth: Int
  }

  /// The version of `domain`; 1 where the model does not say.
  func version(of domain: String) -> Int { operatorSets[domain] ?? 1 }

  static func operatorSets(_ imports: [Onnx_OperatorSetIdProto]) throws -> [String: Int] {
    var versions: [String: Int] = [:]
    for entry in imports {
      let domain = entry.domain == "ai.onnx" ? "" : entry.domain
      guard let version = Int(exactly: entry.version), version > 0, versions[domain] ?? version == version else {
        throw ModelError.invalid("operator set '\(domain)': \(entry.version) is no version, or not the only one")
      }
      versions[domain] = version
    }
    return versions
  }

  /// `node` with attributes that refer to the call's replaced by those.
  func resolving(_ node: Onnx_NodeProto) -> Onnx_NodeProto {
    guard let call, node.attribute.contains(where: \.hasRefAttrName) else { return node }
    var resolved = node
    resolved.attribute = node.attribute.compactMap { attribute in
      guard !attribute.refAttrName.isEmpty else { return attribute }
      guard var argument = call.arguments[attribute.refAttrName] else { return nil }
      argument.name = attribute.name
      return argument
    }
    return resolved
  }
}

/// The order in which nodes can be added to a graph.
enum ONNXOrder {
  /// Positions of `nodes`, each after those it reads; the file's order where that is such an order.
  ///
  /// - Parameter known: names that are defined before any node.
  /// - Throws: where a name is defined twice or nowhere, or nodes depend on each other in a circle.
  static func sorted(_ nodes: [Onnx_NodeProto], known: Set<String>) throws -> [Int] {
    var producer: [String: Int] = [:]
    for (index, node) in nodes.enumerated() {
      for name in node.output where !name.isEmpty {
        guard !known.contains(name), producer.updateValue(index, forKey: name) == nil else {
          throw ModelError.invalid("\(label(node)): the value '\(name)' is defined more than once")
        }
      }
    }
    let dependencies = try nodes.map { node in
      try (node.input + node.capturedNames()).compactMap { name -> Int? in
        guard !name.isEmpty, !known.contains(name) else { return nil }
        guard let index = producer[name] else {
          throw ModelError.invalid("\(label(node)) reads '\(name)', which nothing defines")
        }
        return index
      }
    }
    return try DependencyOrder.sorted(dependencies) { label(nodes[$0]) }
  }

  static func label(_ node: Onnx_NodeProto) -> String {
    let name = node.name.isEmpty ? node.output.first { !$0.isEmpty } ?? "" : node.name
    return "node '\(name)' (\(node.qualifiedType))"
  }
}
