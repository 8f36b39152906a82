import Fusion
import GraphIR
import Rewriting
import TestSupport
import Testing

/// Golden rewrites of the pass alone, and its refusals by reason code.
@Suite struct FlashAttentionFusionPassTests {
  let pass = FlashAttentionFusionPass()

  @Test func scaledAndMasked() throws {
    let log = try expectRewrite(
      pass,
      """
      graph "bert" {
        %0 = Parameter "q" : f32[b, 4, s, 8]
        %1 = Parameter "k" : f32[b, 4, s, 8]
        %2 = Parameter "v" : f32[b, 4, s, 8]
        %3 = Parameter "mask" : f32[b, 1, 1, s]
        %4 = Transpose {perm = [0, 1, 3, 2]} (%1) : f32[b, 4, 8, s]
        %5 = MatMul (%0, %4) : f32[b, 4, s, s]
        %6 = Constant : f32[] = 2.0
        %7 = Div (%5, %6) : f32[b, 4, s, s]
        %8 = Add (%7, %3) : f32[b, 4, s, s]
        %9 = Softmax (%8) : f32[b, 4, s, s]
        %10 = MatMul (%9, %2) : f32[b, 4, s, 8]
        return "y" %10
      }
      """,
      to: """
        graph "bert" {
          %0 = Parameter "q" : f32[b, 4, s, 8]
          %1 = Parameter "k" : f32[b, 4, s, 8]
          %2 = Parameter "v" : f32[b, 4, s, 8]
          %3 = Parameter "mask" : f32[b, 1, 1, s]
          %4 = FlashAttention {scale = 0.5} (%0, %1, %2, %3) : f32[b, 4, s, 8]
          return "y" %4
        }
        """)
    #expect(log.decisions[0].attention?.mask == "additive")
    #expect(log.decisions[0].attention?.scale == 0.5)
  }

  @Test func repeatedKeyHeadsAreReadOnce() throws {
    try expectRewrite(
      pass,
      """
      graph "grouped" {
        %0 = Parameter "q" : f32[b, 6, s, 8]
        %1 = Parameter "k" : f32[b, 2, s, 8]
        %2 = Parameter "v" : f32[b, 2, s, 8]
        %3 = Constant : i64[1] = [2]
        %4 = Constant : i64[5] = [1, 1, 3, 1, 1]
        %5 = Constant : i64[4] = [0, 6, -1, 8]
        %6 = Unsqueeze (%1, %3) : f32[b, 2, 1, s, 8]
        %7 = Expand (%6, %4) : f32[b, 2, 3, s, 8]
        %8 = Reshape (%7, %5) : f32[b, 6, s, 8]
        %9 = Unsqueeze (%2, %3) : f32[b, 2, 1, s, 8]
        %10 = Expand (%9, %4) : f32[b, 2, 3, s, 8]
        %11 = Reshape (%10, %5) : f32[b, 6, s, 8]
        %12 = Transpose {perm = [0, 1, 3, 2]} (%8) : f32[b, 6, 8, s]
        %13 = MatMul (%0, %12) : f32[b, 6, s, s]
        %14 = Softmax (%13) : f32[b, 6, s, s]
        %15 = MatMul (%14, %11) : f32[b, 6, s, 8]
        return "y" %15
      }
      """,
      to: """
        graph "grouped" {
          %0 = Parameter "q" : f32[b, 6, s, 8]
          %1 = Parameter "k" : f32[b, 2, s, 8]
          %2 = Parameter "v" : f32[b, 2, s, 8]
          %3 = FlashAttention (%0, %1, %2) : f32[b, 6, s, 8]
          return "y" %3
        }
        """)
  }

  @Test func rank2GetsBatchAndHeads() throws {
    try expectRewrite(
      pass,
      """
      graph "plain" {
        %0 = Parameter "q" : f32[s, 8]
        %1 = Parameter "k" : f32[t, 8]
        %2 = Parameter "v" : f32[t, 4]
        %3 = Gemm {transB = true} (%0, %1) : f32[s, t]
        %4 = Softmax (%3) : f32[s, t]
        %5 = MatMul (%4, %2) : f32[s, 4]
        return "y" %5
      }
      """,
      to: """
        graph "plain" {
          %0 = Parameter "q" : f32[s, 8]
          %1 = Parameter "k" : f32[t, 8]
          %2 = Parameter "v" : f32[t, 4]
          %3 = Constant : i64[2] = [0, 1]
          %4 = Unsqueeze (%0, %3) : f32[1, 1, s, 8]
          %5 = Constant : i64[2] = [0, 1]
          %6 = Unsqueeze (%1, %5) : f32[1, 1, t, 8]
          %7 = Constant : i64[2] = [0, 1]
          %8 = Unsqueeze (%2, %7) : f32[1, 1, t, 4]
          %9 = FlashAttention (%4, %6, %8) : f32[1, 1, s, 4]
          %10 = Constant : i64[2] = [0, 1]
          %11 = Squeeze (%9, %10) : f32[s, 4]
          return "y" %11
        }
        """)
  }

