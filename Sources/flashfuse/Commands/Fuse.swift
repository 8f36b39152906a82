import ArgumentParser
import Formats
import Foundation
import Rewriting
import Tensors

struct Fuse: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Fuse a model's attention and write the model back.",
    discussion: """
      Everything that no fusion touched is written as it was. An IR is written as OUT.xml with OUT.bin beside it.
      """)

  @OptionGroup var model: ModelArgument

  @Option(
    name: .shortAndLong,
    help: ArgumentHelp("Where to write the fused model; nowhere if not given.", valueName: "OUT"))
  var output: String?

  @Option(help: ArgumentHelp("Where to write the decision log.", valueName: "decisions.json"))
  var log: String?

  @Option(
    help: ArgumentHelp(
      """
      How ONNX files spell fused attention: onnx (Attention of opset 23), microsoft (com.microsoft operators) or \
      function (a local function that any runtime can run). By default onnx from opset 23 on, else microsoft.
      """, valueName: "onnx|microsoft|function"))
  var attentionOp: AttentionOperatorArgument?

  mutating func run() throws {
    let progress = Progress("reading and fusing \(model.fileName)")
    defer { progress.finish() }
    let result = try FusedModel(model.model)
    progress.begin("writing")
    if let output {
      let options = WriteOptions(attentionOperator: attentionOp?.value)
      try result.document.write(result.fused, to: output, options: options)
    }
    if let log {
      var file = AtomicOutput()
      try file.add(log, chunks: [try result.log.json(model: model.fileName, format: result.document.format)])
      try file.commit()
    }
    progress.finish()
    print("\(model.fileName): \(Explanation(log: result.log).headline)")
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
