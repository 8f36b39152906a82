import ArgumentParser
import Foundation
import Rewriting

struct Explain: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Show every softmax of a model, whether its attention is fused, and why not.",
    usage: "flashfuse explain <MODEL> [--json] [<options>]",
    discussion: "What the other fusions found is a line each; --json and the log of fuse tell all of it.")

  @OptionGroup var model: ModelArgument
  @OptionGroup var fusion: FusionOptions

  @Flag(help: "Print the decision log as JSON.")
  var json = false

  mutating func run() throws {
    let progress = Progress("reading \(model.fileName)")
    let result = try FusedModel(model.model, pipeline: fusion.pipeline(), progress: progress)
    progress.finish()
    if json {
      try JSONOutput.write(result.log.json(model: model.fileName, format: result.document.format))
      return
    }
    let explanation = Explanation(log: result.log)
    let lines = TextTable.wrap("\(model.fileName): \(explanation.headline)", width: TextTable.lineWidth)
    print(lines.joined(separator: "\n"))
    let text = explanation.text
    if !text.isEmpty { print("\n" + text, terminator: "") }
    let others = explanation.otherPasses.flatMap { TextTable.wrap($0, width: TextTable.lineWidth) }
    if !others.isEmpty { print("\n" + others.joined(separator: "\n")) }
  }
}
