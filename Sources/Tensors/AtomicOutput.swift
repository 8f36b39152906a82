import Foundation

/// Files that appear all at once: each is written beside its place and moved there when all are complete.
///
/// What is not a regular file (`/dev/stdout`, a pipe) is written to directly.
package struct AtomicOutput: Sendable {
  private var pending: [(temporary: String, final: String)] = []

  package init() {}

  /// Writes `chunks`, one after the other, to a temporary file that `commit` moves to `path`.
  package mutating func add(_ path: String, chunks: [Data]) throws {
    let final = Self.resolvingLinks(path)
    let isDirect = Self.isSpecial(final)
    let temporary = isDirect ? final : temporaryPath(for: final)
    let descriptor = open(temporary, O_WRONLY | O_CLOEXEC | (isDirect ? 0 : O_CREAT | O_EXCL), 0o644)
    guard descriptor >= 0 else { throw Self.failure(path) }
    if !isDirect { pending.append((temporary, final)) }
    let file = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
    do {
      for chunk in chunks { try file.write(contentsOf: chunk) }
      if !isDirect { try file.synchronize() }
      try file.close()
    } catch {
      discard()
      throw ModelError.notFound("\(path): cannot be written: \(error.localizedDescription)")
    }
  }

  /// Calls `write` with the path of a new temporary file that `commit` moves to `path`.
  package mutating func add(_ path: String, writtenBy write: (String) throws -> Void) throws {
    let final = Self.resolvingLinks(path)
    guard !Self.isSpecial(final) else { throw ModelError.notFound("\(path): not a regular file") }
    let temporary = temporaryPath(for: final)
    pending.append((temporary, final))
    do {
      try write(temporary)
    } catch {
      discard()
      throw error
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

  private func temporaryPath(for path: String) -> String {
    "\(path).\(ProcessInfo.processInfo.processIdentifier).\(pending.count).tmp"
  }

  /// The file a link leads to: the link is to stay one.
  private static func resolvingLinks(_ path: String) -> String {
    guard let resolved = realpath(path, nil) else { return path }
    defer { free(resolved) }
    return String(cString: resolved)
  }

  private static func isSpecial(_ path: String) -> Bool {
    var status = stat()
    return stat(path, &status) == 0 && status.st_mode & S_IFMT != S_IFREG
  }

  private static func failure(_ path: String) -> ModelError {
    .notFound("\(path): cannot be written: \(String(cString: strerror(errno)))")
  }
}
