import Fusion
import GraphIR
import Rewriting
import TestSupport
import Testing

/// Ways to spell masks, sinks and segments of keys: what is found, and what is left alone.
@Suite struct AttentionSpellingsTests {
  private let pass = FlashAttentionFusionPass()

  @Test func aColumnBesideTheScoresIsTheSinkOfEachHead() throws {
    try expectRewrite(
      pass,
      """
      graph "sinks" {
        %0 = Parameter "q" : f32[2, 4, 6, 8]
        %1 = Parameter "k" : f32[2, 4, 6, 8]
        %2 = Parameter "v" : f32[2, 4, 6, 8]
        %3 = Parameter "sink" : f32[4, 1, 1]
        %4 = Transpose {perm = [0, 1, 3, 2]} (%1)
        %5 = MatMul (%0, %4)
        %6 = Constant : i64[4] = [2, 4, 6, 1]
        %7 = Expand (%3, %6)
        %8 = Concat {axis = -1} (%5, %7) : f32[2, 4, 6, 7]
        %9 = Softmax (%8)
        %10 = Constant : i64[1] = [0]
        %11 = Constant : i64[1] = [-1]
        %12 = Slice (%9, %10, %11, %11) : f32[2, 4, 6, 6]
        %13 = MatMul (%12, %2)
        return "y" %13
      }
      """,
      to: """
        graph "sinks" {
          %0 = Parameter "q" : f32[2, 4, 6, 8]
          %1 = Parameter "k" : f32[2, 4, 6, 8]
          %2 = Parameter "v" : f32[2, 4, 6, 8]
          %3 = Parameter "sink" : f32[4, 1, 1]
          %4 = Constant : i64[2] = [1, 2]
          %5 = Squeeze (%3, %4) : f32[4]
          %6 = FlashAttention (%0, %1, %2, _, _, %5) : f32[2, 4, 6, 8]
          return "y" %6
        }
        """)
  }

  /// Scores whose lengths a table limits meet a mask that has the lengths themselves.
  @Test func lengthsThatATableLimitsAreThoseThatTheyMeet() throws {
    try expectRewrite(
      pass,
      """
      graph "limited" {
        %0 = Parameter "q" : f32[b, 4, s, 8]
        %1 = Parameter "k" : f32[b, 4, 8, s]
        %2 = Parameter "v" : f32[b, 4, s, 8]
        %3 = Parameter "mask" : f32[b, 1, s, s]
        %4 = Shape (%0)
        %5 = Constant : i64[1] = [0]
        %batch = Gather (%4, %5)
        %6 = Constant : i64[1] = [2]
        %length = Gather (%4, %6)
        %7 = Constant : i64[1] = [64]
        %limit = Min (%length, %7)
        %heads = Constant : i64[1] = [4]
        %size = Constant : i64[1] = [8]
        %8 = Mul (%batch, %heads)
        %9 = Concat {axis = 0} (%8, %limit, %size)
        %10 = Concat {axis = 0} (%8, %size, %limit)
        %11 = Reshape (%0, %9) : f32[4*b, min(64, s), 8]
        %12 = Reshape (%1, %10)
        %13 = MatMul (%11, %12)
        %14 = Concat {axis = 0} (%batch, %heads, %limit, %limit)
        %15 = Reshape (%13, %14) : f32[b, 4, min(64, s), min(64, s)]
        %16 = Add (%15, %3) : f32[b, 4, s, s]
        %17 = Softmax (%16)
        %18 = MatMul (%17, %2)
        return "y" %18
      }
      """,
      to: """
        graph "limited" {
          %0 = Parameter "q" : f32[b, 4, s, 8]
          %1 = Parameter "k" : f32[b, 4, 8, s]
          %2 = Parameter "v" : f32[b, 4, s, 8]
          %3 = Parameter "mask" : f32[b, 1, s, s]
          %4 = Transpose {perm = [0, 1, 3, 2]} (%1) : f32[b, 4, s, 8]
          %5 = FlashAttention (%0, %4, %2, %3) : f32[b, 4, s, 8]
          return "y" %5
        }
        """)
  }

