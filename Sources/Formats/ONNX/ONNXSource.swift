import Foundation
import GraphIR
import Operations
import SwiftProtobuf
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
    let (rewritten, difference) = try lowered(rewritten, of: original, options)
    var output = AtomicOutput()
    do {
      let written =
        difference.isEmpty ? model : try ONNXModelWriter(self, original: original).model(rewritten, difference)
      // The model comes last: until it is there, nothing refers to what is beside it.
      let locations = try written.externalTensors().map { try ExternalPlace($0.externalData).location }
      try SiblingFiles(folder: folder).copy(locations, toFolderOf: path, output: &output)
      try output.add(path, chunks: [difference.isEmpty ? file.storage.withBytes { Data($0) } : encoded(written)])
      try output.commit()
    } catch {
      output.discard()
      throw error
    }
  }

  /// The graph in operations that the file can say, and how it differs from what the file says.
  private func lowered(
    _ rewritten: Graph, of original: Graph, _ options: WriteOptions
  ) throws -> (Graph, RewriteDifference) {
    let isNamed = { (value: Value) in names[value] != nil }
    let difference = RewriteDifference(from: original, to: rewritten, isNamed: isNamed)
    let attention = difference.additions.map(\.node).filter { $0.operation is FlashAttention }
    guard !attention.isEmpty else { return (rewritten, difference) }
    let version = try ONNXScope.operatorSets(model.opsetImport)[""] ?? 1
    let lowering = AttentionLowering(
      attentionOperator: options.attentionOperator ?? (version >= 23 ? .onnx : .microsoft))
    let lowered = try lowering.lower(attention.map(\.id), in: rewritten)
    return (lowered, RewriteDifference(from: original, to: lowered, isNamed: isNamed))
  }

  private func encoded(_ model: Onnx_ModelProto) throws -> Data {
    do {
      switch encoding {
      case .protobuf: return try model.serializedData()
      case .json: return try model.jsonUTF8Data()
      }
    } catch {
      throw ModelError.unsupported("the model can't be written: \(error) (protobuf messages hold 2 GB at most)")
    }
  }
}
