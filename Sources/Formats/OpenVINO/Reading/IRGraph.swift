import GraphIR
import Tensors

/// A graph of an IR, the model's or one inside a layer, and what its parts were read as.
struct IRGraph: Sendable {
  let network: IRNetwork
  let topology: IRTopology
  /// The value of every output port, by layer.
  var values: [[Value]]
  /// The Result layer of every output of the graph, by position; nil for one that the file does not have.
  var results: [Int?] = []
  /// For nodes that run graphs of their own, these.
  var inside: [NodeID: [IRGraph]] = [:]

  init(_ network: IRNetwork) throws {
    self.network = network
    try require(network.layersEnd != nil, "the IR has no <layers>")
    topology = try IRTopology(network)
    values = Array(repeating: [], count: network.layers.count)
  }

  /// The position of the layer `id` of the type `type`.
  func position(of id: Int, _ type: String) throws -> Int {
    guard let index = network.layers.firstIndex(where: { $0.id == id && $0.type == type }) else {
      throw ModelError.invalid("there is no \(type) with the id \(id) in the body")
    }
    return index
  }
}
