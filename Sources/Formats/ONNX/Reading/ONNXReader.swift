import Foundation
import GraphIR
import Tensors

/// Makes documents of decoded ONNX models.
enum ONNXReader {
  static func document(of model: Onnx_ModelProto, file: ModelFile, encoding: ONNXSource.Encoding) throws -> Document {
    let folder = (file.path as NSString).deletingLastPathComponent
    var importer = try ONNXImporter(model, folder: folder)
    try importer.run()
    let source = ONNXSource(model: model, encoding: encoding, file: file, folder: folder, names: importer.names)
    return Document(graph: importer.graph, source: source)
  }
}
