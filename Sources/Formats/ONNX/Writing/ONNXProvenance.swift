import Foundation
import GraphIR

extension Onnx_StringStringEntryProto {
  /// What a fused node tells about the nodes it replaced, under the keys by which Ascend's profilers and precision tools find
  /// them: the originals' names and types, and the passes that made it, each a JSON list. Empty for a node of the file.
  static func provenance(of origin: Origin) throws -> [Onnx_StringStringEntryProto] {
    let passes = origin.passes.filter { $0.hasSuffix("FusionPass") }
    // Views beside a fused node stand for nothing that was there.
    guard !passes.isEmpty, !origin.sources.isEmpty else { return [] }
    let encoder = JSONEncoder()
    encoder.outputFormatting = .withoutEscapingSlashes
    return try [
      ("_datadump_original_op_names", origin.sources.map(\.name)),
      ("_datadump_original_op_types", origin.sources.map(\.type)), ("pass_name", passes),
    ].map { key, list in
      var entry = Onnx_StringStringEntryProto()
      entry.key = key
      entry.value = String(decoding: try encoder.encode(list), as: UTF8.self)
      return entry
    }
  }
}
