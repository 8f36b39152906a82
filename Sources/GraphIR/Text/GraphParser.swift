import Tensors

/// Reads a graph from its text form, which `Graph.text` writes and `docs/text-form.md` describes.
///
/// Beyond what is printed, values may be called `%anything`, results' types may be left out where the operation infers them, and
/// `//` starts a comment. Every node's origin is itself: its name, or the label of its value where it has none.
public struct GraphParser: Sendable {
  private let registry: OperationRegistry

  public init(registry: OperationRegistry) { self.registry = registry }

  /// The graph that `text` says. Throws `ModelError` with line, column and what was expected there.
  public func parse(_ text: String) throws -> Graph {
    var statement = StatementParser(scanner: TextScanner(text), registry: registry)
    try statement.parseGraph()
    guard statement.scanner.isAtEnd() else {
      throw statement.scanner.failure(expected: "nothing more after the graph")
    }
    return statement.graph
  }
}

private struct StatementParser {
  var scanner: TextScanner
  let registry: OperationRegistry
  var graph = Graph()
  var nodes: [String: NodeID] = [:]
  var count = 0
  /// How many graphs this one is inside of.
  let depth: Int

  /// Graphs inside graphs are read recursively.
  private static let depthLimit = 32

  init(scanner: TextScanner, registry: OperationRegistry, depth: Int = 0) {
    self.scanner = scanner
    self.registry = registry
    self.depth = depth
  }

  mutating func parseGraph() throws {
    try scanner.expect("graph")
    if scanner.peek("\"") { graph.name = try scanner.string() }
    try scanner.expect("{")
    while !scanner.take("}") {
      if scanner.peek("%") {
        try node()
      } else if scanner.take("return") {
        let names = try names()
        graph.addOutput(names, try value())
      } else {
        throw scanner.failure(expected: "'%', 'return' or '}'")
      }
    }
  }

  private mutating func names() throws -> [String] {
    var names: [String] = []
    while scanner.peek("\"") { names.append(try scanner.string()) }
    return names
  }

  /// `%label` without what may follow it.
  private mutating func label() throws -> String {
    try scanner.expect("%")
    let label = scanner.word(skippingSpaces: false)
    guard !label.isEmpty else { throw scanner.failure(expected: "a value's number or name") }
    return label
  }

  private mutating func node() throws {
    let start = scanner.skipSpaces()
    let label = try label()
    guard nodes[label] == nil else { throw scanner.failure("%\(label) is defined twice", at: start) }
    var outputs: Int?
    if scanner.take(":") { outputs = try outputCount() }
    try scanner.expect("=")

    let operationStart = scanner.skipSpaces()
    let name = scanner.word("_.:")
    guard let descriptor = registry[name] else {
      throw scanner.failure(
        name.isEmpty ? "expected the name of an operation" : "there is no operation '\(name)'", at: operationStart)
    }
    let names = try names()
    var operation = descriptor.make()
    try attributes(of: descriptor, into: &operation)
    let inputs = try inputs()
    let typesStart = scanner.skipSpaces()
    let types = try scanner.take(":") ? resultTypes(operation is Constant, into: &operation) : nil
    if let types, let outputs, types.count != outputs {
      throw scanner.failure("\(outputs) results need as many types, found \(types.count)", at: typesStart)
    }
    if var opaque = operation as? Opaque {
      opaque.outputs = types ?? []
      operation = opaque
    }

    let source = SourceNode(index: count, name: names.first ?? "%\(label)", type: descriptor.name)
    count += 1
    let origin = Origin(sources: [source])
    do {
      if operation is Parameter {
        guard let type = types?.first, types?.count == 1 else {
          throw ModelError.invalid("an input needs one type, such as ': f32[2, 3]'")
        }
        nodes[label] = try graph.addInput(names, type, origin: origin).node
      } else {
        let id = try graph.add(
          operation, inputs, name: names.first ?? "", origin: origin, outputs: types?.count ?? outputs)
        nodes[label] = id
        try check(types ?? [], of: id)
      }
    } catch let error as ModelError {
      throw scanner.failure(error.message, at: operationStart)
    }
  }

