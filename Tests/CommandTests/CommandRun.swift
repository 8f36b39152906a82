import Foundation
import TestSupport

/// The flashfuse executable run as a process of its own.
struct CommandRun {
  let status: Int32
  let output: String
  let errors: String

  /// Runs the executable that was built beside the tests, in `folder` or one of its own.
  init(_ arguments: String..., in folder: TemporaryDirectory? = nil, environment: [String: String] = [:]) throws {
    try self.init(arguments, in: folder, environment: environment)
  }

  init(_ arguments: [String], in folder: TemporaryDirectory? = nil, environment: [String: String] = [:]) throws {
    let process = Process()
    let folder = try folder ?? TemporaryDirectory()
    defer { withExtendedLifetime(folder) {} }
    process.executableURL = try Self.executable()
    process.currentDirectoryURL = URL(fileURLWithPath: folder.path)
    process.arguments = arguments
    process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
    let (output, errors) = (Pipe(), Pipe())
    process.standardOutput = output
    process.standardError = errors
    try process.run()
    // Standard error is a line or two, so it can't fill its pipe while the other is read.
    self.output = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    self.errors = String(decoding: errors.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    process.waitUntilExit()
    status = process.terminationStatus
  }

  /// Whether all that was said on standard error is one line that begins with `error: `.
  var saysOneError: Bool {
    errors.hasPrefix("error: ") && errors.hasSuffix("\n") && errors.count { $0 == "\n" } == 1
  }

  /// The lines of standard output.
  var lines: [Substring] { output.split(separator: "\n", omittingEmptySubsequences: false) }

  static func executable() throws -> URL {
    // The tests' own executable lies in the folder of the build, or below it in a bundle.
    var folder = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()
    for candidate in [folder, URL(fileURLWithPath: CommandLine.arguments[0])] {
      folder = candidate
      for _ in 0..<5 {
        folder.deleteLastPathComponent()
        let path = folder.appendingPathComponent("flashfuse")
        var isFolder: ObjCBool = false
        if FileManager.default.fileExists(atPath: path.path, isDirectory: &isFolder), !isFolder.boolValue {
          return path
        }
      }
    }
    throw CocoaError(.fileNoSuchFile)
  }
}

/// A model of `graphs/`.
func graph(_ name: String) -> String { "\(packageDirectory)/graphs/\(name)" }

/// All models of `graphs/` that were exported.
let exportedModels = [
  "bert.xml", "classifier-ir.xml", "classifier.onnx", "gpt2.onnx", "llama.onnx", "vit-attention.onnx",
]