  /// Every block of the sequence attends to itself and to keys that all blocks share.
  @Test func blocksWithSharedKeysAreOneAttention() throws {
    try expectRewrite(
      pass,
      """
      graph "blocks" {
        %0 = Parameter "q" : f32[2, 4, 3, 5, 8]
        %1 = Parameter "shared k" : f32[2, 4, 2, 8]
        %2 = Parameter "k" : f32[2, 4, 3, 5, 8]
        %3 = Parameter "shared v" : f32[2, 4, 2, 8]
        %4 = Parameter "v" : f32[2, 4, 3, 5, 8]
        %5 = Parameter "mask" : f32[2, 1, 3, 1, 7]
        %6 = Einsum {equation = "BHNKF,BHGF->BHNKG"} (%0, %1)
        %7 = Einsum {equation = "BHNKF,BHNXF->BHNKX"} (%0, %2)
        %8 = Concat {axis = -1} (%6, %7)
        %9 = Add (%8, %5)
        %10 = Softmax (%9)
        %11 = Constant : i64[2] = [2, 5]
        %12:2 = Split {axis = -1} (%10, %11)
        %14 = Einsum {equation = "BHNKG,BHGF->BHNKF"} (%12.0, %3)
        %15 = Einsum {equation = "BHNKX,BHNXF->BHNKF"} (%12.1, %4)
        %16 = Add (%14, %15)
        return "y" %16
      }
      """,
      to: """
        graph "blocks" {
          %0 = Parameter "q" : f32[2, 4, 3, 5, 8]
          %1 = Parameter "shared k" : f32[2, 4, 2, 8]
          %2 = Parameter "k" : f32[2, 4, 3, 5, 8]
          %3 = Parameter "shared v" : f32[2, 4, 2, 8]
          %4 = Parameter "v" : f32[2, 4, 3, 5, 8]
          %5 = Parameter "mask" : f32[2, 1, 3, 1, 7]
          %6 = Constant : i64[4] = [8, 3, 5, 8]
          %7 = Reshape (%0, %6) : f32[8, 3, 5, 8]
          %8 = Constant : i64[1] = [2]
          %9 = Unsqueeze (%1, %8) : f32[2, 4, 1, 2, 8]
          %10 = Shape {end = 3} (%0) : i64[3]
          %11 = Constant : i64[2] = 1
          %12 = Concat (%10, %11) : i64[5]
          %13 = Expand (%9, %12) : f32[2, 4, 3, 2, 8]
          %14 = Concat {axis = -2} (%13, %2) : f32[2, 4, 3, 7, 8]
          %15 = Constant : i64[4] = [8, 3, 7, 8]
          %16 = Reshape (%14, %15) : f32[8, 3, 7, 8]
          %17 = Constant : i64[1] = [2]
          %18 = Unsqueeze (%3, %17) : f32[2, 4, 1, 2, 8]
          %19 = Constant : i64[3] = [2, 4, 3]
          %20 = Constant : i64[2] = 1
          %21 = Concat (%19, %20) : i64[5]
          %22 = Expand (%18, %21) : f32[2, 4, 3, 2, 8]
          %23 = Concat {axis = -2} (%22, %4) : f32[2, 4, 3, 7, 8]
          %24 = Constant : i64[4] = [8, 3, 7, 8]
          %25 = Reshape (%23, %24) : f32[8, 3, 7, 8]
          %26 = Constant : i64[5] = [2, 4, 3, 1, 7]
          %27 = Expand (%5, %26) : f32[2, 4, 3, 1, 7]
          %28 = Constant : i64[4] = [8, 3, 1, 7]
          %29 = Reshape (%27, %28) : f32[8, 3, 1, 7]
          %30 = FlashAttention (%7, %16, %25, %29) : f32[8, 3, 5, 8]
          %31 = Constant : i64[5] = [2, 4, 3, 5, 8]
          %32 = Reshape (%30, %31) : f32[2, 4, 3, 5, 8]
          return "y" %32
        }
        """)
  }

  /// Scores are made small, so that the largest can be taken off them in 16 bits, and brought back after.
  @Test func theLargestScoreIsTakenOffWhileScaled() throws {
    try expectRewrite(
      pass,
      """
      graph {
        %0 = Parameter "q" : f32[2, 4, 6, 8]
        %1 = Parameter "k" : f32[2, 4, 8, 6]
        %2 = Parameter "v" : f32[2, 4, 6, 8]
        %3 = Parameter "m" : f32[2, 1, 1, 6]
        %4 = MatMul (%0, %1)
        %5 = Add (%4, %3)
        %6 = Constant : f32[] = 32.0
        %7 = Div (%5, %6)
        %8 = Constant : i64[1] = [-1]
        %9 = ReduceMax (%7, %8)
        %10 = Sub (%7, %9)
        %11 = Mul (%10, %6)
        %12 = Softmax (%11)
        %13 = MatMul (%12, %2)
        return "y" %13
      }
      """,
      to: """
        graph {
          %0 = Parameter "q" : f32[2, 4, 6, 8]
          %1 = Parameter "k" : f32[2, 4, 8, 6]
          %2 = Parameter "v" : f32[2, 4, 6, 8]
          %3 = Parameter "m" : f32[2, 1, 1, 6]
          %4 = Transpose {perm = [0, 1, 3, 2]} (%1) : f32[2, 4, 6, 8]
          %5 = FlashAttention (%0, %4, %2, %3) : f32[2, 4, 6, 8]
          return "y" %5
        }
        """)
  }

