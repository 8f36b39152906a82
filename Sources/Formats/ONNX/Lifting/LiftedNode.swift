import GraphIR
import Operations
import Tensors

/// A node on its way into the graph, in whatever operator set it was written.
///
/// Lifting rules change it until it says what the canonical operation of its type says, or build other operations in its place.
struct LiftedNode {
  let domain: String
  var type: String
  /// The version of the node's operator set.
  let version: Int
  var inputs: [Value?]
  var attributes: [String: AttributeValue]
  let outputCount: Int
  let name: String
  let origin: Origin

  /// The input at `index`, nil where it is left out.
  func input(_ index: Int) -> Value? { inputs.indices.contains(index) ? inputs[index] : nil }

  /// The input at `index`, which must be there.
  func required(_ index: Int) throws -> Value {
    guard let value = input(index) else { throw ModelError.invalid("input \(index) is missing") }
    return value
  }

  mutating func setInput(_ index: Int, _ value: Value?) {
    while inputs.count <= index { inputs.append(nil) }
    inputs[index] = value
  }

  func integer(_ attribute: String) throws -> Int? {
    try attributes[attribute].map { value in try locating("attribute '\(attribute)'") { try Int(attribute: value) } }
  }

  func number(_ attribute: String) throws -> Double? {
    try attributes[attribute].map { value in try locating("attribute '\(attribute)'") { try Double(attribute: value) } }
  }

  func integers(_ attribute: String) throws -> [Int]? {
    try attributes[attribute].map { value in try locating("attribute '\(attribute)'") { try [Int](attribute: value) } }
  }

  func string(_ attribute: String) throws -> String? {
    try attributes[attribute].map { value in try locating("attribute '\(attribute)'") { try String(attribute: value) } }
  }
}

/// Building canonical operations by name, so that rules need no knowledge of their types.
extension LiftedNode {
  /// Adds the canonical operation `operation`; throws `unsupported` where there is none of that name.
  func insert(
    _ operation: String, _ inputs: [Value?], _ attributes: [String: AttributeValue] = [:], in graph: inout Graph
  ) throws -> Value {
    try graph.insert(ONNXOperations.make(operation, attributes), inputs, name: name, origin: origin)
  }

  /// The same with `outputs` results.
  func insertAll(
    _ operation: String, _ inputs: [Value?], _ attributes: [String: AttributeValue] = [:], outputs: Int,
    in graph: inout Graph
  ) throws -> [Value] {
    let made = try ONNXOperations.make(operation, attributes)
    let id = try graph.add(made, inputs, name: name, origin: origin, outputs: outputs)
    return (0..<outputs).map { Value(id, $0) }
  }

  /// `value` converted to `element`, or itself where it has that type.
  func cast(_ value: Value, to element: ElementType, in graph: inout Graph) throws -> Value {
    graph.type(of: value).element == element ? value : try graph.insert(Cast(to: element), [value], origin: origin)
  }

  /// Leaves the node as it is, because of `what`, where `condition` does not hold.
  func requireSupported(_ condition: Bool, _ what: String) throws {
    if !condition { throw ModelError.unsupported(what) }
  }

  func constant(_ integers: [Int], in graph: inout Graph) throws -> Value {
    try graph.addConstant(Tensor(integers: integers, shape: [integers.count]), origin: origin)
  }

  /// A tensor of one number and no axes, of the element type of `value`.
  func scalar(_ number: Double, like value: Value, in graph: inout Graph) throws -> Value {
    let element = graph.type(of: value).element
    return try graph.addConstant(Tensor(doubles: [number], element: element, shape: []), origin: origin)
  }
}

/// Canonical operations by their names.
enum ONNXOperations {
  /// The operation `name` with `attributes`, all of which it must have.
  static func make(_ name: String, _ attributes: [String: AttributeValue] = [:]) throws -> any GraphOperation {
    guard let descriptor = StandardOperations.registry[name] else {
      throw ModelError.unsupported("the operation \(name) is not known")
    }
    var operation = descriptor.make()
    for (attribute, value) in attributes {
      guard let known = descriptor.attributes.first(where: { $0.name == attribute }) else {
        throw ModelError.unsupported("\(name) has no attribute '\(attribute)'")
      }
      try known.write(&operation, value)
    }
    return operation
  }

  /// Attributes that say nothing about the results of inference.
  static let immaterial: [String: Set<String>] = [
    "BatchNormalization": ["momentum", "spatial", "is_test"], "Dropout": ["seed", "is_test"],
    "Cast": ["saturate", "round_mode"], "CastLike": ["saturate", "round_mode"],
  ]

  /// What version 1 of many operators had, and none ever read.
  static let neverRead: Set<String> = ["consumed_inputs"]
}
