import Foundation
import GraphIR
import Tensors

/// Writes a rewritten graph into the text it was read from: elements of `weights` and `nodes` go and come, all else stays.
struct JSONGraphWriter {
  private let source: JSONSource
  private let rewritten: Graph
  private let difference: RewriteDifference
  private var names: [Value: String] = [:]
  private var takenNames: TakenNames
  private var takenLabels: TakenNames

  init(_ source: JSONSource, rewritten: Graph, difference: RewriteDifference) {
    self.source = source
    self.rewritten = rewritten
    self.difference = difference
    takenNames = TakenNames(Array(source.names.values))
    let description = source.description
    let firstNode = description.inputs.count + description.weights.count
    let kept = description.nodes.enumerated().filter { !difference.removedSources.contains(firstNode + $0.offset) }
    takenLabels = TakenNames(kept.map(\.element.label))
  }

  mutating func text() throws -> [UInt8] {
    let firstWeight = source.description.inputs.count
    let firstNode = firstWeight + source.description.weights.count
    var additions: [Int: [String]] = [:]
    let end = source.description.nodes.count
    for addition in difference.additions {
      let place = addition.before.map { max(0, $0 - firstNode) } ?? end
      additions[place, default: []].append(try text(of: addition.node))
    }
    for port in rewritten.outputs where name(of: port.value) != port.name {
      let fields = [
        ("op", JSONText.json("Identity")), ("inputs", JSONText.json([name(of: port.value)])),
        ("outputs", JSONText.json([port.name])),
      ]
      additions[end, default: []].append(JSONText.object(fields))
    }
    var nodes: [JSONLayout.Item] = []
    for index in 0...end {
      nodes += (additions[index] ?? []).map { .new($0) }
      if index < end, !difference.removedSources.contains(firstNode + index) { nodes.append(.kept(index)) }
    }
    let weights = (firstWeight..<firstNode).filter { !difference.removedSources.contains($0) }

    let changes = [("weights", weights.map { .kept($0 - firstWeight) }), ("nodes", nodes)]
      .compactMap { key, items in source.layout.lists[key].map { ($0, items) } }
      .sorted { $0.0.contents.lowerBound > $1.0.contents.lowerBound }
    var bytes = source.bytes
    for (list, items) in changes {
      // Back to front, so that places further ahead stay right.
      bytes.replaceSubrange(
        list.contents, with: JSONLayout.contents(of: list, in: source.bytes, items: items))
    }
    return bytes
  }

  /// The name that `value` has in the file, or gets where it is new to it.
  private mutating func name(of value: Value) -> String {
    if let original = difference.originalValue(of: value), let name = source.names[original] { return name }
    if let name = names[value] { return name }
    let node = rewritten[value.node]
    let base = node.name.isEmpty ? OperationDescriptor.of(node.operation).name : node.name
    let name = takenNames.unused(node.outputs.count == 1 ? base : "\(base).\(value.output)")
    names[value] = name
    return name
  }

  private mutating func text(of node: Node) throws -> String {
    let descriptor = OperationDescriptor.of(node.operation)
    var fields: [(String, String)] = [("op", JSONText.json((node.operation as? Opaque)?.type ?? descriptor.name))]
    if !node.name.isEmpty { fields.append(("name", JSONText.json(takenLabels.unused(node.name)))) }
    var inputs = node.inputs
    while case .some(nil) = inputs.last { inputs.removeLast() }
    var inputNames: [String] = []
    for input in inputs {
      if let input { inputNames.append(JSONText.json(name(of: input))) } else { inputNames.append("null") }
    }
    if !inputNames.isEmpty { fields.append(("inputs", "[\(inputNames.joined(separator: ", "))]")) }
    var outputNames: [String] = []
    for value in node.values { outputNames.append(name(of: value)) }
    fields.append(("outputs", JSONText.json(outputNames)))
    let attributes = try descriptor.setAttributes(of: node.operation).map { ($0.name, try JSONText.json($0.value)) }
    if !attributes.isEmpty, !(node.operation is Opaque) { fields.append(("attributes", JSONText.object(attributes))) }
    if node.operation is Opaque {
      fields.append(("types", "[\(node.outputs.map { JSONText.type($0.type) }.joined(separator: ", "))]"))
    }
    return JSONText.object(fields)
  }
}
