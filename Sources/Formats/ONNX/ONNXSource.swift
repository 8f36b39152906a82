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
  /// Whether `model` has the contents of all tensors.
  let isWhole: Bool
  let encoding: Encoding
  let file: ModelFile
  /// The folder that external data is relative to.
  let folder: String
  /// The names of the graph's values.
  let names: ONNXNames

  var format: String { encoding == .json ? "onnx-json" : "onnx" }

  func write(_ rewritten: Graph, of original: Graph, to path: String, options: WriteOptions) throws {
    guard isWhole else {
      let whole = ONNXSource(
        model: try ONNXFormat.wholeModel(in: file), isWhole: true, encoding: encoding, file: file, folder: folder,
        names: names)
      return try whole.write(rewritten, of: original, to: path, options: options)
    }
    let rewrite = try lowered(ONNXRewrite(original: original, rewritten: rewritten, names: names), options)
    let isUnchanged = rewrite.isEmpty
    var output = AtomicOutput()
    do {
      let written = isUnchanged ? model : try ONNXModelWriter.model(self, rewrite)
      // The model comes last: until it is there, nothing refers to what is beside it.
      let locations = try written.externalTensors().map { try ExternalPlace($0.externalData).location }
      try SiblingFiles(folder: folder).copy(locations, toFolderOf: path, output: &output)
      try output.add(path, chunks: [isUnchanged ? file.storage.withBytes { Data($0) } : encoded(written)])
      try output.commit()
    } catch {
      output.discard()
      throw error
    }
  }

  /// The graph in operations that the file can say.
  private func lowered(_ rewrite: ONNXRewrite, _ options: WriteOptions) throws -> ONNXRewrite {
    let version = try ONNXScope.operatorSets(model.opsetImport)[""] ?? 1
    let lowering = AttentionLowering(
      attentionOperator: options.attentionOperator ?? (version >= 23 ? .onnx : .microsoft))
    let lowered = try rewrite.lowered(by: lowering)
    let raised = lowered.rewritten.holdsStandardAttention ? max(version, ONNXUpgrade.target) : version
    return try (raised >= RotaryLowering.version ? lowered.withStandardRotations() : lowered).withDifference()
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
