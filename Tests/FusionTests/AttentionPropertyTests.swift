import Foundation
import Fusion
import GraphIR
import Operations
import Rewriting
import Tensors
import TestSupport
import Testing

/// Random attention graphs made of the catalogue's choices: legal ones must fuse, flawed ones must not, and the numbers must stay.
@Suite struct AttentionPropertyTests {
  /// How many graphs each test makes; `FLASHFUSE_PROPERTY_CASES` sets another number.
  static let cases = ProcessInfo.processInfo.environment["FLASHFUSE_PROPERTY_CASES"].flatMap { Int($0) } ?? 300

  @Test func legalSpellingsFuseWithEqualResults() throws {
    var generator = SplitMix64(seed: 20)
    for number in 0..<Self.cases {
      let spelling = AttentionSpelling(&generator)
      let built = try AttentionBuilder(spelling)
      var fused = built.graph
      let log = try FusionPipeline([FlashAttentionFusionPass()]).run(on: &fused)
      try fused.verify()
      let verdicts = log.decisions.map(\.verdict)
      let reasons = log.decisions.compactMap { $0.reason?.message }.joined()
      try #require(verdicts == [.fused], "\(spelling): \(verdicts) \(reasons)")
      try expectEqualResults(built, fused, seed: UInt64(number), spelling)
      // Once more changes nothing.
      let text = fused.goldenText
      let again = try FusionPipeline([FlashAttentionFusionPass()]).run(on: &fused)
      #expect(again.decisions.map(\.verdict) == [.alreadyFused])
      expectEqualText(fused.goldenText, text)
    }
  }

  @Test func flawedSpellingsAreLeftAlone() throws {
    var generator = SplitMix64(seed: 21)
    for _ in 0..<Self.cases {
      let spelling = AttentionSpelling(&generator, flawed: true)
      let built = try AttentionBuilder(spelling)
      var fused = built.graph
      let log = try FusionPipeline([FlashAttentionFusionPass()]).run(on: &fused)
      #expect(log.decisions.count == 1, "\(spelling)")
      #expect(!log.decisions.contains { $0.verdict == .fused }, "\(spelling)")
      #expect(log.decisions.allSatisfy { $0.reason != nil }, "\(spelling)")
      var cleaned = built.graph
      cleaned.removeUnused()
      expectEqualText(fused.goldenText, cleaned.goldenText)
    }
  }

  @Test func fusingWhatWasDecomposedFusesItAgain() throws {
    var generator = SplitMix64(seed: 22)
    for _ in 0..<Self.cases {
      let spelling = AttentionSpelling(&generator)
      var graph = try AttentionBuilder(spelling).graph
      _ = try FusionPipeline([FlashAttentionFusionPass()]).run(on: &graph)
      let first = graph.goldenText
      // A decomposition holds its numbers in the element type: from then on nothing may change.
      try decomposeAndFuse(&graph)
      let fused = graph.goldenText
      #expect(fused.split(separator: "\n").count == first.split(separator: "\n").count, "\(spelling)")
      try decomposeAndFuse(&graph)
      try #require(graph.goldenText == fused, "\(spelling): \(lineDifference(graph.goldenText, fused))")
    }
  }

  private func decomposeAndFuse(_ graph: inout Graph) throws {
    for node in Array(graph.nodes) {
      guard let attention = node.operation as? FlashAttention else { continue }
      let parts = try attention.decompose(node.inputs, in: &graph)
      try graph.replaceUses(of: Value(node.id), with: try #require(parts.first))
    }
    graph.removeUnused()
    #expect(!graph.goldenText.contains("FlashAttention"))
    _ = try FusionPipeline([FlashAttentionFusionPass()]).run(on: &graph)
  }

  private func expectEqualResults(
    _ built: AttentionBuilder, _ fused: Graph, seed: UInt64, _ spelling: AttentionSpelling
  ) throws {
    var generator = SplitMix64(seed: seed)
    var inputs: [String: Tensor] = [:]
    for port in built.graph.inputs {
      let shape = try #require(built.shapes[port.name])
      inputs[port.name] = try randomInput(port.name, built.graph.type(of: port.value).element, shape, &generator)
    }
    let before = try evaluate(built.graph, inputs)
    let after = try evaluate(fused, inputs)
    try #require(before.shape == after.shape, "\(spelling)")
    for (expected, actual) in zip(try before.doubles(), try after.doubles()) {
      let close =
        expected == actual || expected.isNaN && actual.isNaN || abs(expected - actual) <= 2e-5 * max(1, abs(expected))
      try #require(close, "\(spelling): \(actual) instead of \(expected)")
    }
  }

  /// Normal numbers; masks also hold −∞, the lowest number and rows that are wholly masked.
  private func randomInput(
    _ name: String, _ element: ElementType, _ shape: [Int], _ generator: inout SplitMix64
  ) throws -> Tensor {
    let count = shape.reduce(1, *)
    let columns = shape.last ?? 1
    let isMask = name.hasPrefix("m") || name.hasPrefix("c")
    var values = (0..<count).map { _ in Double.random(in: -2...2, using: &generator) }
    if name == "temperature" { values = values.map { abs($0) + 1 } }
    if element == .bool { values = values.map { $0 > -0.7 ? 1 : 0 } }
    if isMask {
      for row in 0..<(count / max(columns, 1)) {
        let style = Int.random(in: 0..<6, using: &generator)
        let hidden =
          element == .bool
          ? 0 : Bool.random(using: &generator) ? -Double.infinity : -Double(Float.greatestFiniteMagnitude)
        for column in 0..<columns where style == 0 || style < 3 && Bool.random(using: &generator) {
          values[row * columns + column] = hidden
        }
      }
    }
    return try Tensor(doubles: values, element: element, shape: shape)
  }

  private func evaluate(_ graph: Graph, _ inputs: [String: Tensor]) throws -> Tensor {
    var known: [Value: Tensor] = [:]
    for port in graph.inputs { known[port.value] = inputs[port.name] }
    for id in graph.topologicalOrder() where !(graph[id].operation is Parameter) {
      let node = graph[id]
      let results = try locating(node.label) {
        try node.operation.evaluate(Operands(node.inputs.map { $0.flatMap { known[$0] } }))
      }
      for (index, result) in results.enumerated() { known[Value(id, index)] = result }
    }
    return try #require(known[graph.outputs[0].value])
  }
}
