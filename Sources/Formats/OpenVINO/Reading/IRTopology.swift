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
  /// For every layer, which of its output ports some edge leaves.
  private(set) var isRead: [[Bool]] = []

  /// Throws `ModelError.invalid` for duplicate ids, an edge to nowhere, an input with no edge or two, or a cycle.
  init(_ network: IRNetwork) throws {
    var position: [Int: Int] = [:]
    position.reserveCapacity(network.layers.count)
    var found: [[(port: Port, edge: Int)?]] = []
    found.reserveCapacity(network.layers.count)
    isRead.reserveCapacity(network.layers.count)
    // Layers are not copied where one thing is asked of each.
    let layers = network.layers.indices
    for index in layers {
      if let other = position.updateValue(index, forKey: network.layers[index].id) {
        throw ModelError.invalid(
          "layers \(network.layers[other].label) and \(network.layers[index].label) have the same id")
      }
      try require(
        network.layers[index].hasDistinctPorts,
        "layer \(network.layers[index].label) has two ports with the same id")
      found.append(Array(repeating: nil, count: network.layers[index].inputs.count))
      isRead.append(Array(repeating: false, count: network.layers[index].outputs.count))
    }
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
      isRead[source][output] = true
    }
    producers.reserveCapacity(layers.count)
    for index in layers {
      producers.append(
        try found[index].enumerated().map { input, producer in
          guard let producer else {
            let layer = network.layers[index]
            throw ModelError.invalid("no edge leads to input port \(layer.inputs[input].id) of layer \(layer.label)")
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

  /// Whether no two of its ports have the same id.
  fileprivate var hasDistinctPorts: Bool {
    // As a rule they are numbered.
    var last = -1
    for ports in [inputs, outputs] {
      for index in ports.indices {
        if ports[index].id <= last {
          return Set((inputs + outputs).map(\.id)).count == inputs.count + outputs.count
        }
        last = ports[index].id
      }
    }
    return true
  }
}
