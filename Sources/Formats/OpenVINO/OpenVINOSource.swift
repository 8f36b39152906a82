import Foundation
import GraphIR
import Tensors

/// An IR as it was read: its text and weights untouched, and which value of the graph each port is.
struct OpenVINOSource: ModelSource {
  let text: TensorStorage
  /// Nil where there is no `.bin` file, because no layer needs one.
  let weights: TensorStorage?
  let graph: IRGraph

  var format: String { "openvino" }

  func remark(on node: Node) -> String? { ScaledDotProductAttentionForm.objection(to: node) }

  func write(_ rewritten: Graph, of original: Graph, to path: String, options: WriteOptions) throws {
    let rewrite = try IRRewrite(source: graph, original: original, rewritten: rewritten).lowered()
    let writer = try IRWriter(text, rewrite, weightsEnd: weights?.byteCount ?? 0)
    var output = AtomicOutput()
    do {
      var pieces = Pieces(text)
      try writer.apply(to: &pieces)
      // Weights only ever grow at the end, so that the old text goes with the new weights, too.
      try output.add(IRWeights.path(beside: path), chunks: try weightPieces(writer.weights))
      try output.add(path, chunks: pieces.finish())
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
