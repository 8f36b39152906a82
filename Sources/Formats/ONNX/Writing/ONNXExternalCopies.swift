import Foundation
import Tensors

/// The files of external data that a model names.
enum ONNXExternalCopies {
  /// Adds to `output` copies of the files that `model`, read from `source`, keeps its tensors in, for a model written to `target`.
  ///
  /// Nothing is copied where both are the same folder.
  static func add(
    of model: Onnx_ModelProto, from source: String, to target: String, output: inout AtomicOutput
  ) throws {
    let locations = Set(try model.externalTensors().map { try ExternalPlace($0.externalData).location })
    guard !locations.isEmpty, !isSame(source, target) else { return }
    let files = ExternalFiles(folder: source)
    for location in locations.sorted() {
      let original = try files.path(of: location)
      let copy = "\(target.isEmpty ? "." : target)/\(location)"
      let folder = (copy as NSString).deletingLastPathComponent
      do {
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        try output.add(copy) { try FileManager.default.copyItem(atPath: original, toPath: $0) }
      } catch let error as ModelError {
        throw error
      } catch {
        throw ModelError.notFound("\(copy): cannot be written: \(error.localizedDescription)")
      }
    }
  }

  private static func isSame(_ first: String, _ second: String) -> Bool {
    func resolved(_ path: String) -> String {
      URL(fileURLWithPath: path.isEmpty ? "." : path).resolvingSymlinksInPath().path
    }
    return resolved(first) == resolved(second)
  }
}

extension Onnx_ModelProto {
  /// Every tensor, wherever in the model, whose bytes are in another file.
  func externalTensors() throws -> [Onnx_TensorProto] {
    graph.externalTensors() + functions.flatMap { $0.node.flatMap { $0.externalTensors() } }
  }
}

extension Onnx_GraphProto {
  fileprivate func externalTensors() -> [Onnx_TensorProto] {
    initializer.filter { $0.dataLocation == .external }
      + sparseInitializer.flatMap { [$0.values, $0.indices] }.filter { $0.dataLocation == .external }
      + node.flatMap { $0.externalTensors() }
  }
}

extension Onnx_NodeProto {
  fileprivate func externalTensors() -> [Onnx_TensorProto] {
    attribute.flatMap { attribute in
      (attribute.hasT ? [attribute.t] : []) + attribute.tensors
    }.filter { $0.dataLocation == .external } + subgraphs.flatMap { $0.externalTensors() }
  }
}
