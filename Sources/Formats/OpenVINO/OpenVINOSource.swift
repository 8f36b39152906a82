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
    throw ModelError.unsupported("no IR is written yet")
  }
}
