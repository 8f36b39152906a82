import ArgumentParser
import Foundation
import Rewriting

struct Explain: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Show every softmax of a model, whether its attention is fused, and why not.")

  @OptionGroup var model: ModelArgument
  @OptionGroup var fusion: FusionOptions

  @Flag(help: "Print the decision log as JSON.")
  var json = false

  mutating func run() throws {
    let progress = Progress("reading and fusing \(model.fileName)")
    let result = try FusedModel(model.model, pipeline: fusion.pipeline())
    progress.finish()
    if json {
      JSONOutput.write(try result.log.json(model: model.fileName, format: result.document.format))
      return
    }
    let explanation = Explanation(log: result.log)
    let lines = TextTable.wrap("\(model.fileName): \(explanation.headline)", width: TextTable.lineWidth)
    print(lines.joined(separator: "\n"))
    let table = explanation.table
    if !table.isEmpty { print("\n" + table, terminator: "") }
  }
}