  /// A mask filled in before another is added can't stay a mask: where both hide a key, the sums must come out as they did.
  @Test func fillThenAddBecomesOneBias() throws {
    try expectRewrite(
      pass,
      """
      graph "gpt2" {
        %0 = Parameter "q" : f32[b, 4, s, 8]
        %1 = Parameter "kt" : f32[b, 4, 8, t]
        %2 = Parameter "v" : f32[b, 4, t, 8]
        %3 = Parameter "causal" : bool[1, 1, s, t]
        %4 = Parameter "padding" : f32[b, 1, 1, t]
        %5 = MatMul (%0, %1) : f32[b, 4, s, t]
        %6 = Constant : f32[] = -1e+30
        %7 = Where (%3, %5, %6) : f32[b, 4, s, t]
        %8 = Add (%7, %4) : f32[b, 4, s, t]
        %9 = Softmax (%8) : f32[b, 4, s, t]
        %10 = MatMul (%9, %2) : f32[b, 4, s, 8]
        return "y" %10
      }
      """,
      to: """
        graph "gpt2" {
          %0 = Parameter "q" : f32[b, 4, s, 8]
          %1 = Parameter "kt" : f32[b, 4, 8, t]
          %2 = Parameter "v" : f32[b, 4, t, 8]
          %3 = Parameter "causal" : bool[1, 1, s, t]
          %4 = Parameter "padding" : f32[b, 1, 1, t]
          %5 = Transpose {perm = [0, 1, 3, 2]} (%1) : f32[b, 4, t, 8]
          %6 = Constant : f32[] = 0.0
          %7 = Constant : f32[] = -1e+30
          %8 = Where (%3, %6, %7) : f32[1, 1, s, t]
          %9 = Add (%8, %4) : f32[b, 1, s, t]
          %10 = FlashAttention (%0, %5, %2, %9) : f32[b, 4, s, 8]
          return "y" %10
        }
        """)
  }

  /// The weights are put to 0 where the scores were hidden, by the same mask in another cast of it.
  @Test func masksAfterTheSoftmaxAreToldThroughCasts() throws {
    var graph = try Graph(
      parsing: attention(
        scores: """
          %20 = Constant : f32[] = 0.0
          %21 = Greater (%3, %20) : bool[2, 4, s, s]
          %22 = Constant : f32[] = -3.4028235e+38
          %23 = Cast {to = bool} (%21) : bool[2, 4, s, s]
          %8 = Where (%23, %22, %4) : f32[2, 4, s, s]
          """,
        weights: """
          %7 = Softmax (%8) : f32[2, 4, s, s]
          %24 = Cast {to = bool} (%21) : bool[2, 4, s, s]
          %9 = Where (%24, %20, %7) : f32[2, 4, s, s]
          """))
    let log = try FusionPipeline([pass]).run(on: &graph)
    expectDecisions(log, ["%7 fused"])
  }

  /// The sizes of scores are known without them, also where they are read off a view of the scores.
  @Test func sizesAreReadOffViewsOfTheScores() throws {
    try expectRewrite(
      pass,
      attention(
        scores: """
          %8 = Identity (%4) : f32[2, 4, s, s]
          %20 = Constant : i64[3] = [8, -1, 1]
          %21 = Reshape (%8, %20) : f32[8, s*s, 1]
          %22 = Shape (%21) : i64[3]
          """, extra: "return \"sizes\" %22"),
      to: """
        graph "g" {
          %0 = Parameter "q" : f32[2, 4, s, 8]
          %1 = Parameter "kt" : f32[2, 4, 8, s]
          %2 = Parameter "v" : f32[2, 4, s, 8]
          %3 = Parameter "m" : f32[2, 4, s, s]
          %4 = Transpose {perm = [0, 1, 3, 2]} (%1) : f32[2, 4, s, 8]
          %5 = FlashAttention (%0, %4, %2) : f32[2, 4, s, 8]
          %6 = Constant : i64[1] = [8]
          %7 = Shape (%0) : i64[4]
          %8 = Constant : i64[1] = [2]
          %9 = Gather (%7, %8) : i64[1]
          %10 = Shape (%1) : i64[4]
          %11 = Constant : i64[1] = [3]
          %12 = Gather (%10, %11) : i64[1]
          %13 = Mul (%9, %12) : i64[1]
          %14 = Constant : i64[1] = [1]
          %15 = Concat (%6, %13, %14) : i64[3]
          return "y" %5
          return "sizes" %15
        }
        """)
  }

