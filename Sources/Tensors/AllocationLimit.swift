import Foundation

/// How many bytes a single tensor may take in the code that a task runs.
///
/// What an operation allocates follows from sizes in a file, which may say anything: a run sets this to its memory limit, so that what
/// does not fit is an error before memory is touched.
package enum AllocationLimit {
  @TaskLocal package static var byteCount = machineMemory

  /// As much memory as this machine has.
  package static let machineMemory = Int(clamping: ProcessInfo.processInfo.physicalMemory)

  /// Throws `ModelError.unsupported` where `byteCount` bytes are more than the limit.
  package static func check(_ byteCount: Int) throws {
    guard byteCount > self.byteCount else { return }
    throw ModelError.unsupported(
      "needs \(byteCount) bytes for a value, more than the memory limit of \(self.byteCount)")
  }
}
