import GraphIR
import SwiftProtobuf
import Tensors

extension Onnx_AttributeProto {
  /// The attribute's value; nil where it is of a kind that no canonical operation has (a graph, a sparse tensor, a type).
  func value(_ tensors: inout ONNXTensors) throws -> AttributeValue? {
    switch kind {
    case .float: .float(Double(f))
    case .int: .integer(Int(i))
    case .string: String(bytes: s, encoding: .utf8).map { .string($0) }
    case .tensor: try tensors.decode(t).map { .tensor($0) }
    case .floats: .floats(floats.map { Double($0) })
    case .ints: .integers(ints.map { Int($0) })
    case .strings: .strings(strings.map { String(decoding: $0, as: UTF8.self) })
    default: nil
    }
  }

  /// The kind of value; files of the first version don't say it, so that the field that is set must.
  private var kind: AttributeType {
    if hasType { return type }
    if hasF { return .float }
    if hasI { return .int }
    if hasS { return .string }
    if hasT { return .tensor }
    if hasG { return .graph }
    if !floats.isEmpty { return .floats }
    if !ints.isEmpty { return .ints }
    if !strings.isEmpty { return .strings }
    return .undefined
  }

  /// The graphs it holds.
  var subgraphs: [Onnx_GraphProto] { hasG ? [g] + graphs : graphs }
}

extension Onnx_NodeProto {
  /// Its name, or that of its first output where it has none.
  var nameOrOutput: String { name.isEmpty ? output.first { !$0.isEmpty } ?? opType : name }

  /// The operator's type with its domain, as messages and logs name it.
  var qualifiedType: String { standardDomain.isEmpty ? opType : "\(domain).\(opType)" }

  /// The domain, the standard one under its one name.
  var standardDomain: String { domain == "ai.onnx" ? "" : domain }

  /// All graphs that its attributes hold.
  var subgraphs: [Onnx_GraphProto] { attribute.flatMap(\.subgraphs) }

  /// The names that the node reads, those that graphs inside it read from outside of them included.
  func readNames() -> [String] {
    let captured = capturedNames()
    let inputs = input.contains("") ? input.filter { !$0.isEmpty } : input
    return captured.isEmpty ? inputs : inputs + captured.filter { !$0.isEmpty }
  }

  /// Names that graphs inside this node read from outside of them, each once, in order.
  func capturedNames() -> [String] {
    guard attribute.contains(where: { $0.hasG || !$0.graphs.isEmpty }) else { return [] }
    var found: [String] = []
    var seen: Set<String> = []
    for graph in subgraphs {
      for name in graph.freeNames() where seen.insert(name).inserted { found.append(name) }
    }
    return found
  }
}

extension Onnx_GraphProto {
  /// Names that are read here, in nested graphs too, and defined further out.
  func freeNames() -> [String] {
    var defined = Set(input.map(\.name))
    defined.formUnion(initializer.map(\.name))
    defined.formUnion(sparseInitializer.map(\.values.name))
    for node in node { defined.formUnion(node.output) }
    let read = node.flatMap { $0.input + $0.capturedNames() } + output.map(\.name)
    return read.filter { !$0.isEmpty && !defined.contains($0) }
  }
}