  private func attention(
    scores: String, weights: String = "%9 = Softmax (%8) : f32[2, 4, s, s]", product: String = "%12 = MatMul (%9, %2)",
    extra: String = ""
  ) -> String {
    """
    graph "g" {
      %0 = Parameter "q" : f32[2, 4, s, 8]
      %1 = Parameter "kt" : f32[2, 4, 8, s]
      %2 = Parameter "v" : f32[2, 4, s, 8]
      %3 = Parameter "m" : f32[2, 4, s, s]
      %4 = MatMul (%0, %1) : f32[2, 4, s, s]
      \(scores)
      \(weights)
      \(product) : f32[2, 4, s, 8]
      return "y" %12
      \(extra)
    }
    """
  }

  @Test func refusalsSayHowNearItWas() throws {
    let cases: [(String, [String])] = [
      (attention(scores: "%8 = Relu (%4) : f32[2, 4, s, s]"), ["Relu", "Softmax"]),
      (
        attention(scores: "%7 = Add (%4, %3) : f32[2, 4, s, s]\n%8 = Tanh (%7) : f32[2, 4, s, s]"),
        ["MatMul", "Add", "Tanh", "Softmax", "MatMul"]
      ),
      (
        attention(
          scores: "%8 = Identity (%4) : f32[2, 4, s, s]",
          product: "%10 = Relu (%9) : f32[2, 4, s, s]\n%12 = MatMul (%10, %2)"
        ), ["MatMul", "Identity", "Softmax", "Relu"]
      ),
      // The product tells more than the scale.
      (
        attention(
          scores: "%5 = Constant : f32[] = 0.5\n%8 = Mul (%4, %5) : f32[2, 4, s, s]",
          weights: "%9 = Softmax {axis = 1} (%8) : f32[2, 4, s, s]"), ["MatMul", "Mul", "Softmax"]
      ),
    ]
    for (text, kinds) in cases {
      var graph = try Graph(parsing: text)
      let log = try FusionPipeline([FlashAttentionFusionPass()]).run(on: &graph)
      #expect(log.decisions.first?.reason?.nearest.map(\.kind) == kinds, "\(text)")
    }
  }

  @Test func refusalsSayWhy() throws {
    let cases: [(String, String)] = [
      (attention(scores: "%8 = Mul (%4, %3) : f32[2, 4, s, s]"), "declined scores-gated"),
      (
        attention(scores: "%7 = Add (%4, %3) : f32[2, 4, s, s]\n%8 = Tanh (%7) : f32[2, 4, s, s]"),
        "declined softcap-after-mask"
      ),
      (
        attention(scores: "%8 = Identity (%4) : f32[2, 4, s, s]", extra: "return \"scores\" %8"),
        "declined scores-used-elsewhere"
      ),
      (
        attention(
          scores: "%8 = Identity (%4) : f32[2, 4, s, s]",
          weights: "%7 = Softmax (%8) : f32[2, 4, s, s]\n%9 = Mul (%7, %3) : f32[2, 4, s, s]"), "declined weights-gated"
      ),
      (
        attention(
          scores: "%8 = Identity (%4) : f32[2, 4, s, s]", weights: "%9 = Softmax {axis = 1} (%8) : f32[2, 4, s, s]"),
        "not-attention softmax-over-other-axis"
      ),
      (
        attention(scores: "%8 = Relu (%4) : f32[2, 4, s, s]"), "not-attention no-score-product"
      ),
      (
        attention(
          scores: "%8 = Identity (%4) : f32[2, 4, s, s]",
          product: "%10 = Relu (%9) : f32[2, 4, s, s]\n%12 = MatMul (%10, %2)"
        ), "not-attention no-value-product"
      ),
      (
        attention(
          scores: """
            %5 = Constant : f32[] = 0.0
            %6 = Constant : f32[] = -10000.0
            %7 = Greater (%3, %5) : bool[2, 4, s, s]
            %10 = Where (%7, %4, %6) : f32[2, 4, s, s]
            %8 = Add (%10, %3) : f32[2, 4, s, s]
            """), "declined bias-after-mask"
      ),
    ]
    for (text, expected) in cases {
      var graph = try Graph(parsing: text)
      let log = try FusionPipeline([pass]).run(on: &graph)
      let found = log.decisions.map { "\($0.verdict.rawValue) \($0.reason?.code ?? "")" }
      #expect(found == [expected])
      #expect(log.decisions.allSatisfy { $0.reason?.message.isEmpty == false })
    }
  }
}
