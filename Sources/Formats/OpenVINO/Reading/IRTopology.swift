import Tensors

/// Which port feeds which, checked: every input of a layer has one producer, and there is an order that respects them all.
struct IRTopology: Sendable {
  /// An output port of a layer, both by position in the file's lists.
  struct Port: Hashable, Sendable {
    let layer: Int
    let output: Int
  }

  /// For every layer, what feeds each of its inputs, and the position of that edge in the file.
  private(set) var producers: [[(port: Port, edge: Int)]] = []
  /// The positions of all layers, each behind those it reads, otherwise as in the file.
  private(set) var order: [Int] = []
  /// The output ports that some edge leaves.
  private(set) var readPorts: Set<Port> = []

  /// Throws `ModelError.invalid` for duplicate ids, an edge to nowhere, an input with no edge or two, or a cycle.
  init(_ network: IRNetwork) throws {
    var position: [Int: Int] = [:]
    for (index, layer) in network.layers.enumerated() {
      if let other = position.updateValue(index, forKey: layer.id) {
        throw ModelError.invalid("layers \(network.layers[other].label) and \(layer.label) have the same id")
      }
      let ports = (layer.inputs + layer.outputs).map(\.id)
      try require(Set(ports).count == ports.count, "layer \(layer.label) has two ports with the same id")
    }
    var found: [[(port: Port, edge: Int)?]] = network.layers.map { Array(repeating: nil, count: $0.inputs.count) }
    for (index, edge) in network.edges.enumerated() {
      guard let source = position[edge.fromLayer] else {
        throw ModelError.invalid("an edge comes from layer \(edge.fromLayer), which does not exist")
      }
      guard let target = position[edge.toLayer] else {
        throw ModelError.invalid("an edge leads to layer \(edge.toLayer), which does not exist")
      }
      guard let output = network.layers[source].outputs.firstIndex(where: { $0.id == edge.fromPort }) else {
        throw ModelError.invalid(
          "an edge comes from output port \(edge.fromPort) of layer \(network.layers[source].label), which does not exist"
        )
      }
      guard let input = network.layers[target].inputs.firstIndex(where: { $0.id == edge.toPort }) else {
        throw ModelError.invalid(
          "an edge leads to input port \(edge.toPort) of layer \(network.layers[target].label), which does not exist")
      }
      guard found[target][input] == nil else {
        throw ModelError.invalid("two edges lead to input port \(edge.toPort) of layer \(network.layers[target].label)")
      }
      let port = Port(layer: source, output: output)
      found[target][input] = (port, index)
      readPorts.insert(port)
    }
    for (index, layer) in network.layers.enumerated() {
      producers.append(
        try zip(layer.inputs, found[index]).map { port, producer in
          guard let producer else {
            throw ModelError.invalid("no edge leads to input port \(port.id) of layer \(layer.label)")
          }
          return producer
        })
    }
    order = try DependencyOrder.sorted(producers.map { $0.map(\.port.layer) }) { network.layers[$0].label }
  }
}

extension IRLayer {
  /// The layer in messages.
  var label: String { "'\(name.prefix(120))' (id \(id))" }
}
