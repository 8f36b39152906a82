import Foundation
import Tensors

/// Files that a model names and that are in its folder or below, each mapped once.
package struct SiblingFiles {
  private let folder: String
  private var mapped: [String: TensorStorage] = [:]

  /// - Parameter folder: the model's folder; empty for the working directory.
  package init(folder: String) { self.folder = folder.isEmpty ? "." : folder }

  /// - Parameter modelPath: the model's path; its folder is that of the files.
  package init(of modelPath: String) { self.init(folder: Self.folder(of: modelPath)) }

  /// What stands before the last `/` of a path; empty where there is none.
  package static func folder(of path: String) -> String {
    guard let slash = path.utf8.lastIndex(of: UInt8(ascii: "/")) else { return "" }
    return slash == path.startIndex ? "/" : String(path[..<slash])
  }

  /// The bytes of the file called `name`.
  package mutating func storage(_ name: String) throws -> TensorStorage {
    if let known = mapped[name] { return known }
    let storage = try TensorStorage(mappingFileAt: try path(of: name))
    mapped[name] = storage
    return storage
  }

  /// The path of the file called `name`, which neither that name nor a symbolic link may lead out of the folder.
  package func path(of name: String) throws -> String {
    let parts = name.split(separator: "/", omittingEmptySubsequences: false)
    guard !name.isEmpty, !name.hasPrefix("/"), !name.contains("\\"), !name.contains("\0"), !parts.contains("..") else {
      throw ModelError.invalid("the file '\(name.prefix(80))' is not inside the model's folder")
    }
    guard let root = Self.resolved(folder), let path = Self.resolved("\(folder)/\(name)") else {
      throw ModelError.notFound("the file '\(name.prefix(80))': \(String(cString: strerror(errno)))")
    }
    guard path.hasPrefix(root.hasSuffix("/") ? root : root + "/") else {
      throw ModelError.invalid("the file '\(name.prefix(80))' is a link that leaves the model's folder")
    }
    return path
  }

  private static func resolved(_ path: String) -> String? {
    guard let resolved = realpath(path, nil) else { return nil }
    defer { free(resolved) }
    return String(cString: resolved)
  }

  /// Adds to `output` copies of the files called `names` for a model written to `target`; none where that is the same folder.
  package func copy(_ names: some Sequence<String>, toFolderOf target: String, output: inout AtomicOutput) throws {
    let folder = SiblingFiles(of: target).folder
    guard let other = Self.resolved(folder) else {
      throw ModelError.notFound("\(target): cannot be written: \(String(cString: strerror(errno)))")
    }
    if other == Self.resolved(self.folder) { return }
    for name in Set(names).sorted() {
      let original = try path(of: name)
      let copy = "\(folder)/\(name)"
      do {
        try FileManager.default.createDirectory(
          atPath: Self.folder(of: copy), withIntermediateDirectories: true)
        try output.add(copy) { try FileManager.default.copyItem(atPath: original, toPath: $0) }
      } catch let error as ModelError {
        throw error
      } catch {
        throw ModelError.notFound("\(copy): cannot be written: \(error.localizedDescription)")
      }
    }
  }
}
