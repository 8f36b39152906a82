import ArgumentParser
import Foundation
import Reporting
import Runtime
import Tensors

struct Profile: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Run a model as it is and fused, and show where the time goes.",
    usage: "flashfuse profile <MODEL> --output-dir <DIR> [<options>]",
    discussion: """
      DIR gets native_attention.json and flash_attention.json, traces for Perfetto (ui.perfetto.dev), and profile.json with \
      the figures that are printed. Bytes moved are those of a model: every input of a step is read once and every \
      output written once; fused attention reads keys and values once a tile of queries.
      """)

  @OptionGroup var model: ModelArgument
  @OptionGroup var fusion: FusionOptions
  @OptionGroup var inputs: InputOptions

  @Option(help: ArgumentHelp("The folder to write to; made where it is not there.", valueName: "DIR"))
  var outputDir: String

  @Option(help: ArgumentHelp("Where to write a report, one HTML file.", valueName: "out.html"))
  var report: String?

  @Option(help: "How often to run, after one run that is not counted; the fastest run is shown.")
  var `repeat` = 5

  @OptionGroup var options: RunOptions

  @Flag(help: "Print figures as JSON.")
  var json = false

  func validate() throws {
    guard (1...1000).contains(`repeat`) else { throw ValidationError("--repeat must be between 1 and 1000") }
  }

  mutating func run() throws {
    let progress = Progress("reading \(model.fileName)")
    defer { progress.finish() }
    let result = try FusedModel(model.model, pipeline: fusion.pipeline(), progress: progress)
    let (tensors, random) = try inputs.read(for: result.document, memoryLimit: options.memoryLimit)
    let regions = AttentionRegions(result.log)
    progress.begin("preparing the run as it is")
    let session = Session(result.document.graph, options: options.session)
    let native = try RunProfile(
      result.document.graph, in: session, inputs: tensors, regions: regions, repeats: `repeat`, progress: progress)
    progress.begin("preparing the fused run")
    let fusedSession = Session(result.fused, options: options.session)
    let fused = try RunProfile(
      result.fused, in: fusedSession, inputs: tensors, regions: regions, repeats: `repeat`, progress: progress)
    progress.begin("measuring the peak of multiply-adds")
    let peak = session.measuredPeak(of: .float32)
    let comparison = try ProfileComparison(
      model: model.fileName, session: session, peak: peak, native: native, fused: fused,
      outputNames: result.document.graph.outputs.map(\.name))

    progress.begin("writing")
    do {
      try FileManager.default.createDirectory(atPath: outputDir, withIntermediateDirectories: true)
    } catch {
      throw ModelError.notFound("\(outputDir): the folder cannot be made")
    }
    var file = AtomicOutput()
    for (name, profile, title) in [("native_attention", native, "native"), ("flash_attention", fused, "fused")] {
      let trace = TraceFile(profile, title: "\(model.fileName), \(title)", peak: peak, log: result.log)
      try file.add("\(outputDir)/\(name).json", chunks: [try trace.json()])
    }
    try file.add("\(outputDir)/profile.json", chunks: [try JSONOutput.encode(comparison)])
    if let report {
      let page = Report(
        model: model.fileName, format: result.document.format, headline: Explanation(log: result.log).headline,
        before: try session.graph(for: tensors), after: try fusedSession.graph(for: tensors), log: result.log,
        profiles: (native: native, fused: fused, comparison: comparison))
      try file.add(report, chunks: [try page.html()])
    }
    try file.commit()
    progress.finish()
    if json {
      try JSONOutput.print(comparison)
    } else {
      ProfileText(comparison, headline: Explanation(log: result.log).headline, random: random, seed: inputs.seed)
        .print()
    }
    if !comparison.passes { throw ExitCode.comparisonFailed }
  }
}
