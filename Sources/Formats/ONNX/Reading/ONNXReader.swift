import Foundation
import GraphIR
import Tensors

/// Makes documents of decoded ONNX models.
enum ONNXReader {
  /// - Parameter contents: Those that `model` was read without.
  static func document(
    of model: Onnx_ModelProto, contents: ONNXContents = ONNXContents(), file: ModelFile, encoding: ONNXSource.Encoding
  ) throws -> Document {
    let folder = SiblingFiles.folder(of: file.path)
    var importer = try ONNXImporter(model, contents: contents, folder: folder)
    try importer.run()
    let source = ONNXSource(
      model: model, isWhole: contents.isEmpty, encoding: encoding, file: file, folder: folder, names: importer.names)
    return Document(graph: importer.graph, source: source)
  }
}