  /// Attention of inputs, with `mask` between scores %5 and %9, of as many queries as keys.
  private func masked(_ mask: String, weights: String = "%10 = Softmax (%9)\n%11 = Identity (%10)") -> String {
    """
    graph {
      %0 = Parameter "q" : f32[b, 4, s, 8]
      %1 = Parameter "k" : f32[b, 4, s, 8]
      %2 = Parameter "v" : f32[b, 4, s, 8]
      %3 = Parameter "padding" : bool[b, 1, 1, s]
      %4 = Transpose {perm = [0, 1, 3, 2]} (%1)
      %5 = MatMul (%0, %4)
      %low = Constant : f32[] = -1e+30
      %hidden = Constant : f32[] = -inf
      %zero = Constant : i64[] = 0
      %one = Constant : i64[] = 1
      %size = Shape (%0)
      %two = Constant : i64[] = 2
      %length = Gather (%size, %two)
      %columns = Range (%zero, %length, %one)
      %axis = Constant : i64[1] = [1]
      %rows = Unsqueeze (%columns, %axis)
      %seen = LessOrEqual (%columns, %rows)
      \(mask)
      \(weights)
      %12 = MatMul (%11, %2)
      return "y" %12
    }
    """
  }

  @Test func positionsAreReadOffMasks() throws {
    let cases: [(mask: String, causal: String, window: [Int?]?, kind: String)] = [
      ("%9 = Where (%seen, %5, %hidden)", "upperLeft", nil, "none"),
      ("%9 = Where (%seen, %5, %low)", "upperLeft", nil, "none"),
      (
        "%6 = Constant : f32[] = 0.0\n%7 = Where (%seen, %6, %hidden)\n%9 = Add (%5, %7)", "upperLeft", nil, "none"
      ),
      ("%7 = And (%seen, %3)\n%9 = Where (%7, %5, %hidden)", "upperLeft", nil, "boolean"),
      // Where padding hides the keys that causality leaves, all keys weigh alike: the fill must stay.
      ("%7 = And (%seen, %3)\n%9 = Where (%7, %5, %low)", "none", nil, "boolean"),
      (
        "%6 = Sub (%rows, %two)\n%7 = GreaterOrEqual (%columns, %6)\n%8 = And (%seen, %7)\n%9 = Where (%8, %5, %hidden)",
        "upperLeft", [2, nil], "none"
      ),
      (
        "%6 = Sub (%rows, %columns)\n%7 = Abs (%6)\n%8 = LessOrEqual (%7, %two)\n%9 = Where (%8, %5, %hidden)", "none",
        [2, 2], "none"
      ),
      ("%6 = LessOrEqual (%rows, %columns)\n%9 = Where (%6, %5, %hidden)", "none", [0, nil], "none"),
      ("%6 = Add (%rows, %two)\n%7 = Less (%columns, %6)\n%9 = Where (%7, %5, %hidden)", "none", [nil, 1], "none"),
    ]
    for (mask, causal, window, kind) in cases {
      var graph = try Graph(parsing: masked(mask))
      let log = try FusionPipeline([pass]).run(on: &graph)
      let attention = try #require(log.decisions.first?.attention, "\(mask)")
      #expect(attention.causal == causal, "\(mask)")
      #expect(attention.window == window, "\(mask)")
      #expect(attention.mask == kind, "\(mask)")
    }
  }

