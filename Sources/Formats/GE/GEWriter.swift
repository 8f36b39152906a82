import Foundation
import GraphIR
import Operations
import Tensors

/// Writes a rewritten graph into the text it was read from: operations go and come, those that stay keep all but the names that they read.
struct GEWriter {
  private let source: GESource
  private let rewritten: Graph
  private let difference: RewriteDifference
  /// What values are called that are new to the file.
  private var newNames: [Value: GEGraph.Input] = [:]
  private var takenNames: TakenNames
  private var lastNumber: Int
  /// What took the place of an operation that is gone, for those that wait for it.
  private var successors: [String: String] = [:]

  init(_ source: GESource, rewritten: Graph, difference: RewriteDifference) {
    self.source = source
    self.rewritten = rewritten
    self.difference = difference
    takenNames = TakenNames(source.description.operations.map(\.name))
    lastNumber = source.description.operations.count
  }

  /// - Parameter graph: the text of the main graph.
  mutating func text(of graph: [UInt8]) throws -> [UInt8] {
    guard let list = try JSONLayout(of: graph).lists["op"] else { throw ModelError.invalid("'op' is no list") }
    let count = source.description.operations.count
    var additions: [Int: [String]] = [:]
    for addition in difference.additions {
      let texts = try locating(addition.node.label) { try spelled(addition.node) }
      additions[addition.before.map { min(max($0, 0), count) } ?? count, default: []] += texts
    }
    let replaced = replacements()
    var items: [JSONLayout.Item] = []
    for index in 0...count {
      items += (additions[index] ?? []).map { .new($0) }
      guard index < count, !difference.removedSources.contains(index) else { continue }
      let operation = source.description.operations[index]
      let inputs = self.inputs(of: operation, replaced)
      if inputs == operation.texts {
        items.append(.kept(index))
      } else {
        items.append(.new(try respelled(Array(graph[list.elements[index]]), inputs: inputs)))
      }
    }
    var result = graph
    result.replaceSubrange(list.contents, with: JSONLayout.contents(of: list, in: graph, items: items))
    return result
  }

  /// For each value of the file that another took the place of, the other's name.
  private func replacements() -> [GEGraph.Input: GEGraph.Input] {
    var replaced: [GEGraph.Input: GEGraph.Input] = [:]
    for (value, name) in newNames {
      if let original = difference.originalValue(of: value), let before = source.names[original] {
        replaced[before] = name
      }
    }
    for (index, port) in rewritten.outputs.enumerated() where difference.renamedOutputs.contains(index) {
      if let colon = port.name.lastIndex(of: ":"), let output = Int(port.name[port.name.index(after: colon)...]) {
        replaced[.init(name: String(port.name[..<colon]), output: output)] = name(of: port.value)
      }
    }
    return replaced
  }

  private func name(of value: Value) -> GEGraph.Input {
    newNames[value] ?? difference.originalValue(of: value).flatMap { source.names[$0] }
      ?? GEGraph.Input(name: rewritten[value.node].name, output: value.output)
  }

  /// What an operation that stays reads now.
  private func inputs(
    of operation: GEGraph.Operation, _ replaced: [GEGraph.Input: GEGraph.Input]
  ) -> [String] {
    let data = operation.inputs.map { input in input.map { (replaced[$0] ?? $0).text } ?? "" }
    var controls: [String] = []
    for control in operation.controls {
      let name = successors[control] ?? control
      if name != operation.name, !controls.contains("\(name):-1") { controls.append("\(name):-1") }
    }
    return data + controls
  }

  /// The text of an operation with other inputs.
  private func respelled(_ text: [UInt8], inputs: [String]) throws -> String {
    guard let list = try JSONLayout(of: text).lists["input"] else { throw ModelError.invalid("'input' is no list") }
    var result = text
    let items = inputs.map { JSONLayout.Item.new(JSONText.json($0)) }
    result.replaceSubrange(list.contents, with: JSONLayout.contents(of: list, in: text, items: items))
    return String(decoding: result, as: UTF8.self)
  }

