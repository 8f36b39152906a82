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

  /// Rounded weights are mostly 0 where keys are many: a fused attention would be another model.
  @Test func roundedWeightsStay() throws {
    let reason = try #require(try decision(on: graph("%7 = Identity (%5) : f32[b, 4, s, s]")).reason)
    #expect(reason.code == "quantised")
    #expect(reason.message.contains("weights are rounded to steps of 0.00390625"))
  }

  @Test func roundedScoresStay() throws {
    let reason = try #require(try decision(on: graph(pair)).reason)
    #expect(reason.code == "quantised")
    #expect(reason.message.contains("scores are rounded to steps of 0.5"))
  }

  @Test func aFakeQuantisationIsOne() throws {
    let fake = """
      %6 = Constant : f32[] = 64.0
        %14 = Neg (%6) : f32[]
        %7 = FakeQuantize {levels = 256} (%5, %14, %6, %14, %6) : f32[b, 4, s, s]
      """
    #expect(try decision(on: graph(fake)).reason?.code == "quantised")
  }

  /// What goes into the products may be rounded: that is done before attention begins.
  @Test func roundedOperandsAreNoMatter() throws {
    let text = """
      graph {
        %0 = Parameter "q" : u8[b, 4, s, 8]
        %1 = Parameter "k" : u8[b, 4, 8, s]
        %2 = Parameter "v" : u8[b, 4, s, 8]
        %3 = Constant : f32[] = 0.5
        %4 = DequantizeLinear (%0, %3) : f32[b, 4, s, 8]
        %5 = DequantizeLinear (%1, %3) : f32[b, 4, 8, s]
        %6 = DequantizeLinear (%2, %3) : f32[b, 4, s, 8]
        %7 = MatMul (%4, %5) : f32[b, 4, s, s]
        %8 = Softmax (%7) : f32[b, 4, s, s]
        %9 = MatMul (%8, %6) : f32[b, 4, s, 8]
        return "y" %9
      }
      """
    #expect(try decision(on: text).verdict == .fused)
  }
}