  /// Every input has symbols of its own; heads are folded into the batch, and the mask is put together with another.
  @Test func batchesThatMeetFoldedAreOne() throws {
    try expectDecisions(
      FusionPipeline([pass]),
      """
      graph {
        %0 = Parameter "q" : f32[a, 4, 6, 8]
        %1 = Parameter "k" : f32[b, 4, 8, 5]
        %2 = Parameter "v" : f32[b, 4, 5, 8]
        %3 = Parameter "mask" : bool[c, 1, 6, 5]
        %4 = Constant : i64[3] = [-1, 6, 8]
        %5 = Reshape (%0, %4) : f32[4*a, 6, 8]
        %6 = Constant : i64[3] = [-1, 8, 5]
        %7 = Reshape (%1, %6) : f32[4*b, 8, 5]
        %8 = MatMul (%5, %7)
        %9 = Constant : i64[4] = [-1, 4, 6, 5]
        %10 = Reshape (%8, %9)
        %11 = Shape (%10)
        %12 = Constant : bool[] = true
        %13 = Expand (%12, %11)
        %14 = And (%13, %3)
        %15 = Constant : f32[] = -inf
        %16 = Where (%14, %10, %15)
        %17 = Softmax (%16)
        %18 = MatMul (%17, %2)
        return "y" %18
      }
      """, ["%17 fused"])
  }

  @Test func constantsThatAreAMaskTogether() throws {
    for (added, decision) in [
      ("[[0.0, -3.0e38], [0.0, 0.0]]", "fused"), ("[[0.0, -3.0e38], [0.0, 1.0]]", "declined scores-gated"),
    ] {
      var graph = try Graph(
        parsing: """
          graph {
            %0 = Parameter "q" : f32[1, 3, 2, 4]
            %1 = Parameter "k" : f32[1, 3, 4, 2]
            %2 = Parameter "v" : f32[1, 3, 2, 4]
            %3 = MatMul (%0, %1)
            %4 = Constant : f32[2, 2] = [[1.0, 0.0], [1.0, 1.0]]
            %5 = Mul (%3, %4)
            %6 = Constant : f32[2, 2] = \(added)
            %7 = Add (%5, %6)
            %8 = Softmax (%7)
            %9 = MatMul (%8, %2)
            return "y" %9
          }
          """)
      let log = try FusionPipeline([pass]).run(on: &graph)
      expectDecisions(log, ["%8 \(decision)"])
      if decision == "fused" { #expect(log.decisions.first?.attention?.causal == "upperLeft") }
    }
  }

  @Test func refusalsSayWhy() throws {
    let plain = "%9 = Identity (%5)"
    let cases: [(text: String, decision: String)] = [
      (
        masked(
          plain,
          weights: "%6 = Constant : f32[] = 0.0\n%10 = Softmax (%9)\n%11 = Where (%3, %10, %6)"),
        "declined weights-gated"
      ),
      (
        masked("%6 = Constant : f32[] = -1.0\n%7 = Constant : f32[] = 1.0\n%9 = Clip (%5, %6, %7)"),
        "declined scores-clamped"
      ),
      (
        """
        graph {
          %0 = Parameter "x" : f32[b, s, 8]
          %1 = Constant : f32[8, 2] = 0.5
          %2 = MatMul (%0, %1)
          %3 = Softmax (%2)
          %4 = Constant : f32[2, 8] = 0.25
          %5 = MatMul (%3, %4)
          return "y" %5
        }
        """, "not-attention constant-keys"
      ),
      (
        """
        graph {
          %0 = Parameter "x" : f32[2, 4, 6, 8]
          %1 = Constant : f32[4, 8, 3] = 0.5
          %2 = MatMul (%0, %1)
          %3 = Softmax (%2)
          %4 = Constant : f32[4, 3, 8] = 0.25
          %5 = MatMul (%3, %4)
          return "y" %5
        }
        """, "not-attention constant-keys"
      ),
      (
        """
        graph {
          %0 = Parameter "q" : f32[2, 4, 6, 8]
          %1 = Parameter "kt" : f32[2, 4, 8, 6]
          %2 = Parameter "v" : f32[2, 4, 6, 8]
          %3 = Parameter "column" : f32[2, 4, 6, 1]
          %4 = MatMul (%0, %1)
          %5 = Concat {axis = -1} (%4, %3)
          %6 = Softmax (%5)
          %7 = Constant : i64[1] = [0]
          %8 = Constant : i64[1] = [-1]
          %9 = Slice (%6, %7, %8, %8)
          %10 = MatMul (%9, %2)
          return "y" %10
        }
        """, "declined sink-not-per-head"
      ),
    ]
    for (text, decision) in cases {
      var graph = try Graph(parsing: text)
      let log = try FusionPipeline([pass]).run(on: &graph)
      #expect(log.decisions.map { "\($0.verdict.rawValue) \($0.reason?.code ?? "")" } == [decision])
    }
  }
}
