import ArgumentParser
import Foundation
import Rewriting
import Tensors

/// When `fusion_result.json` is written: the values of the option `--export_compile_stat` of Ascend's graph engine.
enum CompileStatistics: Int, ExpressibleByArgument, CaseIterable {
  case never = 0
  /// When the command has done its work.
  case atExit = 1
  /// As soon as the graph is fused, whatever comes after.
  case afterFusing = 2
}

/// The `fusion_result.json` of Ascend's graph engine, to which every fused graph adds an entry.
struct FusionResultFile {
  private let folder: String

  /// The file of this process: in the current folder, or where `ASCEND_WORK_PATH` is set in `FE/<process>` below it.
  init() {
    if let root = ProcessInfo.processInfo.environment["ASCEND_WORK_PATH"], !root.isEmpty {
      folder = "\(root)/FE/\(ProcessInfo.processInfo.processIdentifier)"
    } else {
      folder = "."
    }
  }

  /// Adds the counts of `log`; what other graphs have in the file stays.
  func add(_ log: FusionLog) throws {
    let name = "fusion_result.json"
    let path = folder == "." ? name : "\(folder)/\(name)"
    do {
      try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    } catch {
      throw ModelError.notFound("\(folder): the folder cannot be made")
    }
    // Two processes that fuse in one folder would each lose what the other added.
    let lock = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    if lock >= 0 { flock(lock, LOCK_EX) }
    defer { if lock >= 0 { close(lock) } }
    var statistics = FusionStatistics()
    if FileManager.default.fileExists(atPath: path) {
      guard let contents = FileManager.default.contents(atPath: path) else {
        throw ModelError.notFound("\(path): cannot be read")
      }
      statistics = try locating(path) { try FusionStatistics(parsing: contents) }
    }
    statistics.add(log)
    var file = AtomicOutput()
    try file.add(path, chunks: [try statistics.json()])
    try file.commit()
  }
}
