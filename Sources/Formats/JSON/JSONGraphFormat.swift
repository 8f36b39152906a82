import GraphIR
import Operations
import Tensors

/// flashfuse's own graphs in JSON, written by hand; `docs/formats.md` and `docs/graph.schema.json` describe them.
package enum JSONGraphFormat: GraphFormat {
  package static let name = "flashfuse graph (JSON)"

  /// Any JSON object: formats with keys of their own are asked before.
  package static func recognises(_ file: ModelFile) -> Bool { file.firstSignificantByte == UInt8(ascii: "{") }

  package static func read(_ file: ModelFile) throws -> Document {
    let (bytes, isText) = file.storage.withBytes { bytes in
      let text = bytes.starts(with: [0xEF, 0xBB, 0xBF]) ? bytes.dropFirst(3) : bytes[...]
      return (Array(text), String(validating: text, as: UTF8.self) != nil)
    }
    try require(isText, "malformed JSON: it is not UTF-8")
    try Version(json: bytes).check()
    let description = try JSONGraph(json: bytes)
    let layout = try JSONLayout(of: bytes)
    var builder = JSONGraphBuilder(description, path: file.path, registry: StandardOperations.registry)
    try builder.build()
    let source = JSONSource(
      path: file.path, bytes: bytes, layout: layout, description: description, names: builder.names)
    return Document(graph: builder.graph, source: source)
  }

  /// Read first, so that another kind of JSON is told so instead of what it lacks.
  private struct Version: Decodable {
    let flashfuse: JSONValue?

    func check() throws {
      guard let flashfuse else {
        throw ModelError.invalid("no model: this JSON has neither 'flashfuse', as flashfuse's graphs do, nor 'opsetImport', as ONNX does")
      }
      guard flashfuse == .integer(JSONGraph.version) else {
        throw ModelError.invalid("'flashfuse' is \(flashfuse.summary); the version read here is \(JSONGraph.version)")
      }
    }
  }
}
