import Foundation
import GraphIR
import Tensors

/// Puts a graph of an IR together again: the text of the file with some layers and edges left out and others put in.
struct IRWriter {
  private let text: TensorStorage
  private let rewrite: IRRewrite
  private var source: IRGraph { rewrite.source }
  private var rewritten: Graph { rewrite.rewritten }
  private let difference: IRDifference
  private var lowering: Lowering
  /// The names of ports of layers that stay, where those change.
  private var renamedPorts: [IRTopology.Port: [String]] = [:]
  /// The graphs inside layers that stay.
  private var inside: [IRWriter] = []

  /// - Parameter weightsEnd: where further weights go.
  init(_ text: TensorStorage, _ rewrite: IRRewrite, weightsEnd: Int) throws {
    self.text = text
    self.rewrite = rewrite
    difference = rewrite.difference
    let (source, rewritten) = (rewrite.source, rewrite.rewritten)
    lowering = try Lowering(rewritten, into: source.network, weightsEnd: weightsEnd)
    let owners = IRWriter.owners(of: difference.additions, in: rewritten)
    for id in difference.additions {
      try lowering.add(rewritten[id], owner: owners[id] ?? "") { [difference] value in
        difference.port(of: value).map { source.output($0, type: rewritten.type(of: value)) }
      }
    }
    moveNames(rewrite.original)
    for inner in rewrite.inside where difference.keptLayers[inner.layer] {
      inside.append(try IRWriter(text, inner.rewrite, weightsEnd: inside.last?.weightsEnd ?? lowering.weightsEnd))
    }
  }

  /// For nodes without a name, that of the first node that needs them.
  private static func owners(of additions: [NodeID], in graph: Graph) -> [NodeID: String] {
    var owners: [NodeID: String] = [:]
    for id in additions.reversed() {
      let name = graph[id].name.isEmpty ? owners[id] : graph[id].name
      for case .some(let input) in graph[id].inputs where graph[input.node].name.isEmpty { owners[input.node] = name }
    }
    return owners
  }

  /// What follows the weights of the file.
  var weights: [Data] { lowering.weights + inside.flatMap(\.weights) }

  private var weightsEnd: Int { inside.last?.weightsEnd ?? lowering.weightsEnd }

  /// Makes the changes to the XML.
  func apply(to pieces: inout Pieces) throws {
    let layers = source.network.layers
    var additions = insertions()
    for index in layers.indices {
      let range = layers[index].range
      for addition in additions.removeValue(forKey: index) ?? [] { pieces.insert(addition, before: range) }
      if !difference.keptLayers[index] { pieces.remove(range) }
    }
    for (port, names) in renamedPorts where difference.keptLayers[port.layer] {
      pieces.replace(layers[port.layer].outputs[port.output].tag) { IRWriter.tag($0, names: names) }
    }
    guard let layersEnd = source.network.layersEnd else { throw ModelError.invalid("the IR has no <layers>") }
    for addition in additions.values.joined() { pieces.append(addition, atEndOf: layersEnd, like: layers.last?.range) }
    try addEdges(to: &pieces)
    for writer in inside { try writer.apply(to: &pieces) }
  }

  /// New layers by the position of the first layer of the file that needs them; `Int.max` where none does.
  private func insertions() -> [Int: [String]] {
    var place: [Int: Int] = [:]
    for (input, value) in difference.rewired {
      guard let output = output(of: value) else { continue }
      place[output.layer] = min(place[output.layer] ?? .max, input.layer)
    }
    for layer in lowering.layers.reversed() {
      guard let own = place[layer.id] else { continue }
      for input in layer.inputs where lowering.isNew(input) {
        place[input.layer] = min(place[input.layer] ?? .max, own)
      }
    }
    var insertions: [Int: [String]] = [:]
    for layer in lowering.layers {
      insertions[place[layer.id] ?? .max, default: []].append(layer.text(indentation: "\t\t"))
    }
    return insertions
  }

  private func output(of value: Value) -> LayerOutput? {
    lowering.outputs[value] ?? difference.port(of: value).map { source.output($0, type: rewritten.type(of: value)) }
  }

  private func addEdges(to pieces: inout Pieces) throws {
    let layers = source.network.layers
    for (layer, producers) in source.topology.producers.enumerated() {
      for (input, producer) in producers.enumerated() {
        let edge = source.network.edges[producer.edge].range
        if !difference.keptLayers[layer] {
          pieces.remove(edge)
        } else if let value = difference.rewired[.init(layer: layer, input: input)] {
          guard let output = output(of: value) else { throw ModelError.invalid("an edge has lost its origin") }
          let port = layers[layer].inputs[input].id
          pieces.replace(edge) { _ in IRWriter.edge(output, to: layers[layer].id, port) }
        }
      }
    }
    let edges = lowering.layers.flatMap { layer in
      layer.inputs.enumerated().map { IRWriter.edge($1, to: layer.id, $0) }
    }
    guard !edges.isEmpty else { return }
    guard let end = source.network.edgesEnd, let last = source.network.edges.last else {
      throw ModelError.unsupported("an IR without edges can't be given any")
    }
    for edge in edges { pieces.append(edge, atEndOf: end, like: last.range) }
  }

  /// A value that takes another's place takes the names of its tensor, too; results keep theirs in any case.
  private mutating func moveNames(_ original: Graph) {
    for (value, output) in lowering.outputs where lowering.isNew(output) {
      let before = rewritten.replaced[value] ?? value
      guard let port = difference.originalPort(of: before), difference.port(of: before) == nil
      else { continue }
      lowering.setNames(source.names(of: port), of: output)
    }
    for (before, after) in zip(original.outputs, rewritten.outputs) where before.value != after.value {
      guard let port = difference.originalPort(of: before.value), let output = output(of: after.value) else { continue }
      let names = source.names(of: port)
      if difference.port(of: before.value) != nil { renamedPorts[port] = [] }
      if lowering.isNew(output) {
        lowering.setNames(names, of: output)
      } else if let target = difference.port(of: after.value) {
        let own = renamedPorts[target] ?? source.names(of: target)
        renamedPorts[target] = own + names.filter { !own.contains($0) }
      }
    }
  }

  private static func edge(_ output: LayerOutput, to layer: Int, _ port: Int) -> String {
    """
    <edge from-layer="\(output.layer)" from-port="\(output.port)" to-layer="\(layer)" to-port="\(port)" />
    """
  }

  /// The opening tag of a port with other names.
  private static func tag(_ text: String, names: [String]) -> String {
    var tag = text
    if let old = tag.range(of: #"\s+names\s*=\s*("[^"]*"|'[^']*')"#, options: .regularExpression) {
      tag.removeSubrange(old)
    }
    guard !names.isEmpty, let start = tag.range(of: "<port") else { return tag }
    tag.insert(contentsOf: " names=\"\(IRText.list(of: names).escapedForXML)\"", at: start.upperBound)
    return tag
  }
}

extension IRGraph {
  fileprivate func output(_ port: IRTopology.Port, type: TensorType) -> LayerOutput {
    let layer = network.layers[port.layer]
    return LayerOutput(layer: layer.id, port: layer.outputs[port.output].id, type: type)
  }

  fileprivate func names(of port: IRTopology.Port) -> [String] { network.layers[port.layer].outputs[port.output].names }
}