  private mutating func outputCount() throws -> Int {
    let start = scanner.skipSpaces()
    guard let count = Int(scanner.word()), (0...1024).contains(count) else {
      throw scanner.failure(expected: "the number of results, at most 1024", at: start)
    }
    return count
  }

  private mutating func attributes(of descriptor: OperationDescriptor, into operation: inout any GraphOperation) throws
  {
    guard scanner.take("{") else { return }
    var seen: Set<String> = []
    while !scanner.take("}") {
      if !seen.isEmpty { try scanner.expect(",") }
      let start = scanner.skipSpaces()
      let name = scanner.word()
      guard let attribute = descriptor.attributes.first(where: { $0.name == name }) else {
        let known = descriptor.attributes.map(\.name).joined(separator: ", ")
        throw scanner.failure(
          expected: known.isEmpty ? "'}': \(descriptor.name) has no attributes" : "an attribute (\(known))", at: start)
      }
      guard seen.insert(name).inserted else { throw scanner.failure("'\(name)' is given twice", at: start) }
      try scanner.expect("=")
      let valueStart = scanner.skipSpaces()
      let value = try scanner.peek("graph") ? .graph(subgraph()) : scanner.attributeValue()
      do {
        try attribute.write(&operation, value)
      } catch let error as ModelError {
        throw scanner.failure(error.message, at: valueStart)
      }
    }
  }

  /// The graph that comes next, which an operation runs.
  private mutating func subgraph() throws -> Graph {
    guard depth < Self.depthLimit else {
      throw scanner.failure("graphs are nested more than \(Self.depthLimit) deep", at: scanner.skipSpaces())
    }
    var inner = StatementParser(scanner: scanner, registry: registry, depth: depth + 1)
    try inner.parseGraph()
    scanner = inner.scanner
    return inner.graph
  }

  private mutating func inputs() throws -> [Value?] {
    guard scanner.take("(") else { return [] }
    var inputs: [Value?] = []
    while !scanner.take(")") {
      if !inputs.isEmpty { try scanner.expect(",") }
      if scanner.peek("%") {
        inputs.append(try value())
      } else if scanner.take("_") {
        inputs.append(nil)
      } else {
        throw scanner.failure(expected: inputs.isEmpty ? "a value, '_' or ')'" : "a value or '_'")
      }
    }
    return inputs
  }

  private mutating func value() throws -> Value {
    let start = scanner.skipSpaces()
    let label = try label()
    guard let id = nodes[label] else { throw scanner.failure("%\(label) is not defined above", at: start) }
    guard scanner.take(".") else {
      guard !graph[id].outputs.isEmpty else { throw scanner.failure("%\(label) has no result", at: start) }
      return Value(id)
    }
    let output = scanner.word()
    guard let index = Int(output), graph[id].outputs.indices.contains(index) else {
      throw scanner.failure("%\(label) has \(graph[id].outputs.count) results; '.\(output)' is none of them", at: start)
    }
    return Value(id, index)
  }

  private mutating func resultTypes(_ isConstant: Bool, into operation: inout any GraphOperation) throws -> [TensorType]
  {
    if isConstant {
      let tensor = try scanner.tensor()
      operation = Constant(tensor)
      return [TensorType(tensor.element, Shape(tensor.shape))]
    }
    var types: [TensorType] = []
    repeat { types.append(try scanner.type()) } while scanner.take(",")
    return types
  }

  /// Stated types must be those inferred, sizes that neither knows aside.
  private func check(_ stated: [TensorType], of id: NodeID) throws {
    for (index, (type, info)) in zip(stated, graph[id].outputs).enumerated() {
      try require(
        type.agrees(with: info.type), "result \(index) is stated to be \(type), but follows to be \(info.type)")
    }
  }
}
