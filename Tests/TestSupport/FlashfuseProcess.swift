import Foundation
import Testing

/// What a run of the `flashfuse` binary ended with.
public struct CommandResult: Sendable {
  /// The exit code; 128 and the signal's number where a signal ended it.
  public let status: Int32
  public let output: String
  public let errors: String
}

/// Runs the `flashfuse` that was built along with the tests.
///
/// Waits on a thread of its own: tests run on few threads, and processes take time.
public func runFlashfuse(_ arguments: [String]) async throws -> CommandResult {
  try await withCheckedThrowingContinuation { continuation in
    Thread.detachNewThread { continuation.resume(with: Result { try runAndWait(arguments) }) }
  }
}

private func runAndWait(_ arguments: [String]) throws -> CommandResult {
  let folder = try TemporaryDirectory()
  let files = try ["output", "errors"].map { name in
    try FileHandle(forWritingTo: URL(fileURLWithPath: folder.write("", to: name)))
  }
  let process = Process()
  process.executableURL = try flashfuseBinary()
  process.arguments = arguments
  process.standardInput = FileHandle.nullDevice
  process.standardOutput = files[0]
  process.standardError = files[1]
  try process.run()
  process.waitUntilExit()
  let isSignal = process.terminationReason == .uncaughtSignal
  return CommandResult(
    status: (isSignal ? 128 : 0) + process.terminationStatus,
    output: try String(contentsOfFile: folder.file("output"), encoding: .utf8),
    errors: try String(contentsOfFile: folder.file("errors"), encoding: .utf8))
}

/// The binary in the folder that the test bundle was built into.
private func flashfuseBinary() throws -> URL {
  let bundle = CommandLine.arguments.first { $0.hasSuffix(".xctest") } ?? CommandLine.arguments[0]
  return try #require(
    sequence(first: URL(fileURLWithPath: bundle)) { $0.path == "/" ? nil : $0.deletingLastPathComponent() }
      .map { $0.appendingPathComponent("flashfuse") }
      .first {
        var isFolder: ObjCBool = false
        return FileManager.default.fileExists(atPath: $0.path, isDirectory: &isFolder) && !isFolder.boolValue
      })
}

/// Expects that `flashfuse` refuses with `status` and one line that contains `message`.
public func expectRefusal(
  _ result: CommandResult, status: Int32, _ message: String, _ comment: Comment? = nil,
  sourceLocation: SourceLocation = #_sourceLocation
) {
  #expect(result.status == status, comment, sourceLocation: sourceLocation)
  #expect(result.errors.contains(message), comment, sourceLocation: sourceLocation)
  #expect(
    result.errors.hasPrefix("error: ") && result.errors.count { $0 == "\n" } == 1 && result.errors.hasSuffix("\n"),
    comment, sourceLocation: sourceLocation)
}
