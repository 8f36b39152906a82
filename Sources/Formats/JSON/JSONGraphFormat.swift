import GraphIR
import Operations
import Tensors

/// flashfuse's own graphs in JSON, written by hand; `docs/formats.md` and `docs/graph.schema.json` describe them.
package enum JSONGraphFormat: GraphFormat {
  package static let name = "flashfuse graph (JSON)"

  /// Any JSON object: formats with keys of their own are asked before.
  package static func recognises(_ file: ModelFile) -> Bool { file.firstSignificantByte == UInt8(ascii: "{") }

  package static func read(_ file: ModelFile) throws -> Document {
    let bytes = file.storage.withBytes { bytes in
      Array(bytes.starts(with: [0xEF, 0xBB, 0xBF]) ? bytes.dropFirst(3) : bytes[...])
    }
    let description = try JSONGraph(JSONField(JSONValue(parsing: bytes)))
    let layout = try JSONLayout(of: bytes)
    var builder = JSONGraphBuilder(description, path: file.path, registry: StandardOperations.registry)
    try builder.build()
    let source = JSONSource(
      path: file.path, bytes: bytes, layout: layout, description: description, names: builder.names)
    return Document(graph: builder.graph, source: source)
  }
}
