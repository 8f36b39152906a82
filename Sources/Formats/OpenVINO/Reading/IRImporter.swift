import GraphIR
import Operations
import Tensors

/// Makes a graph of the canonical operations from an IR.
struct IRImporter {
  /// The graph of the file that is being read.
  var source: IRGraph
  var lifting: Lifting
  private var weights: IRWeights
  private var inputNames: Set<String> = []

  static func read(_ file: ModelFile) throws -> Document {
    var receiver = IRReceiver()
    try XMLScanner.scan(file.storage, into: &receiver)
    var importer = try IRImporter(receiver.network, weights: IRWeights(beside: file.path))
    try importer.build()
    try importer.weights.mapIfPresent()
    let source = OpenVINOSource(text: file.storage, weights: importer.weights.storage, graph: importer.source)
    return Document(graph: importer.lifting.graph, source: source)
  }

  private init(_ network: IRNetwork, weights: IRWeights) throws {
    self.weights = weights
    source = try IRGraph(network)
    lifting = Lifting(graph: Graph(name: network.name), registry: StandardOperations.registry)
  }

  /// Reads the graph inside a layer of another one.
  init(body network: IRNetwork, around: IRImporter) throws {
    weights = around.weights
    source = try IRGraph(network)
    lifting = Lifting(graph: Graph(name: network.name), registry: StandardOperations.registry)
  }

  /// Adds the layers of a body whose Parameters have their values.
  mutating func finishBody() throws {
    for (index, layer) in source.network.layers.enumerated() where layer.type == "Parameter" {
      guard !source.values[index].isEmpty else {
        throw ModelError.invalid("Parameter \(layer.label) is in no port map")
      }
    }
    try addLayers(sources())
  }

  /// Goes on with the weights as another importer has left them.
  mutating func takeWeights(of other: IRImporter) { weights = other.weights }

  private mutating func build() throws {
    let origins = sources()
    let layers = source.network.layers
    // A layer's own name gives way to another's tensor name, by which OpenVINO finds inputs.
    let tensorNames = Set(layers.filter { $0.type == "Parameter" }.flatMap(\.outputs).flatMap(\.names))
    // Inputs and outputs are numbered by their place in the file, which may not be the order that the edges ask for.
    for (index, layer) in layers.enumerated() where layer.type == "Parameter" {
      try locating(layer.label) { try addParameter(layer, at: index, origin: origins[index], besides: tensorNames) }
    }
    try addLayers(origins)
    for (index, layer) in layers.enumerated() where layer.type == "Result" {
      try locating("layer \(layer.label)") { try addResult(layer, at: index) }
    }
  }

  /// Adds all layers but Parameters and Results.
  mutating func addLayers(_ origins: [Origin]) throws {
    let topology = source.topology
    for index in topology.order {
      let layer = source.network.layers[index]
      guard layer.type != "Parameter", layer.type != "Result" else { continue }
      try locating("layer \(layer.label)") {
        lifting.begin(
          layer, inputs: try topology.producers[index].map { try value(of: $0.port) },
          readOutputs: layer.outputs.indices.filter { topology.isRead[index][$0] },
          origin: origins[index])
        source.values[index] = try lifted(layer)
      }
    }
  }

  /// The origin of each layer's nodes; names that several layers share are told apart by the ids.
  func sources() -> [Origin] {
    var taken = Set<String>(minimumCapacity: source.network.layers.count)
    return source.network.layers.enumerated().map { index, layer in
      var name = layer.name
      if !taken.insert(name).inserted || name.isEmpty {
        name = "\(name)#\(layer.id)"
        taken.insert(name)
      }
      let history = Provenance.history(texts: layer.provenance)
      return Origin(sources: [SourceNode(index: index, name: name, type: layer.type, history: history)])
    }
  }

  private mutating func lifted(_ layer: IRLayer) throws -> [Value] {
    if layer.type == "Const" {
      guard layer.outputs.count == 1, layer.inputs.isEmpty else {
        throw ModelError.invalid("a Const has one output port and no input")
      }
      if let tensor = try weights.tensor(of: layer) {
        return [try lifting.graph.addConstant(tensor, name: layer.name, origin: lifting.origin)]
      }
    }
    if !layer.bodies.isEmpty, let results = try liftedSubgraphs(layer) { return results }
    return try lifting.results()
  }

  private mutating func addParameter(
    _ layer: IRLayer, at index: Int, origin: Origin, besides tensorNames: Set<String>
  ) throws {
    guard layer.outputs.count == 1, layer.inputs.isEmpty else {
      throw ModelError.invalid("a Parameter has one output port and no input")
    }
    var names = layer.outputs[0].names
    if names.isEmpty || !tensorNames.contains(layer.name) { names.append(layer.name) }
    for name in names where !inputNames.insert(name).inserted {
      throw ModelError.invalid("two inputs of the model are called '\(name.prefix(120))'")
    }
    let name = names.first ?? layer.name
    let element = try IRText.element(try layer.data.required("element_type", of: "data"))
    let shape = try IRText.shape(try layer.data.required("shape", of: "data")) { Dimension(symbol: "\(name).\($0)") }
    if let sizes = shape.sizes { _ = try Tensor.elementCount(of: sizes, element: element) }
    source.values[index] = [try lifting.graph.addInput(names, TensorType(element, shape), origin: origin)]
  }

  private mutating func addResult(_ layer: IRLayer, at index: Int) throws {
    let value = try resultValue(at: index)
    guard let producer = source.topology.producers[index].first?.port else { return }
    let maker = source.network.layers[producer.layer]
    var names: [String] = []
    for name in maker.outputs[producer.output].names + layer.outputNames + [layer.name, maker.name]
    where !names.contains(name) {
      names.append(name)
    }
    source.results.append(index)
    lifting.graph.addOutput(names, value)
  }

  /// What an output port gives; a Result gives nothing.
  private func value(of port: IRTopology.Port) throws -> Value {
    let values = source.values[port.layer]
    guard values.indices.contains(port.output) else {
      throw ModelError.invalid("layer \(source.network.layers[port.layer].label) gives nothing, but is read")
    }
    return values[port.output]
  }

  /// What the Result at `index` reads.
  func resultValue(at index: Int) throws -> Value {
    guard source.network.layers[index].inputs.count == 1, let producer = source.topology.producers[index].first?.port
    else { throw ModelError.invalid("a Result has one input port") }
    return try value(of: producer)
  }
}
