import Foundation
import GraphIR
import Tensors

/// The graphs that `atc --mode=1` of Ascend's graph engine prints as JSON: all of a model but its weights.
package enum GEGraphFormat: GraphFormat {
  package static let name = "graph of Ascend's graph engine (JSON)"

  /// An object with a list of graphs; flashfuse's own and ONNX's have other keys.
  package static func recognises(_ file: ModelFile) -> Bool {
    guard file.firstSignificantByte == UInt8(ascii: "{") else { return false }
    return file.storage.withBytes { bytes in
      var hasGraph = false
      for key in TopLevelKeys(of: bytes) {
        if ["flashfuse", "irVersion", "ir_version", "opsetImport", "opset_import"].contains(key) { return false }
        hasGraph = hasGraph || key == "graph"
      }
      return hasGraph
    }
  }

  package static func read(_ file: ModelFile) throws -> Document {
    let bytes = file.storage.withBytes { bytes in
      Array(bytes.starts(with: [0xEF, 0xBB, 0xBF]) ? bytes.dropFirst(3) : bytes[...])
    }
    let graphs = try JSONField(JSONValue(parsing: bytes)).required("graph").list()
    guard let main = graphs.first else { throw ModelError.invalid("'graph' is empty") }
    let description = try GEGraph(main)
    var importer = GEImporter(description)
    try importer.run()
    let source = try GESource(bytes: bytes, description: description, names: importer.names, weights: importer.weights)
    return Document(graph: importer.graph, source: source)
  }
}
