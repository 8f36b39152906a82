import Foundation
import Tensors

/// Standard output and standard error, which may be closed, or lead to a full disk.
enum StandardStreams {
  /// Opens what is closed, so that no file that is opened later takes its number and what is printed.
  static func open() {
    var descriptor: Int32
    repeat { descriptor = Foundation.open("/dev/null", O_RDWR) } while (0...STDERR_FILENO).contains(descriptor)
    if descriptor >= 0 { close(descriptor) }
  }

  /// Prints `data` behind what was printed before.
  static func write(_ data: Data) throws {
    try finish()
    do {
      try FileHandle.standardOutput.write(contentsOf: data)
    } catch {
      throw failure
    }
  }

  /// Throws where not all that was printed has arrived.
  static func finish() throws {
    guard fflush(nil) == 0 else { throw failure }
  }

  /// Writes `text` to standard error; where that cannot be written there is no one to tell.
  static func report(_ text: some StringProtocol) {
    try? FileHandle.standardError.write(contentsOf: Data(text.utf8))
  }

  private static var failure: ModelError {
    .notFound("standard output: cannot be written: \(String(cString: strerror(errno)))")
  }
}
