import GraphIR
import Tensors

/// Says how the canonical operations compute what a layer does: adds nodes and returns the value of every output port.
typealias LiftingRule = @Sendable (inout Lifting) throws -> [Value]

/// A layer that the canonical operations can't express; it becomes `Opaque`.
struct Unliftable: Error {}

/// The graph under construction, and the layer whose turn it is.
///
/// Operations are named as in the text form of a graph, with their attributes; all nodes of a layer have the same origin.
struct Lifting {
  var graph: Graph
  private let registry: OperationRegistry
  private(set) var layer = IRLayer(id: 0, name: "", type: "", operatorSet: "", range: 0..<0)
  private(set) var inputs: [Value] = []
  /// The output ports that something reads.
  private(set) var readOutputs: [Int] = []
  private(set) var origin = Origin.none

  init(graph: Graph, registry: OperationRegistry) {
    self.graph = graph
    self.registry = registry
  }

  /// Turns to `layer`.
  mutating func begin(_ layer: IRLayer, inputs: [Value], readOutputs: [Int], origin: Origin) {
    self.layer = layer
    self.inputs = inputs
    self.readOutputs = readOutputs
    self.origin = origin
  }

  /// Adds the layer's nodes and returns the value of every output port.
  mutating func results() throws -> [Value] {
    let mark = graph.mark
    do {
      var values = try lift()
      guard values.count == layer.outputs.count else { throw Unliftable() }
      // A value has the name of one port only, so that each layer must have made its own.
      for index in values.indices where graph[values[index].node].origin != origin {
        values[index] = try add("Identity", [values[index]])
      }
      guard values.count < 2 || Set(values).count == values.count else { throw Unliftable() }
      return values
    } catch is Unliftable {
      graph.discard(after: mark)
      return try opaque(isKnownType ? "its attributes or ports are none that are known" : nil)
    } catch let error as ModelError where error.kind == .unsupported {
      graph.discard(after: mark)
      return try opaque(error.message)
    }
  }

  private var isKnownType: Bool {
    LiftingRules.all[layer.type] != nil || registry.find(layer.type, format: .openVINO, version: .max) != nil
  }

  private mutating func lift() throws -> [Value] {
    guard let version = layer.version else { throw Unliftable() }
    if let rule = LiftingRules.all[layer.type] { return try rule(&self) }
    guard let (spelling, descriptor) = registry.find(layer.type, format: .openVINO, version: version) else {
      throw Unliftable()
    }
    return try addSpelled(spelling, descriptor)
  }

  /// The layer as one operation that spells it the same way.
  private mutating func addSpelled(_ spelling: Spelling, _ descriptor: OperationDescriptor) throws -> [Value] {
    var attributes: [String: AttributeValue] = [:]
    for (name, value) in layer.data.pairs {
      if name == "auto_broadcast" {
        try requireNumPyBroadcast()
        continue
      }
      let canonical = spelling.attributeNames.first { $0.value == name }?.key ?? name
      attributes[canonical] = .text(value)
    }
    return try addNode(descriptor.name, inputs, attributes, outputs: layer.outputs.count)
  }

  private mutating func opaque(_ reason: String?) throws -> [Value] {
    let types = try layer.outputs.map { port in
      let element = try port.precision.map { try IRText.element($0) } ?? .unknown
      // No sizes at all may be a scalar or a rank that is not known.
      guard !port.dimensions.isEmpty else { return TensorType(element, .unranked) }
      return TensorType(element, Shape(port.dimensions.map { $0 < 0 ? .unknown : Dimension($0) }))
    }
    let spelled = layer.operatorSet.isEmpty ? layer.type : "\(layer.type) (\(layer.operatorSet))"
    var opaque = Opaque(type: spelled, outputs: types, reason: reason)
    if layer.type == "Const", let elements = layer.data["element_type"], let type = types.first {
      opaque = Opaque(constant: spelled, output: type, elements: elements)
    }
    let id = try graph.add(opaque, inputs, name: layer.name, origin: origin, outputs: types.count)
    return types.indices.map { Value(id, $0) }
  }
}

