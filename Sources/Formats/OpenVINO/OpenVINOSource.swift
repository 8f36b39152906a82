import Foundation
import GraphIR
import Tensors

/// An IR as it was read: its text and weights untouched, and which value of the graph each port is.
struct OpenVINOSource: ModelSource {
  let text: TensorStorage
  /// Nil where there is no `.bin` file, because no layer needs one.
  let weights: TensorStorage?
  let network: IRNetwork
  let topology: IRTopology
  /// The value of every output port, by layer.
  let values: [[Value]]

  var format: String { "openvino" }

  func write(_ rewritten: Graph, of original: Graph, to path: String, options: WriteOptions) throws {
    var target = rewritten
    var difference = IRDifference(self, from: original, to: target)
    try ScaledDotProductAttentionForm.run(on: &target, nodes: difference.additions)
    difference = IRDifference(self, from: original, to: target)
    let writer = try IRWriter(self, difference, original: original, rewritten: target)
    var output = AtomicOutput()
    do {
      let weights = try weightPieces(writer.weights)
      // Weights only ever grow at the end, so that the old text goes with the new weights, too.
      try output.add(IRWeights.path(beside: path), chunks: weights)
      try output.add(path, chunks: try writer.text())
      try output.commit()
    } catch {
      output.discard()
      throw error
    }
  }

  private func weightPieces(_ additions: [Data]) throws -> [Data] {
    guard let weights else { return additions }
    return [weights.withBytes { Data($0) }] + additions
  }
}
