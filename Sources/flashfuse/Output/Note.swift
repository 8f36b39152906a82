import Foundation

/// What a user should know although nothing failed: a line on standard error.
enum Note {
  static func write(_ text: String) { FileHandle.standardError.write(Data("note: \(text)\n".utf8)) }
}
