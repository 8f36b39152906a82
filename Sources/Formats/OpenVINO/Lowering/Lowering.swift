import Foundation
import GraphIR
import Operations
import Tensors

/// Says which layers compute what a canonical operation does; nil stands for an optional input that is left out.
typealias LoweringRule = @Sendable (inout Lowering, Node, [LayerOutput?]) throws -> [LayerOutput]

/// Makes layers of the nodes that a rewritten graph has and the file has not.
struct Lowering {
  private let graph: Graph
  private(set) var layers: [NewLayer] = []
  /// What goes behind the weights of the file.
  private(set) var weights: [Data] = []
  /// Where the next weights would go.
  private(set) var weightsEnd: Int
  private let firstID: Int
  private var takenNames: TakenNames
  private var constants: [Tensor: LayerOutput] = [:]
  /// What the layers of the node at hand are named after.
  private var name = ""
  private(set) var outputs: [Value: LayerOutput] = [:]

  init(_ graph: Graph, into network: IRNetwork, weightsEnd: Int) throws {
    self.graph = graph
    self.weightsEnd = weightsEnd
    let last = network.layers.map(\.id).max() ?? -1
    // Ids that large are no OpenVINO's; the rest of the file would not fit behind them.
    try require(last < Int.max / 2, "the layers' ids are used up")
    firstID = last + 1
    takenNames = TakenNames(network.layers.map(\.name))
  }

  /// Adds the layers for `node`, whose inputs are given by `input`; one without a name has its layers named after `owner`.
  mutating func add(_ node: Node, owner: String, input: (Value) -> LayerOutput?) throws {
    try locating(node.label) {
      name = node.name.isEmpty ? owner : node.name
      let inputs: [LayerOutput?] = try node.inputs.map { value in
        guard let value else { return nil }
        guard let output = outputs[value] ?? input(value) else {
          throw ModelError.invalid("a node is to be written before what it reads")
        }
        return output
      }
      let results = try lower(node, inputs)
      if !node.name.isEmpty { rename(results.first) }
      if let result = results.first, let index = position(of: result) {
        layers[index].runtimeInfo = Provenance.texts(node.origin)
      }
      for (index, result) in results.enumerated() { outputs[Value(node.id, index)] = result }
    }
  }

  /// Gives the tensor of a new port its names.
  mutating func setNames(_ names: [String], of output: LayerOutput) {
    guard let index = position(of: output) else { return }
    layers[index].outputNames[output.port - layers[index].inputs.count] = names
  }

  /// Whether `output` belongs to one of the new layers.
  func isNew(_ output: LayerOutput) -> Bool { position(of: output) != nil }

  private func position(of output: LayerOutput) -> Int? {
    let index = output.layer - firstID
    return layers.indices.contains(index) ? index : nil
  }

  /// Gives the layer that a node's result comes from the node's name.
  private mutating func rename(_ result: LayerOutput?) {
    guard let result, let index = position(of: result), takenNames.insert(name) else { return }
    layers[index].name = name
  }

  private mutating func lower(_ node: Node, _ inputs: [LayerOutput?]) throws -> [LayerOutput] {
    if let constant = node.operation as? Constant { return [try self.constant(constant.tensor)] }
    var inputs = inputs
    while inputs.last == .some(nil) { inputs.removeLast() }
    let descriptor = OperationDescriptor.of(node.operation)
    if let rule = LoweringRules.all[descriptor.name] { return try rule(&self, node, inputs) }
    guard let spelling = descriptor.spellings.last(where: { $0.format == .openVINO }) else {
      throw ModelError.unsupported("\(descriptor.name) has no counterpart in OpenVINO")
    }
    let attributes = try descriptor.attributes.compactMap { attribute in
      try attribute.read(node.operation).map { value in
        (spelling.attributeNames[attribute.name] ?? attribute.name, try value.textForXML)
      }
    }
    return try layer(
      spelling.type, version: spelling.since, data: attributes, try required(inputs), node.outputs.map(\.type))
  }

  /// Whether all elements of `value` are known to be 1, so that nothing need be multiplied with it.
  func isOnes(_ value: Value?) -> Bool {
    guard let constant = value.flatMap({ graph.info(of: $0).constant }), constant.count <= ValueInfo.contentsLimit
    else { return false }
    return (try? constant.doubles().allSatisfy { $0 == 1 }) ?? false
  }

  /// Inputs of which none may be left out.
  func required(_ inputs: [LayerOutput?]) throws -> [LayerOutput] {
    try inputs.map { input in
      guard let input else { throw ModelError.unsupported("an input that is left out can't be written here") }
      return input
    }
  }

  /// Adds a layer and returns its ports.
  mutating func layer(
    _ type: String, version: Int = 1, data: [(String, String)] = [], _ inputs: [LayerOutput], _ outputs: [TensorType]
  ) throws -> [LayerOutput] {
    let layer = NewLayer(
      id: firstID + layers.count, name: freeName(type), type: type, version: version,
      data: data.map { ($0.0, $0.1) }, inputs: inputs, outputs: outputs,
      outputNames: Array(repeating: [], count: outputs.count))
    layers.append(layer)
    return outputs.enumerated().map { index, type in
      LayerOutput(layer: layer.id, port: inputs.count + index, type: type)
    }
  }

  /// Adds a layer with one port.
  mutating func single(
    _ type: String, version: Int = 1, data: [(String, String)] = [], _ inputs: [LayerOutput], _ output: TensorType
  ) throws -> LayerOutput {
    try layer(type, version: version, data: data, inputs, [output])[0]
  }

  /// A Const layer that holds `tensor`, its bytes behind those of the file; the same one for equal tensors.
  mutating func constant(_ tensor: Tensor) throws -> LayerOutput {
    if let known = constants[tensor] { return known }
    let padding = (64 - weightsEnd % 64) % 64
    let (offset, overflow) = weightsEnd.addingReportingOverflow(padding)
    try require(!overflow, "the weights are too large")
    if padding > 0 { weights.append(Data(count: padding)) }
    weights.append(tensor.withBytes { Data($0) })
    weightsEnd = offset + tensor.byteCount
    let data = [
      ("element_type", IRText.name(of: tensor.element)),
      ("shape", tensor.shape.map(String.init).joined(separator: ", ")), ("offset", String(offset)),
      ("size", String(tensor.byteCount)),
    ]
    let result = try single("Const", data: data, [], TensorType(tensor.element, Shape(tensor.shape)))
    constants[tensor] = result
    return result
  }

  /// A constant of 64-bit integers in one axis.
  mutating func constant(_ integers: [Int]) throws -> LayerOutput {
    try constant(Tensor(integers: integers, shape: [integers.count]))
  }

  private mutating func freeName(_ type: String) -> String {
    takenNames.unused(name.isEmpty ? type : "\(name)/\(type)")
  }
}

extension AttributeValue {
  /// The value as IR attributes spell it.
  fileprivate var textForXML: String {
    get throws {
      switch self {
      case .integer(let value): String(value)
      case .float(let value): String(value)
      case .boolean(let value): value ? "true" : "false"
      case .string(let value), .text(let value): value
      case .integers(let values): values.map { String($0) }.joined(separator: ", ")
      case .floats(let values): values.map { String($0) }.joined(separator: ", ")
      case .strings(let values): values.joined(separator: ", ")
      case .element(let element): IRText.name(of: element)
      case .tensor, .graph: throw ModelError.unsupported("an attribute that is \(summary) can't be written here")
      }
    }
  }
}
