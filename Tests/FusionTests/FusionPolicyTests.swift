import Foundation
import Fusion
import GraphIR
import Rewriting
import TestSupport
import Testing

/// Which of the possible fusions a policy makes, and what the log says of their cost.
@Suite struct FusionPolicyTests {
  /// Attention of heads of `size`; keys and values are read once for each tile of queries, which costs large heads more than the scores.
  private func attention(length: String, size: Int) -> String {
    """
    graph "g" {
      %0 = Parameter "q" : f32[2, 4, \(length), \(size)]
      %1 = Parameter "k" : f32[2, 4, \(length), \(size)]
      %2 = Parameter "v" : f32[2, 4, \(length), \(size)]
      %4 = Transpose {perm = [0, 1, 3, 2]} (%1) : f32[2, 4, \(size), \(length)]
      %5 = MatMul (%0, %4) : f32[2, 4, \(length), \(length)]
      %9 = Softmax (%5) : f32[2, 4, \(length), \(length)]
      %10 = MatMul (%9, %2) : f32[2, 4, \(length), \(size)]
      return "y" %10
    }
    """
  }

  @Test func profitableDeclinesWhatMovesMore() throws {
    for length in ["1024", "s"] {
      for (size, verdict) in [(64, "%6 fused"), (4096, "%6 declined not-profitable")] {
        var graph = try Graph(parsing: attention(length: length, size: size))
        let log = try FusionPipeline.standard.applying(.profitable).run(on: &graph)
        let attention = log.decisions.filter { $0.pass == "FlashAttentionFusionPass" }
        let found = attention.map { "\($0.verdict.rawValue) \($0.reason?.code ?? "")" }
        #expect(found == [verdict.hasSuffix("fused") ? "fused " : "declined not-profitable"], "\(length) \(size)")
        let counts = log.passes.first { $0.name == "FlashAttentionFusionPass" }
        #expect(counts?.matched == 1)
        #expect(counts?.fused == (verdict.hasSuffix("fused") ? 1 : 0))
        graph = try Graph(parsing: self.attention(length: length, size: size))
        #expect(
          try FusionPipeline.standard.applying(.always).run(on: &graph).decisions.contains { $0.verdict == .fused })
      }
    }
  }

  @Test func symbolsHaveAnExampleOfTheCost() throws {
    var graph = try Graph(parsing: attention(length: "s", size: 64))
    let log = try FusionPipeline([FlashAttentionFusionPass()]).run(on: &graph)
    let cost = try #require(log.decisions.first?.cost)
    #expect(cost.bytesUnfused == nil && cost.bytesFused == nil)
    let example = try #require(cost.example)
    #expect(
      example.sizes == [
        "batch": 2, "heads": 4, "kv_heads": 4, "query_length": 4096, "key_length": 4096, "head_size": 64,
        "value_size": 64,
      ])
    // The same graph with that length says the same.
    var known = try Graph(parsing: attention(length: "4096", size: 64))
    let same = try #require(try FusionPipeline([FlashAttentionFusionPass()]).run(on: &known).decisions.first?.cost)
    #expect(same.bytesUnfused == example.bytesUnfused && same.bytesFused == example.bytesFused && same.example == nil)
    let text = String(decoding: try log.json(model: "m", format: "json"), as: UTF8.self)
    #expect(text.contains("\"bytes_unfused\" : null") && text.contains("\"query_length\" : 4096"))
  }
}
