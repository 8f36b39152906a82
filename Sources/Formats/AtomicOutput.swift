import Foundation
import Tensors

/// Files that appear all at once: each is written beside its place and moved there when all are complete.
package struct AtomicOutput {
  private var pending: [(temporary: String, final: String)] = []

  package init() {}

  /// Writes `chunks`, one after the other, to a temporary file that `commit` moves to `path`.
  package mutating func add(_ path: String, chunks: [Data]) throws {
    let temporary = "\(path).\(ProcessInfo.processInfo.processIdentifier).\(pending.count).tmp"
    let descriptor = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o644)
    guard descriptor >= 0 else { throw Self.failure(path) }
    pending.append((temporary, path))
    let file = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
    do {
      for chunk in chunks { try file.write(contentsOf: chunk) }
      try file.synchronize()
      try file.close()
    } catch {
      discard()
      throw ModelError.notFound("\(path): cannot be written: \(error.localizedDescription)")
    }
  }

  /// Moves every file to its place, in the order they were added.
  package mutating func commit() throws {
    for (temporary, final) in pending {
      guard rename(temporary, final) == 0 else {
        let failure = Self.failure(final)
        discard()
        throw failure
      }
    }
    pending = []
  }

  /// Removes what was written and not committed.
  package mutating func discard() {
    for (temporary, _) in pending { unlink(temporary) }
    pending = []
  }

  private static func failure(_ path: String) -> ModelError {
    .notFound("\(path): cannot be written: \(String(cString: strerror(errno)))")
  }
}
