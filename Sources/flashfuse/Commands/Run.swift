import ArgumentParser
import Foundation
import GraphIR
import Reporting
import Rewriting
import Runtime
import Tensors

struct Run: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Run a model, fused or as it is, and compare the two.",
    discussion: """
      The comparison also runs the unfused model in 64 bits, and compares with the arrays of --inputs that are named \
      like outputs. It passes when every error is within the tolerance, times the largest magnitude of the output or 1 \
      where that is less; exit code 1 says that it did not.
      """)

  @OptionGroup var model: ModelArgument
  @OptionGroup var fusion: FusionOptions
  @OptionGroup var inputs: InputOptions

  @Option(help: ArgumentHelp("Where to write the outputs, under their names.", valueName: "out.npz"))
  var outputs: String?

  @Flag(help: "Run the model as it is.")
  var noFuse = false

  @Flag(help: "Run the model fused, unfused and in 64 bits, and compare.")
  var compare = false

  @Option(
    help: "The tolerance of the comparison; by default 2e-4, 5e-3 for f16, 4e-2 for bf16 and 1e-9 for f64 outputs.")
  var tolerance: Double?

  @Option(
    help: ArgumentHelp(
      "Where to write a trace of the run, with a slice for every step, for Perfetto.", valueName: "trace.json"))
  var trace: String?

  @OptionGroup var options: RunOptions

  @Flag(help: "Print figures as JSON.")
  var json = false

  func validate() throws {
    if noFuse && compare { throw ValidationError("--compare runs the model fused and unfused; leave out --no-fuse") }
    if let tolerance, !(tolerance >= 0) { throw ValidationError("--tolerance must be 0 or more") }
  }

  mutating func run() throws {
    let progress = Progress("reading \(model.fileName)")
    defer { progress.finish() }
    let result = try FusedModel(model.model, fuses: !noFuse, pipeline: fusion.pipeline(), progress: progress)
    let (tensors, random) = try inputs.read(for: result.document, memoryLimit: options.memoryLimit)
    let main = try ModelRun(
      result.fused, inputs: tensors, options: options.session, isTimed: compare, progress: progress)
    var comparison: RunComparison?
    if compare {
      comparison = try RunComparison(
        fused: main, unfused: result.document.graph, inputs: tensors,
        expected: inputs.expectedOutputs(of: result.document.graph), tolerance: tolerance, options: options.session,
        progress: progress)
    }
    if let trace {
      try writeTrace(
        to: trace, of: noFuse ? result.document.graph : result.fused, log: result.log, inputs: tensors, progress)
    }
    if let outputs { try NumPyArchive.write(main.outputs, toFile: outputs) }
    progress.finish()
    let report = RunReport(
      model: model.fileName, explanation: noFuse ? nil : Explanation(log: result.log).headline, random: random,
      seed: inputs.seed, run: main, comparison: comparison)
    if json { try report.printJSON() } else { report.printText() }
    if comparison?.passes == false { throw ExitCode.comparisonFailed }
  }

  /// Runs `graph` again, told of every step: what is printed was measured without that.
  private func writeTrace(
    to path: String, of graph: Graph, log: FusionLog, inputs: [String: Tensor], _ progress: Progress
  ) throws {
    progress.begin("tracing")
    let session = Session(graph, options: options.session)
    let profile = try RunProfile(
      graph, in: session, inputs: inputs, regions: AttentionRegions(log), repeats: 1, progress: progress)
    let trace = TraceFile(
      profile, title: "\(model.fileName), \(noFuse ? "native" : "fused")", peak: session.measuredPeak(of: .float32),
      log: log)
    var file = AtomicOutput()
    try file.add(path, chunks: [try trace.json()])
    try file.commit()
  }
}
