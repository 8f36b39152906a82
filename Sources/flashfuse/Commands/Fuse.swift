import ArgumentParser
import Formats
import Foundation
import Reporting
import Rewriting
import Tensors

struct Fuse: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Fuse a model's attention and write the model back.",
    usage: "flashfuse fuse <MODEL> [--output <OUT>] [<options>]",
    discussion: """
      Everything that no fusion touched is written as it was. An IR is written as OUT.xml with OUT.bin beside it.
      """)

  @OptionGroup var model: ModelArgument
  @OptionGroup var fusion: FusionOptions

  @Option(
    name: .shortAndLong,
    help: ArgumentHelp("Where to write the fused model; nowhere if not given.", valueName: "OUT"))
  var output: String?

  @Option(help: ArgumentHelp("Where to write the decision log.", valueName: "decisions.json"))
  var log: String?

  @Option(
    help: ArgumentHelp(
      "Where to write a report: one HTML file with the graph before and after and every decision.",
      valueName: "out.html"))
  var report: String?

  @Option(
    help: ArgumentHelp(
      """
      How ONNX files spell fused attention: onnx (Attention of opset 23), microsoft (com.microsoft operators) or \
      function (a local function that any runtime can run). By default onnx from opset 23 on, else microsoft.
      """, valueName: "onnx|microsoft|function"))
  var attentionOp: AttentionOperatorArgument?

  @Option(
    name: [.customLong("export-compile-stat"), .customLong("export_compile_stat")],
    help: ArgumentHelp(
      """
      When to add the number of fusions to fusion_result.json in the current folder (below $ASCEND_WORK_PATH where that is \
      set): 0 never, 1 at the end, which is the default, 2 before anything else is written.
      """, valueName: "0|1|2"))
  var exportCompileStat: CompileStatistics?

  @Flag(help: "Print the decision log as JSON.")
  var json = false

  mutating func run() throws {
    let progress = Progress("reading \(model.fileName)")
    defer { progress.finish() }
    let result = try FusedModel(model.model, pipeline: fusion.pipeline(), progress: progress)
    progress.begin("writing")
    if exportCompileStat == .afterFusing { try exportStatistics(result.log) }
    if let output {
      warnOfEnding(output, format: result.document.format)
      let options = WriteOptions(attentionOperator: attentionOp?.value)
      try result.document.write(result.fused, to: output, options: options)
    }
    if let log {
      var file = AtomicOutput()
      try file.add(log, chunks: [try result.log.json(model: model.fileName, format: result.document.format)])
      try file.commit()
    }
    if let report {
      progress.begin("writing the report")
      let page = Report(
        model: model.fileName, format: result.document.format, headline: Explanation(log: result.log).headline,
        before: result.document.graph, after: result.fused, log: result.log)
      var file = AtomicOutput()
      try file.add(report, chunks: [try page.html()])
      try file.commit()
    }
    if exportCompileStat ?? .atExit == .atExit { try exportStatistics(result.log) }
    progress.finish()
    if json {
      try JSONOutput.write(result.log.json(model: model.fileName, format: result.document.format))
    } else {
      print("\(model.fileName.printable): \(Explanation(log: result.log).headline)")
    }
    try StandardStreams.finish()
    // All is written. To take a large model apart would take as long as a pass over it.
    Self.exit()
  }

  /// A model keeps its format, whatever the name it is written to says.
  private func warnOfEnding(_ output: String, format: String) {
    let endings = ["openvino": ["xml"], "onnx": ["onnx", "json"], "json": ["json"]]
    let ending = URL(fileURLWithPath: output).pathExtension.lowercased()
    guard let expected = endings[format], !expected.contains(ending),
      endings.values.contains(where: { $0.contains(ending) })
    else { return }
    let warning = "\(output) is written in the format of \(model.fileName), whatever its name ends in"
    StandardStreams.report("warning: \(warning.printable)\n")
  }

  /// Writes `fusion_result.json`; that it can't be written is an error only where it was asked for.
  private func exportStatistics(_ log: FusionLog) throws {
    do {
      try FusionResultFile().add(log)
    } catch let error as ModelError where exportCompileStat == nil {
      StandardStreams.report("warning: \(error.message.printable)\n")
    }
  }
}

/// `--attention-op` on the command line.
struct AttentionOperatorArgument: ExpressibleByArgument {
  let value: WriteOptions.AttentionOperator

  init?(argument: String) {
    guard let value = WriteOptions.AttentionOperator(rawValue: argument) else { return nil }
    self.value = value
  }

  static var allValueStrings: [String] { WriteOptions.AttentionOperator.allCases.map(\.rawValue) }
}
