import Fusion
import GraphIR
import Rewriting
import TestSupport
import Testing

/// Attention of quantised models: scores and weights go through 8 bits and back.
@Suite struct QuantizedAttentionTests {
  private let pass = FlashAttentionFusionPass()

  private func graph(_ scores: String) -> String {
    """
    graph "quantised" {
      %0 = Parameter "q" : f32[b, 4, s, 8]
      %1 = Parameter "k" : f32[b, 4, 8, s]
      %2 = Parameter "v" : f32[b, 4, s, 8]
      %3 = Constant : f32[] = 0.5
      %4 = Constant : u8[] = 128
      %5 = MatMul (%0, %1) : f32[b, 4, s, s]
      \(scores)
      %8 = Softmax (%7) : f32[b, 4, s, s]
      %9 = Constant : f32[] = 0.00390625
      %10 = Constant : u8[] = 0
      %11 = QuantizeLinear (%8, %9, %10) : u8[b, 4, s, s]
      %12 = DequantizeLinear (%11, %9, %10) : f32[b, 4, s, s]
      %13 = MatMul (%12, %2) : f32[b, 4, s, 8]
      return "y" %13
    }
    """
  }

  private func decision(on text: String) throws -> FusionDecision {
    var graph = try Graph(parsing: text)
    return try #require(try FusionPipeline([pass]).run(on: &graph).decisions.first)
  }

  private let pair = """
    %6 = QuantizeLinear (%5, %3, %4) : u8[b, 4, s, s]
      %7 = DequantizeLinear (%6, %3, %4) : f32[b, 4, s, s]
    """

  @Test func roundingIsLeftOutAndSaid() throws {
    let log = try expectRewrite(
      pass, graph(pair),
      to: """
        graph "quantised" {
          %0 = Parameter "q" : f32[b, 4, s, 8]
          %1 = Parameter "k" : f32[b, 4, 8, s]
          %2 = Parameter "v" : f32[b, 4, s, 8]
          %3 = Transpose {perm = [0, 1, 3, 2]} (%1) : f32[b, 4, s, 8]
          %4 = FlashAttention (%0, %3, %2) : f32[b, 4, s, 8]
          return "y" %4
        }
        """)
    #expect(
      log.decisions[0].assumptions == [
        "scores lie between -64.0 and 63.5; rounding them to steps of 0.5 is left out",
        "weights lie between 0.0 and 0.99609375; rounding them to steps of 0.00390625 is left out",
      ])
  }

  @Test func aFakeQuantisationIsOne() throws {
    let fake = """
      %6 = Constant : f32[] = 64.0
        %14 = Neg (%6) : f32[]
        %7 = FakeQuantize {levels = 256} (%5, %14, %6, %14, %6) : f32[b, 4, s, s]
      """
    #expect(try decision(on: graph(fake)).verdict == .fused)
  }

  @Test(arguments: [
    // Another scale on the way back.
    (
      "%6 = QuantizeLinear (%5, %3, %4) : u8[b, 4, s, s]\n  %7 = DequantizeLinear (%6, %5, %4) : f32[b, 4, s, s]",
      "no-score-product"
    ),
    // Hidden scores are cut off where the range ends, and seen again.
    (
      """
      %14 = Parameter "mask" : f32[s, s]
      %15 = Add (%5, %14) : f32[b, 4, s, s]
      %6 = QuantizeLinear (%15, %3, %4) : u8[b, 4, s, s]
      %7 = DequantizeLinear (%6, %3, %4) : f32[b, 4, s, s]
      """, "scores-clamped"
    ),
  ])
  func othersStay(scores: String, reason: String) throws {
    #expect(try decision(on: graph(scores)).reason?.code == reason)
  }
}
