import Foundation
import GraphIR
import Tensors

/// An ONNX model as it was read.
struct ONNXSource: ModelSource {
  /// How the message is written in the file.
  enum Encoding: Hashable, Sendable {
    case protobuf
    case json
  }

  let model: Onnx_ModelProto
  let encoding: Encoding
  let file: ModelFile
  /// The folder that external data is relative to.
  let folder: String
  /// The tensor names of the graph's values that have one.
  let names: [Value: String]

  var format: String { encoding == .json ? "onnx-json" : "onnx" }

  func write(_ rewritten: Graph, of original: Graph, to path: String, options: WriteOptions) throws {
    throw ModelError.unsupported("writing")
  }
}