  /// The operations that say `node`.
  private mutating func spelled(_ node: Node) throws -> [String] {
    if node.operation is Constant { return [] }
    var spelling = GESpelling(node, in: rewritten)
    let label = takenNames.unused(node.name.isEmpty ? spelling.type : node.name)
    var texts: [String] = []
    var inputs: [String] = []
    for (index, input) in try spelling.operands().enumerated() {
      switch input {
      case .none: inputs.append("")
      case .value(let value): inputs.append(name(of: value).text)
      case .unknownConstant(let type):
        let constant = takenNames.unused("\(label)/input\(index)")
        texts.append(operation(constant, "Const", [], [], attributes: [], outputs: [type]))
        inputs.append("\(constant):0")
      }
    }
    texts.append(
      operation(
        label, spelling.type, inputs, spelling.inputTypes,
        attributes: spelling.attributes + Self.provenance(of: node.origin), outputs: spelling.outputTypes))
    newNames[Value(node.id)] = GEGraph.Input(name: label, output: spelling.result)
    for source in node.origin.sources where spelling.type == "FlashAttentionScore" { successors[source.name] = label }
    return texts
  }

  private mutating func operation(
    _ name: String, _ type: String, _ inputs: [String], _ inputTypes: [TensorType?], attributes: [(String, GEValue)],
    outputs: [TensorType?]
  ) -> String {
    lastNumber += 1
    var fields = [
      ("name", JSONText.json(name)), ("type", JSONText.json(type)), ("id", String(lastNumber - 1)),
    ]
    if !inputs.isEmpty { fields.append(("input", JSONText.json(inputs))) }
    if !attributes.isEmpty {
      let entries = attributes.map { JSONText.object([("key", JSONText.json($0.0)), ("value", $0.1.text)]) }
      fields.append(("attr", "[\(entries.joined(separator: ", "))]"))
    }
    let describe = { (types: [TensorType?]) in "[\(types.map(Self.text).joined(separator: ", "))]" }
    if !inputs.isEmpty { fields.append(("input_desc", describe(inputTypes))) }
    fields.append(("output_desc", describe(outputs)))
    return JSONText.object(fields)
  }

  private static func text(of type: TensorType?) -> String {
    guard let type else { return "{}" }
    var fields = [("dtype", JSONText.json(type.element.geName)), ("layout", JSONText.json("ND"))]
    let sizes = type.shape.dimensions?.map { String($0.constant ?? -1) } ?? ["-2"]
    if !sizes.isEmpty { fields.append(("shape", "{\"dim\": [\(sizes.joined(separator: ", "))]}")) }
    return JSONText.object(fields)
  }

  /// What a fused operation replaced, under the keys that the graph engine's tools look for.
  private static func provenance(of origin: Origin) -> [(String, GEValue)] {
    Provenance.lists(origin).map { ($0.key, .strings($0.list)) }
  }
}

extension GEGraph.Operation {
  /// The inputs as they are written, those that order only last.
  fileprivate var texts: [String] { inputs.map { $0?.text ?? "" } + controls.map { "\($0):-1" } }
}

/// A value of an attribute.
enum GEValue {
  case integer(Int)
  case number(Double)
  case flag(Bool)
  case string(String)
  case integers([Int])
  case strings([String])

  var text: String {
    switch self {
    case .integer(let value): "{\"i\": \(value)}"
    case .number(let value): "{\"f\": \(JSONText.number(value.description))}"
    case .flag(let value): "{\"b\": \(value)}"
    case .string(let value): "{\"s\": \(JSONText.json(value))}"
    case .integers(let values):
      "{\"list\": {\"i\": [\(values.map(String.init).joined(separator: ", "))], \"val_type\": \"VT_LIST_INT\"}}"
    case .strings(let values): "{\"list\": {\"s\": \(JSONText.json(values)), \"val_type\": \"VT_LIST_STRING\"}}"
    }
  }
}
