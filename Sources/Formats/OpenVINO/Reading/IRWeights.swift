import Foundation
import Tensors

/// The `.bin` file beside an IR: mapped into memory when the first constant asks for it.
struct IRWeights {
  let path: String
  private(set) var storage: TensorStorage?

  /// - Parameter model: the path of the XML file.
  init(beside model: String) { path = IRWeights.path(beside: model) }

  /// The same path with `.bin` for its extension.
  static func path(beside model: String) -> String {
    let stem = model.hasSuffix(".xml") ? String(model.dropLast(4)) : model
    return stem + ".bin"
  }

  /// What a Const layer holds; nil where its element type is one that flashfuse does not have.
  mutating func tensor(of layer: IRLayer) throws -> Tensor? {
    let text = try layer.data.required("element_type", of: "data")
    let element = try IRText.element(text)
    let shape = try IRText.sizes(try layer.data.required("shape", of: "data"))
    let offset = try layer.data.requiredInteger("offset", of: "data")
    let size = try layer.data.requiredInteger("size", of: "data")
    let count = try Tensor.elementCount(of: shape, element: element)
    try require(offset >= 0 && size >= 0, "offset \(offset) and size \(size) must not be negative")
    if element != .unknown {
      let bytes = element.byteCount(of: count)
      // OpenVINO writes one byte for a constant without elements.
      try require(
        size == bytes || (bytes == 0 && size == 1), "size is \(size), but \(text)\(shape) has \(bytes) bytes")
    }
    if count == 0 && element != .unknown { return try Tensor(element: element, shape: shape) { _ in } }
    let storage = try mapped()
    guard offset <= storage.byteCount, size <= storage.byteCount - offset else {
      throw ModelError.invalid(
        "\(size) bytes at offset \(offset) are needed, but \(path) has \(storage.byteCount): it is cut off or belongs to another model"
      )
    }
    guard element != .unknown else { return nil }
    return try Tensor(element: element, shape: shape, storage: storage, byteOffset: offset)
  }

  /// Maps the file where there is one, whether or not anything is in it.
  mutating func mapIfPresent() throws {
    if storage == nil, FileManager.default.fileExists(atPath: path) { _ = try mapped() }
  }

  private mutating func mapped() throws -> TensorStorage {
    if let storage { return storage }
    let mapped = try locating("the model's weights are missing") { try TensorStorage(mappingFileAt: path) }
    storage = mapped
    return mapped
  }
}
