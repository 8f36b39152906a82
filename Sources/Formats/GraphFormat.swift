import Foundation
import Tensors

/// A file format that models are read from.
package protocol GraphFormat: Sendable {
  /// What the format is called where a file fits none: `OpenVINO IR (XML)`.
  static var name: String { get }

  /// Whether `file` looks like this format, judged by what it holds and never by its name.
  ///
  /// Formats are asked in the order of `Document.formats`; the first that says yes reads the file.
  static func recognises(_ file: ModelFile) -> Bool

  /// Throws `ModelError` where the file turns out not to be what it looked like.
  static func read(_ file: ModelFile) throws -> Document
}

/// A model file: where it is, and its bytes.
package struct ModelFile: Sendable {
  package let path: String
  package let storage: TensorStorage

  /// Maps the file at `path`.
  package init(path: String) throws {
    self.path = path
    storage = try TensorStorage(mappingFileAt: path)
  }

  /// The first `count` bytes, or all where there are fewer.
  package func prefix(_ count: Int) -> [UInt8] { storage.withBytes { Array($0.prefix(count)) } }

  /// The first byte that is neither white space nor part of a byte-order mark: `<` of XML, `{` of JSON.
  package var firstSignificantByte: UInt8? {
    storage.withBytes { bytes in
      var start = bytes[...]
      if start.starts(with: [0xEF, 0xBB, 0xBF]) { start = start.dropFirst(3) }
      return start.first { ![0x20, 0x09, 0x0A, 0x0D].contains($0) }
    }
  }
}
