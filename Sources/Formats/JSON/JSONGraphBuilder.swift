import GraphIR
import Tensors

/// Makes a graph of its description in JSON, whose nodes may be in any order.
struct JSONGraphBuilder {
  private let description: JSONGraph
  private let registry: OperationRegistry
  private var files: SafetensorsFiles
  private var values: [String: Value] = [:]
  private(set) var graph: Graph

  /// What every value is called.
  var names: [Value: String] { Dictionary(uniqueKeysWithValues: values.map { ($1, $0) }) }

  /// - Parameter path: the document's path, which files of weights are beside.
  init(_ description: JSONGraph, path: String, registry: OperationRegistry) {
    self.description = description
    self.registry = registry
    files = SafetensorsFiles(of: path)
    graph = Graph(name: description.name)
  }

  mutating func build() throws {
    try checkNames()
    for (index, input) in description.inputs.enumerated() {
      try locating("input '\(input.name)'") {
        try require(input.type.element != .unknown, "its element type must be known")
        let source = SourceNode(index: index, name: input.name, type: "input")
        values[input.name] = try graph.addInput([input.name], input.type, origin: Origin(sources: [source]))
      }
    }
    for (index, weight) in description.weights.enumerated() {
      try locating("weight '\(weight.name)'") {
        let source = SourceNode(index: description.inputs.count + index, name: weight.name, type: "weight")
        let tensor = try weight.contents.contents(name: weight.name, files: &files)
        values[weight.name] = try graph.addConstant(tensor, name: weight.name, origin: Origin(sources: [source]))
      }
    }
    for index in try order() {
      let node = description.nodes[index]
      try locating("node '\(node.label)'") { try add(node, at: index) }
    }
    for name in description.outputs {
      guard let value = values[name] else {
        throw ModelError.invalid("output '\(name)': there is no value of this name")
      }
      graph.addOutput([name], value)
    }
  }

  /// No two values, and no two nodes, may have one name, and none an empty one.
  private func checkNames() throws {
    var seen: Set<String> = []
    let results = description.nodes.flatMap(\.outputs)
    for name in description.inputs.map(\.name) + description.weights.map(\.name) + results {
      try require(!name.isEmpty, "a value's name is empty")
      try require(seen.insert(name).inserted, "two values are called '\(name)'")
    }
    seen = []
    for node in description.nodes {
      try require(!node.outputs.isEmpty, "node '\(node.label)': 'outputs' is empty")
      try require(seen.insert(node.label).inserted, "two nodes are called '\(node.label)'")
    }
    seen = []
    for name in description.outputs {
      try require(seen.insert(name).inserted, "two outputs are called '\(name)'")
    }
  }

  /// The positions of all nodes, each after those it reads from, otherwise as they are in the document.
  private func order() throws -> [Int] {
    var producers: [String: Int] = [:]
    for (index, node) in description.nodes.enumerated() {
      for name in node.outputs { producers[name] = index }
    }
    let dependencies = description.nodes.map { node in node.inputs.compactMap { $0.flatMap { producers[$0] } } }
    return try DependencyOrder.sorted(dependencies) { "'\(description.nodes[$0].label)'" }
  }

  private mutating func add(_ node: JSONGraph.Node, at index: Int) throws {
    let inputs = try node.inputs.map { name -> Value? in
      guard let name else { return nil }
      guard let value = values[name] else {
        throw ModelError.invalid("input '\(name)': there is no value of this name")
      }
      return value
    }
    let types = node.types
    if let types {
      try require(
        types.count == node.outputs.count, "\(node.outputs.count) results need as many 'types', found \(types.count)")
    }
    let source = SourceNode(
      index: description.inputs.count + description.weights.count + index, name: node.label, type: node.op)
    let id = try graph.add(
      try operation(of: node, types: types), inputs, name: node.label, origin: Origin(sources: [source]),
      outputs: node.outputs.count)
    for (name, value) in zip(node.outputs, graph[id].values) {
      values[name] = value
      let inferred = graph.type(of: value)
      if let stated = types?[value.output], !stated.agrees(with: inferred) {
        throw ModelError.invalid("'\(name)' is stated to be \(stated), but follows to be \(inferred)")
      }
    }
  }

  private func operation(of node: JSONGraph.Node, types: [TensorType]?) throws -> any GraphOperation {
    try require(
      !["Parameter", "Opaque"].contains(node.op),
      "'\(node.op)' is no operation of a node; inputs are listed under 'inputs'")
    guard let descriptor = registry[node.op] else {
      guard let types else {
        throw ModelError.unsupported(
          "the operation '\(node.op.prefix(80))' is not known; state the 'types' of its results to keep it as it is")
      }
      return Opaque(type: node.op, outputs: types)
    }
    var operation = descriptor.make()
    for (name, field) in node.attributes where field.value != .null {
      guard let attribute = descriptor.attributes.first(where: { $0.name == name }) else {
        let known = descriptor.attributes.map(\.name).joined(separator: ", ")
        throw ModelError.invalid(
          "\(node.op) has no attribute '\(name.prefix(80))'; it has \(known.isEmpty ? "none" : known)")
      }
      do {
        if case .graph = attribute.read(operation), case .string(let text) = field.value {
          let inner = try locating("'\(name)'") { try GraphParser(registry: registry).parse(text) }
          try attribute.write(&operation, .graph(inner))
        } else {
          try attribute.write(&operation, try field.attribute())
        }
      } catch let error as ModelError {
        // JSON has no number for these.
        guard case .string(let text) = field.value, ["inf", "-inf", "nan"].contains(text), let number = Double(text)
        else {
          throw error
        }
        try attribute.write(&operation, .float(number))
      }
    }
    return operation
  }
}

extension JSONField {
  /// The value as that of an attribute.
  fileprivate func attribute() throws -> AttributeValue {
    switch value {
    case .boolean(let flag): return .boolean(flag)
    case .integer(let integer): return .integer(integer)
    case .number(let number): return .float(number)
    case .string(let string): return .string(string)
    case .object: return .tensor(try JSONTensor(self).written())
    case .list(let values):
      let integers = values.compactMap { if case .integer(let integer) = $0 { integer } else { nil } }
      if integers.count == values.count { return .integers(integers) }
      let strings = values.compactMap { if case .string(let string) = $0 { string } else { nil } }
      if strings.count == values.count { return .strings(strings) }
      return .floats(try list().map { try $0.number() })
    case .null: throw failure("null is no value of an attribute")
    }
  }
}
