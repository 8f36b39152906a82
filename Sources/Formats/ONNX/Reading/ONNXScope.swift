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
    if isSorted(nodes, known: known) { return Array(nodes.indices) }
    // Nil for what is known.
    var producers: [String: Int?] = [:]
    producers.reserveCapacity(known.count + nodes.count)
    for name in known { producers[name] = .some(nil) }
    for index in nodes.indices {
      for name in nodes[index].output where !name.isEmpty {
        guard producers.updateValue(index, forKey: name) == nil else {
          throw ModelError.invalid("\(label(nodes[index])): the value '\(name)' is defined more than once")
        }
      }
    }
    let dependencies = try nodes.indices.map { index in
      try nodes[index].readNames().compactMap { name -> Int? in
        guard let producer = producers[name] else {
          throw ModelError.invalid("\(label(nodes[index])) reads '\(name)', which nothing defines")
        }
        return producer
      }
    }
    return try DependencyOrder.sorted(dependencies) { label(nodes[$0]) }
  }

  /// Whether every node reads what is known or earlier nodes give, and no name is given twice.
  private static func isSorted(_ nodes: [Onnx_NodeProto], known: Set<String>) -> Bool {
    var defined = known
    defined.reserveCapacity(known.count + nodes.count)
    for index in nodes.indices {
      guard nodes[index].readNames().allSatisfy(defined.contains) else { return false }
      for name in nodes[index].output where !name.isEmpty {
        guard defined.insert(name).inserted else { return false }
      }
    }
    return true
  }

  static func label(_ node: Onnx_NodeProto) -> String {
    let name = node.name.isEmpty ? node.output.first { !$0.isEmpty } ?? "" : node.name
    return "node '\(name)' (\(node.qualifiedType))"
  }
}
