import GraphIR

extension Onnx_StringStringEntryProto {
  /// What a fused node tells about the nodes it replaced. Empty for a node of the file.
  static func provenance(of origin: Origin) -> [Onnx_StringStringEntryProto] {
    Provenance.texts(origin).map { key, text in
      var entry = Onnx_StringStringEntryProto()
      entry.key = key
      entry.value = text
      return entry
    }
  }
}

extension Onnx_NodeProto {
  /// What an earlier fusion said of the node.
  var history: FusionHistory? {
    if metadataProps.isEmpty { return nil }
    return Provenance.history(texts: Dictionary(metadataProps.map { ($0.key, $0.value) }) { first, _ in first })
  }
}
