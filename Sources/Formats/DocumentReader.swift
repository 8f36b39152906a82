import Tensors

extension Document {
  /// The formats that `read` knows, the easiest to mistake for another last.
  static let formats: [any GraphFormat.Type] = [
    OpenVINOFormat.self,
    ONNXJSONFormat.self,
    ONNXFormat.self,
    GEGraphFormat.self,
    JSONGraphFormat.self,
  ]

  /// Reads the model at `path`, whose format is told by its content.
  ///
  /// Throws `ModelError.notFound` where there is no such file, and `.invalid`, with the path and what is wrong, where it is no model.
  public static func read(path: String) throws -> Document {
    let file = try ModelFile(path: path)
    guard file.storage.byteCount > 0 else { throw ModelError.invalid("\(path): the file is empty") }
    guard let format = formats.first(where: { $0.recognises(file) }) else {
      let names = formats.map { $0.name }.joined(separator: ", ")
      throw ModelError.invalid("\(path): no model; what can be read: \(names)")
    }
    return try locating(path) { try format.read(file) }
  }
}
