import ArgumentParser
import Foundation
import Logging
import Rewriting
import Runtime
import Tensors

@main
struct FlashFuse: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "flashfuse",
    abstract: "Finds the attention in a transformer model's graph, fuses it, and says why or why not.",
    discussion: """
      MODEL is OpenVINO IR (.xml with its .bin), ONNX (.onnx, or its JSON form), the JSON of Ascend's atc --mode=1, or \
      flashfuse's graph JSON; the format is told by the file's content.

      Exit codes: 0 done, 1 a comparison failed, 64 usage, 65 bad input file, 66 file not found, 69 unsupported \
      operation, 70 a bug in flashfuse.
      """,
    version: FlashFuseVersion.current,
    subcommands: [Fuse.self, Explain.self, Run.self, Profile.self, Plan.self, Bench.self])

  static func main() {
    // A reader that stops early, as `head` does, is no error of ours to report.
    signal(SIGPIPE, SIG_DFL)
    StandardStreams.open()
    startLogging()
    do {
      try requireText(CommandLine.unsafeArgv, count: Int(CommandLine.argc))
      var command = try parseAsRoot()
      try command.run()
      try StandardStreams.finish()
    } catch {
      exit(with: error)
    }
  }

  /// Throws where an argument is not UTF-8: what is not could only be read as another path.
  private static func requireText(
    _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>, count: Int
  ) throws {
    for index in 0..<count {
      guard let argument = arguments[index], String(validatingCString: argument) == nil else { continue }
      throw ValidationError("'\(String(cString: argument))' is not UTF-8")
    }
  }

  /// Sends log lines to standard error from the level on that `FLASHFUSE_LOG_LEVEL` names; warnings where it names none.
  private static func startLogging() {
    let name = ProcessInfo.processInfo.environment["FLASHFUSE_LOG_LEVEL"] ?? ""
    let level = Logger.Level(rawValue: name.lowercased()) ?? .warning
    LoggingSystem.bootstrap { label in
      var handler = StreamLogHandler.standardError(label: label)
      handler.logLevel = level
      return handler
    }
  }

  /// Ends the process: help goes to standard output, anything else is one line on standard error.
  private static func exit(with error: any Error) -> Never {
    switch error {
    case let error as ModelError:
      fail(error.message, code: error.exitCode)
    case let error as InternalError:
      fail("a bug in flashfuse: \(error)", code: ExitCode.bug)
    case let code as ExitCode:
      Foundation.exit(code.rawValue)
    default:
      break
    }
    let code = exitCode(for: error)
    if code == .success {
      print(fullMessage(for: error))
      Foundation.exit(0)
    }
    if code == .validationFailure {
      let command = CommandLine.arguments.dropFirst().first { !$0.hasPrefix("-") }
      let known = command.flatMap { name in configuration.subcommands.first { $0._commandName == name } }
      if let command, known == nil, command == CommandLine.arguments.dropFirst().first {
        let names = configuration.subcommands.map { $0._commandName }.joined(separator: ", ")
        fail("'\(command)' is no command; there are \(names) (see 'flashfuse --help')", code: code)
      }
      let help = ["flashfuse", known?._commandName, "--help"].compactMap { $0 }.joined(separator: " ")
      fail("\(message(for: error)) (see '\(help)')", code: code)
    }
    fail("a bug in flashfuse: \(error)", code: ExitCode.bug)
  }

  private static func fail(_ message: String, code: ExitCode) -> Never {
    let line = message.split(whereSeparator: \.isNewline).joined(separator: " ").printable
    StandardStreams.report("error: \(line.shortened)\n")
    Foundation.exit(code.rawValue)
  }
}

extension ExitCode {
  static let comparisonFailed = ExitCode(1)
  static let badInput = ExitCode(65)
  static let notFound = ExitCode(66)
  static let unsupported = ExitCode(69)
  static let bug = ExitCode(70)
}

extension ModelError {
  var exitCode: ExitCode {
    switch kind {
    case .invalid: .badInput
    case .unsupported: .unsupported
    case .notFound: .notFound
    }
  }
}
