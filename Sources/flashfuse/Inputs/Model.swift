import ArgumentParser
import Formats
import Foundation
import Fusion
import GraphIR
import Rewriting

/// The model that a command is about.
struct ModelArgument: ParsableArguments {
  @Argument(help: ArgumentHelp("The model file.", valueName: "MODEL"))
  var model: String

  /// The name of the file, without its folder.
  var fileName: String { URL(fileURLWithPath: model).lastPathComponent }
}

/// A model and what fusion makes of it.
struct FusedModel {
  let document: Document
  let fused: Graph
  let log: FusionLog

  /// Reads the model at `path` and runs `pipeline` on it; where `fuses` is false its graph stays as it is, and nothing is
  /// decided.
  init(_ path: String, fuses: Bool = true, pipeline: FusionPipeline = .standard, progress: Progress) throws {
    document = try Document.read(path: path)
    var graph = document.graph
    if fuses { progress.begin("fusing, \(graph.nodeCount) nodes") }
    var log = fuses ? try pipeline.run(on: &graph) : FusionLog()
    var remarks: [String: String] = [:]
    for node in graph.nodes {
      if let remark = document.remark(on: node.id, in: graph) { remarks[node.name] = remark }
    }
    log.add(remarks)
    self.log = log
    fused = graph
  }
}
