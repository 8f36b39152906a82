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

  func remark(on id: NodeID, in graph: Graph) -> String? { ScaledDotProductAttentionForm.objection(to: id, in: graph) }

  func write(_ rewritten: Graph, of original: Graph, to path: String, options: WriteOptions) throws {
    let rewrite = try IRRewrite(source: graph, original: original, rewritten: rewritten).lowered()
    let writer = try IRWriter(text, rewrite, weightsEnd: weights?.byteCount ?? 0)
    var (binary, xml) = (AtomicOutput(), AtomicOutput())
    // While the weights are written, the text is put together.
    let outcome = concurrently {
      var output = AtomicOutput()
      let path = IRWeights.path(beside: path)
      guard let weights else {
        try output.add(path, chunks: writer.weights)
        return output
      }
      try weights.withData { try output.add(path, chunks: [$0] + writer.weights) }
      return output
    } _: {
      var output = AtomicOutput()
      var pieces = Pieces(text)
      try writer.apply(to: &pieces)
      try output.add(path, chunks: pieces.finish())
      return output
    }
    defer {
      binary.discard()
      xml.discard()
    }
    if case .success(let output) = outcome.0 { binary = output }
    if case .success(let output) = outcome.1 { xml = output }
    _ = (try outcome.0.get(), try outcome.1.get())
    // Weights only ever grow at the end, so that the old text goes with the new weights, too.
    try binary.commit()
    try xml.commit()
  }
}
