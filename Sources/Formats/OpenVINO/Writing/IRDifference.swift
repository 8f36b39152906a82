import GraphIR

/// What has to change in an IR so that it says a rewritten graph instead of the one it was read as.
///
/// A layer stays where an output depends on one of its ports, and so do layers on which no output ever depended, with all they
/// read. Edges are free: a layer that stays may read something else than it did.
struct IRDifference {
  /// An input port of a layer, both by position in the file's lists.
  struct Input: Hashable {
    let layer: Int
    let input: Int
  }

  /// Which layers stay, by position.
  private(set) var keptLayers: [Bool]
  /// The nodes that need layers of their own, each after those it reads.
  private(set) var additions: [NodeID] = []
  /// What inputs of layers that stay read now, where that is not what they read before.
  private(set) var rewired: [Input: Value] = [:]

  private let source: IRGraph
  private let rewritten: Graph
  private let ports: [Value: IRTopology.Port]
  /// By layer, what its nodes read now, by what they read when they were imported.
  private var replacements: [Int: [Value: Value]] = [:]
  /// Layers that can't say any more what their nodes compute: a node inside reads something else than it did.
  private var broken: Set<Int> = []

  init(_ source: IRGraph, from original: Graph, to rewritten: Graph) {
    self.source = source
    self.rewritten = rewritten
    keptLayers = Array(repeating: false, count: source.network.layers.count)
    var ports: [Value: IRTopology.Port] = [:]
    ports.reserveCapacity(source.values.count)
    for (layer, values) in source.values.enumerated() {
      for (output, value) in values.enumerated() { ports[value] = .init(layer: layer, output: output) }
    }
    self.ports = ports
    findReplacements(original)
    keepWhatNeverMattered()
    trace(original)
  }

  /// Whether the file stays as it is.
  var isEmpty: Bool { additions.isEmpty && rewired.isEmpty && keptLayers.allSatisfy { $0 } }

  /// The port of a layer that stays which gives `value`.
  func port(of value: Value) -> IRTopology.Port? {
    guard let port = ports[value], keptLayers[port.layer], !broken.contains(port.layer) else { return nil }
    return port
  }

  /// The port that gave `value` in the file as it was.
  func originalPort(of value: Value) -> IRTopology.Port? { ports[value] }

  /// The position in the file of the layer that `node` was imported from; nil for one that a pass made.
  private func layer(of node: Node) -> Int? {
    node.origin.passes.isEmpty ? node.origin.sources.first?.index : nil
  }

  private mutating func findReplacements(_ original: Graph) {
    let isLive = rewritten.areLive()
    var nodes: [(node: Node, layer: Int)] = []
    for node in rewritten.nodes where isLive[node.id.index] && original.contains(node.id) {
      guard let layer = layer(of: node) else { continue }
      nodes.append((node, layer))
      for (before, after) in zip(original[node.id].inputs, node.inputs) where before != after {
        guard let before, after != nil else { continue }
        if let port = ports[before], port.layer != layer {
          replacements[layer] = [:]
        } else {
          broken.insert(layer)
        }
      }
    }
    // All nodes of a layer that read something else than they did must have the same in its place.
    for (node, layer) in nodes where replacements[layer] != nil {
      for case (let before?, let after?) in zip(original[node.id].inputs, node.inputs) {
        guard let port = ports[before], port.layer != layer else { continue }
        let other = replacements[layer, default: [:]].updateValue(after, forKey: before)
        if let other, other != after { broken.insert(layer) }
      }
    }
  }

  /// Inputs, and layers from which no way leads to a result (the writing of a state, for example), with all that they read.
  private mutating func keepWhatNeverMattered() {
    let layers = source.network.layers
    let mattered = upstream(of: layers.indices.filter { layers[$0].type == "Result" })
    keptLayers = upstream(of: layers.indices.filter { !mattered[$0] || layers[$0].type == "Parameter" })
  }

  /// For every layer, whether it is one of `layers` or one of those reads it, by whatever way.
  private func upstream(of layers: [Int]) -> [Bool] {
    var isFound = Array(repeating: false, count: source.network.layers.count)
    for layer in layers { isFound[layer] = true }
    var pending = layers
    while let layer = pending.popLast() {
      for producer in source.topology.producers[layer] where !isFound[producer.port.layer] {
        isFound[producer.port.layer] = true
        pending.append(producer.port.layer)
      }
    }
    return isFound
  }

  /// Follows what the outputs need.
  private mutating func trace(_ original: Graph) {
    var isReached = Array(repeating: false, count: keptLayers.count)
    var isAdded = Array(repeating: false, count: rewritten.mark)
    var pending: [Value] = []
    for (result, (before, after)) in zip(source.results, zip(original.outputs, rewritten.outputs)) {
      guard let index = result else { continue }
      keptLayers[index] = true
      let (old, new) = (original.value(read: index, before.value), rewritten.value(read: index, after.value))
      if old != new || isBroken(new) { rewired[Input(layer: index, input: 0)] = new }
      pending.append(new)
    }
    while let value = pending.popLast() {
      if let port = ports[value], !broken.contains(port.layer) {
        guard !isReached[port.layer] else { continue }
        isReached[port.layer] = true
        pending += keep(port.layer)
      } else if !isAdded[value.node.index] {
        isAdded[value.node.index] = true
        pending += rewritten[value.node].inputs.compactMap { $0 }
      }
    }
    additions = rewritten.topologicalOrder().filter { isAdded[$0.index] }
  }

  /// Whether `value` came from a layer that can't give it any more.
  private func isBroken(_ value: Value) -> Bool {
    !broken.isEmpty && ports[value].map { broken.contains($0.layer) } ?? false
  }

  /// Keeps a layer and returns what it reads.
  private mutating func keep(_ layer: Int) -> [Value] {
    keptLayers[layer] = true
    let replaced = replacements[layer]
    return source.topology.producers[layer].enumerated().map { input, producer in
      let before = source.values[producer.port.layer][producer.port.output]
      let after = replaced?[before] ?? before
      if after != before || isBroken(after) { rewired[Input(layer: layer, input: input)] = after }
      return after
    }
  }
}

extension Graph {
  /// What the Result `layer` reads where the graph's output is `value`, which it may have been made into.
  fileprivate func value(read layer: Int, _ value: Value) -> Value {
    var value = value
    while let input = self[value.node].inputs.first ?? nil, self[value.node].origin.passes.isEmpty,
      self[value.node].origin.sources.first?.index == layer
    { value = input }
    return value
  }
}