extension Lifting {
  /// Adds an operation with one result.
  mutating func add(
    _ name: String, _ inputs: [Value?], _ attributes: [String: AttributeValue] = [:]
  ) throws -> Value {
    try addNode(name, inputs, attributes, outputs: 1)[0]
  }

  /// Adds an operation with `outputs` results.
  mutating func addNode(
    _ name: String, _ inputs: [Value?], _ attributes: [String: AttributeValue], outputs: Int
  ) throws -> [Value] {
    guard let descriptor = registry[name], descriptor.outputs.contains(outputs) else { throw Unliftable() }
    var operation = descriptor.make()
    for (name, value) in attributes {
      guard let attribute = descriptor.attributes.first(where: { $0.name == name }) else { throw Unliftable() }
      try attribute.write(&operation, value)
    }
    let id = try graph.add(operation, inputs, name: layer.name, origin: origin, outputs: outputs)
    return (0..<outputs).map { Value(id, $0) }
  }

  /// A constant of 64-bit integers in one axis.
  mutating func constant(_ integers: [Int]) throws -> Value {
    try constant(Tensor(integers: integers, shape: [integers.count]))
  }

  mutating func constant(_ tensor: Tensor) throws -> Value {
    try graph.addConstant(tensor, name: layer.name, origin: origin)
  }

  /// A scalar constant of the element type of `value`.
  mutating func constant(_ number: Double, like value: Value) throws -> Value {
    let element = graph.info(of: value).element
    guard element != .unknown else { throw Unliftable() }
    return try constant(Tensor(doubles: [number], element: element, shape: []))
  }

  /// The input at `index`, which must be there.
  func input(_ index: Int) throws -> Value {
    guard inputs.indices.contains(index) else {
      throw ModelError.invalid("a \(layer.type) needs more than \(inputs.count) inputs")
    }
    return inputs[index]
  }

  /// The input at `index`, if it is there.
  func optionalInput(_ index: Int) -> Value? { inputs.indices.contains(index) ? inputs[index] : nil }

  func info(_ value: Value) -> ValueInfo { graph.info(of: value) }

  /// The elements of a constant integer input.
  func integers(_ index: Int) throws -> [Int] {
    guard let values = graph.info(of: try input(index)).integers else { throw Unliftable() }
    return values
  }

  /// The only element of a constant integer input.
  func integer(_ index: Int) throws -> Int {
    let values = try integers(index)
    guard let value = values.first, values.count == 1 else {
      throw ModelError.invalid("input \(index) of a \(layer.type) must be one number, found \(values.count)")
    }
    return value
  }

  func rank(_ value: Value) throws -> Int {
    guard let rank = graph.info(of: value).rank else { throw Unliftable() }
    return rank
  }

  /// The attribute `name`, or `fallback` where the layer has none.
  func attribute<Attribute: AttributeConvertible>(_ name: String, _ fallback: Attribute) throws -> Attribute {
    guard let text = layer.data[name] else { return fallback }
    return try locating("attribute '\(name)'") { try Attribute(attribute: .text(text)) }
  }

  /// The attribute `name`, which must be there.
  func attribute<Attribute: AttributeConvertible>(_ name: String) throws -> Attribute {
    let text = try layer.data.required(name, of: "data")
    return try locating("attribute '\(name)'") { try Attribute(attribute: .text(text)) }
  }

  /// Canonical operations broadcast as NumPy does; so does a layer that asks for no broadcast, its shapes being equal.
  func requireNumPyBroadcast() throws {
    guard ["numpy", "none"].contains(try attribute("auto_broadcast", "numpy")) else { throw Unliftable() }
  }

  /// `value` in another element type.
  mutating func cast(_ value: Value, to element: ElementType) throws -> Value {
    if graph.info(of: value).element == element { return value }
    return try add("Cast", [value], ["to": .element(element)])
  }
}
