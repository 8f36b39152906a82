import Formats
import Foundation
import Fusion
import GraphIR
import Rewriting
import TestSupport
import Testing

/// The hand-written graphs of `graphs/`.
@Suite struct GraphFilesTests {
  private static let folder = "\(packageDirectory)/graphs"

  @Test(arguments: [
    ("attention", ["attention/softmax fused"]),
    ("decoder-block", ["attention/softmax fused"]),
    (
      "not-attention",
      [
        "router/softmax not-attention constant-keys", "slots/softmax not-attention no-value-product",
        "shown/softmax declined scores-used-elsewhere", "classifier/softmax not-attention constant-keys",
      ]
    ),
    ("flash-attention", ["attention already-fused"]),
  ])
  func decisions(_ name: String, _ decisions: [String]) throws {
    let document = try Document.read(path: "\(Self.folder)/\(name).json")
    try document.graph.verify()
    var graph = document.graph
    let log = try FusionPipeline.standard.run(on: &graph)
    expectDecisions(log, of: "FlashAttentionFusionPass", decisions)
    try graph.verify()

    // What is written says what was fused, and nothing else has changed.
    let output = try TemporaryDirectory()
    try document.write(graph, to: output.file("fused.json"))
    let written = try Document.read(path: output.file("fused.json"))
    expectEqualText(written.graph.goldenText, graph.goldenText)
    let contents = { (path: String) in try Data(contentsOf: URL(fileURLWithPath: path)) }
    let isSame = try contents(output.file("fused.json")) == contents("\(Self.folder)/\(name).json")
    #expect(isSame == !log.decisions.contains { $0.verdict == .fused })

    // Once fused, fused for good.
    var again = written.graph
    _ = try FusionPipeline.standard.run(on: &again)
    expectEqualText(again.goldenText, written.graph.goldenText)
  }

  @Test func theExampleOfTheDocumentationIsRead() throws {
    let text = try String(contentsOfFile: "\(packageDirectory)/docs/formats.md", encoding: .utf8)
    let example = try #require(text.split(separator: "```json\n").dropFirst().first?.split(separator: "```").first)
    let folder = try TemporaryDirectory()
    let document = try Document.read(path: folder.write(String(example), to: "example.json"))
    #expect(document.graph.outputs.map(\.name) == ["y"])
  }
}
