import Fusion
import GraphIR
import Operations
import Rewriting
import TestSupport
import Testing

/// What looks like attention and is none, and numbers at the edge of a type's range.
@Suite struct AttentionBoundariesTests {
  private let pass = FlashAttentionFusionPass()

  private func decisions(on text: String) throws -> [FusionDecision] {
    var graph = try Graph(parsing: text)
    return try FusionPipeline([pass]).run(on: &graph).decisions
  }

  /// A softmax over experts, slots or features of a linear layer, however its result is used.
  @Test(arguments: [
    "%3 = MatMul (%0, %1)", "%2 = Constant : f32[6] = 0.1\n%4 = MatMul (%0, %1)\n%3 = Add (%4, %2)",
    "%3 = Einsum {equation = \"bsd,de->bse\"} (%0, %1)",
  ])
  func aLinearLayerHasNoKeys(scores: String) throws {
    let text = """
      graph {
        %0 = Parameter "x" : f32[b, s, 16]
        %1 = Constant : f32[16, 6] = 0.1
        \(scores)
        %5 = Softmax (%3) : f32[b, s, 6]
        %6 = Parameter "experts" : f32[b, 6, 16]
        %7 = MatMul (%5, %6) : f32[b, s, 16]
        return "y" %7
      }
      """
    let decision = try #require(try decisions(on: text).first)
    #expect(decision.verdict == .notAttention)
    #expect(decision.reason?.code == "constant-keys")
  }

  /// A size that is known to be 0 can't be said in the shapes that fold axes: 0 means another size there.
  @Test func attentionOverNothingIsLeftAlone() throws {
    let text = """
      graph {
        %0 = Parameter "x" : f32[b, 0, h, s, 4]
        %1 = Transpose {perm = [0, 1, 2, 4, 3]} (%0)
        %2 = MatMul (%0, %1) : f32[b, 0, h, s, s]
        %3 = Softmax (%2)
        %4 = MatMul (%3, %0) : f32[b, 0, h, s, 4]
        return "y" %4
      }
      """
    let decision = try #require(try decisions(on: text).first)
    #expect(decision.verdict == .declined)
    #expect(decision.reason?.code == "not-expressible")
  }

  /// Linear attention: keys are normalised over the sequence, and summed over it before any query is seen.
  @Test func linearAttentionIsNone() throws {
    let text = """
      graph {
        %0 = Parameter "x" : f32[b, s, 16]
        %1 = Constant : f32[16, 8] = 0.1
        %2 = Parameter "v" : f32[b, s, 8]
        %3 = MatMul (%0, %1) : f32[b, s, 8]
        %4 = Softmax {axis = 1} (%3) : f32[b, s, 8]
        %5 = Transpose {perm = [0, 2, 1]} (%4)
        %6 = MatMul (%5, %2) : f32[b, 8, 8]
        %7 = Constant : f32[16, 8] = 0.1
        %8 = MatMul (%0, %7) : f32[b, s, 8]
        %9 = Softmax (%8) : f32[b, s, 8]
        %10 = MatMul (%9, %6) : f32[b, s, 8]
        return "y" %10
      }
      """
    #expect(try decisions(on: text).map(\.verdict) == [.notAttention, .notAttention])
  }

  /// A table of relative positions times the queries is a bias, whichever operand of the sum it is.
  @Test(arguments: ["(%5, %7)", "(%7, %5)"])
  func aProductWithATableIsABias(operands: String) throws {
    try expectRewrite(
      pass,
      """
      graph {
        %0 = Parameter "q" : f32[2, 4, 6, 8]
        %1 = Parameter "k" : f32[2, 4, 6, 8]
        %2 = Parameter "v" : f32[2, 4, 6, 8]
        %4 = Transpose {perm = [0, 1, 3, 2]} (%1)
        %5 = MatMul (%0, %4)
        %6 = Constant : f32[8, 6] = 0.1
        %7 = MatMul (%0, %6)
        %8 = Add \(operands)
        %9 = Softmax (%8)
        %10 = MatMul (%9, %2)
        return "y" %10
      }
      """,
      to: """
        graph {
          %0 = Parameter "q" : f32[2, 4, 6, 8]
          %1 = Parameter "k" : f32[2, 4, 6, 8]
          %2 = Parameter "v" : f32[2, 4, 6, 8]
          %3 = Constant : f32[8, 6] = 0.1
          %4 = MatMul (%0, %3) : f32[2, 4, 6, 6]
          %5 = FlashAttention (%0, %1, %2, %4) : f32[2, 4, 6, 8]
          return "y" %5
        }
        """)
  }

  /// A graph of queries %0, keys %1, values %2 and two masks, %3 and %4, whose `steps` give `output`.
  private func graph(_ steps: String, output: String, element: String = "f32") -> String {
    """
    graph {
      %0 = Parameter "q" : \(element)[2, 4, 6, 8]
      %1 = Parameter "k" : \(element)[2, 4, 8, 6]
      %2 = Parameter "v" : \(element)[2, 4, 6, 8]
      %3 = Parameter "kept" : bool[2, 1, 1, 6]
      %4 = Parameter "m" : \(element)[2, 1, 1, 6]
      \(steps)
      return "y" \(output)
    }
    """
  }

  /// Attention with `steps` between product %5 and second product, which reads %11.
  private func attention(_ steps: String, element: String = "f32") -> String {
    graph("%5 = MatMul (%0, %1)\n\(steps)\n%12 = MatMul (%11, %2)", output: "%12", element: element)
  }

  /// Scores times a table of ones and zeros, plus a low number where that has zeros: causal, in the words of the first GPT.
  @Test func aMaskByArithmeticIsRead() throws {
    let table = "[" + (0..<6).map { row in "\((0..<6).map { $0 <= row ? 1.0 : 0.0 })" }.joined(separator: ", ") + "]"
    let steps = """
      %6 = Constant : f32[6, 6] = \(table)
      %7 = Mul (%5, %6)
      %8 = Constant : f32[] = 1.0
      %9 = Sub (%8, %6)
      %10 = Constant : f32[] = -10000.0
      %13 = Mul (%9, %10)
      %14 = Add (%7, %13)
      %11 = Softmax (%14)
      """
    let decision = try #require(try decisions(on: attention(steps)).first)
    #expect(decision.verdict == .fused)
    #expect(decision.attention?.causal == "upperLeft")
    #expect(decision.attention?.mask == "none")
    // Where the table is an input, it may hold other numbers.
    let unknown = steps.replacing("%6 = Constant : f32[6, 6] = \(table)", with: "%6 = Parameter \"table\" : f32[6, 6]")
    #expect(try decisions(on: attention(unknown)).first?.reason?.code == "scores-gated")
  }

  /// A fill of −10⁴ and then padding: where all keys are hidden, those that only the first mask hides share the weight.
  @Test func paddingMayFollowAHighFill() throws {
    let steps = """
      %6 = Constant : f32[] = -10000.0
      %7 = Where (%3, %5, %6)
      %8 = Parameter "padding" : i64[2, 1, 1, 6]
      %9 = Cast {to = f32} (%8)
      %10 = Constant : f32[] = 1.0
      %13 = Sub (%10, %9)
      %14 = Constant : f32[] = -3.4028235e+38
      %15 = Mul (%13, %14)
      %16 = Add (%7, %15)
      %11 = Softmax (%16)
      """
    let log = try expectRewrite(
      pass, attention(steps),
      to: graph(
        """
        %5 = Parameter "padding" : i64[2, 1, 1, 6]
        %6 = Cast {to = f32} (%5)
        %7 = Constant : f32[] = 1.0
        %8 = Sub (%7, %6)
        %9 = Constant : f32[] = -3.4028235e+38
        %10 = Mul (%8, %9)
        %11 = Constant : f32[] = -1000000000.0
        %12 = Greater (%10, %11)
        %13 = And (%3, %12)
        %14 = Cast {to = i32} (%13)
        %15 = Constant : i64[1] = [3]
        %16 = ReduceMax (%14, %15)
        %17 = Cast {to = bool} (%16)
        %18 = Constant : f32[] = 0.0
        %19 = Where (%17, %0, %18)
        %20 = Transpose {perm = [0, 1, 3, 2]} (%1)
        %21 = Constant : f32[] = 0.0
        %22 = Constant : f32[] = -10000.0
        %23 = Where (%3, %21, %22)
        %24 = Add (%23, %10)
        %25 = FlashAttention (%19, %20, %2, %24)
        """, output: "%25"))
    #expect(log.decisions.first?.assumptions == ["scores that are seen lie far above -10000.0"])
    // A mask of other numbers than 0 and 1, or one that is not low enough, leaves scores in rows that see nothing.
    let fractions = steps.replacing("i64[2, 1, 1, 6]", with: "f32[2, 1, 1, 6]")
      .replacing("Cast {to = f32}", with: "Identity")
    for other in [fractions, steps.replacing("-3.4028235e+38", with: "-10000.0")] {
      #expect(try decisions(on: attention(other)).first?.reason?.code == "bias-after-mask")
    }
  }

  /// Scores to which a bias is assigned in place, at the places that `first` and `second` (of queries and keys) say.
  private func assigned(first: String = "%rows", second: String = "%columns", reduction: String = "") -> String {
    """
    %zero = Constant : i64[] = 0
    %one = Constant : i64[] = 1
    %six = Constant : i64[] = 6
    %20 = Constant : i64[2, 4, 6, 6, 1] = 0
    %batches = Parameter "batches" : i64[2, 4, 6, 6, 1]
    %range = Range (%zero, %six, %one) : i64[6]
    %late = Range (%one, %six, %one) : i64[5]
    %shape = Constant : i64[5] = [2, 4, 6, 6, 1]
    %r = Constant : i64[3] = [6, 1, 1]
    %c = Constant : i64[2] = [6, 1]
    %r2 = Reshape (%range, %r)
    %c2 = Reshape (%range, %c)
    %rows = Expand (%r2, %shape)
    %columns = Expand (%c2, %shape)
    %two = Constant : i64[] = 2
    %four = Constant : i64[] = 4
    %b1 = Range (%zero, %two, %one) : i64[2]
    %b2 = Constant : i64[5] = [2, 1, 1, 1, 1]
    %b3 = Reshape (%b1, %b2)
    %b = Expand (%b3, %shape)
    %h1 = Range (%zero, %four, %one) : i64[4]
    %h2 = Constant : i64[4] = [4, 1, 1, 1]
    %h3 = Reshape (%h1, %h2)
    %h = Expand (%h3, %shape)
    %places = Concat {axis = -1} (%b, %h, \(first), \(second)) : i64[2, 4, 6, 6, 4]
    %sum = Add (%5, %4)
    %6 = ScatterND {\(reduction)} (%5, %places, %sum)
    %11 = Softmax (%6)
    """
  }

  @Test func anAssignmentToAllScoresIsSeenThrough() throws {
    let log = try expectRewrite(
      pass, attention(assigned()),
      to: graph(
        """
        %batches = Parameter "batches" : i64[2, 4, 6, 6, 1]
        %5 = Transpose {perm = [0, 1, 3, 2]} (%1) : f32[2, 4, 6, 8]
        %8 = FlashAttention (%0, %5, %2, %4) : f32[2, 4, 6, 8]
        """, output: "%8"))
    #expect(log.decisions.count == 1)
  }

  /// Places that are turned round, come from an input or are all the same, and sums instead of assignments.
  @Test(arguments: [
    ("%columns", "%rows", ""), ("%rows", "%batches", ""), ("%20", "%columns", ""),
    ("%rows", "%columns", "reduction = \"add\""),
  ])
  func anAssignmentElsewhereIsNot(first: String, second: String, reduction: String) throws {
    let text = attention(assigned(first: first, second: second, reduction: reduction))
    #expect(try decisions(on: text).first?.reason?.code == "no-score-product")
  }

  /// Where weights are drawn by lot, no two runs are alike.
  @Test func dropoutInTrainingStays() throws {
    let steps = """
      %6 = Softmax (%5)
      %7 = Constant : f32[] = 0.5
      %8 = Constant : bool[] = true
      %11 = Dropout (%6, %7, %8)
      """
    let decision = try #require(try decisions(on: attention(steps)).first)
    #expect(decision.reason?.code == "no-value-product")
    let inference = steps.replacing("= true", with: "= false")
    #expect(try decisions(on: attention(inference)).map(\.verdict) == [.fused])
  }

  /// The lowest number of 32 bits is −∞ in 16: a row that sees nothing is NaN, not the mean of the values.
  @Test func aCastToASmallerRangeHidesForGood() throws {
    let steps = """
      %6 = Constant : f32[] = -3.4e+38
      %7 = Where (%3, %5, %6)
      %8 = Cast {to = f16} (%7)
      %9 = Softmax (%8)
      %11 = Cast {to = f32} (%9)
      """
    try expectRewrite(
      pass, attention(steps),
      to: graph(
        """
        %5 = Transpose {perm = [0, 1, 3, 2]} (%1) : f32[2, 4, 6, 8]
        %6 = FlashAttention (%0, %5, %2, _, %3) : f32[2, 4, 6, 8]
        """, output: "%6"))
  }

  @Test func aBiasIsCutOffByACastToo() throws {
    let steps = """
      %6 = Add (%5, %4)
      %8 = Cast {to = f16} (%6)
      %9 = Softmax (%8)
      %11 = Cast {to = f32} (%9)
      """
    try expectRewrite(
      pass, attention(steps),
      to: graph(
        """
        %5 = Transpose {perm = [0, 1, 3, 2]} (%1) : f32[2, 4, 6, 8]
        %6 = Cast {to = f16} (%4) : f16[2, 1, 1, 6]
        %7 = Cast {to = f32} (%6) : f32[2, 1, 1, 6]
        %8 = FlashAttention (%0, %5, %2, %7) : f32[2, 4, 6, 8]
        """, output: "%8"))
  }

  /// In 32 bits it would be −∞, and a row in which nothing is seen NaN instead of the mean of the values.
  @Test(arguments: ["f32", "f64"]) func aFillThatOnly64BitsHoldIsKept(element: String) throws {
    let steps = """
      %6 = Constant : f64[] = -1.7e+308
      %7 = Cast {to = f64} (%5)
      %8 = Where (%3, %7, %6)
      %9 = Softmax (%8)
      %11 = Cast {to = \(element)} (%9)
      """
    var graph = try Graph(parsing: attention(steps, element: element))
    _ = try FusionPipeline([pass]).run(on: &graph)
    #expect(graph.goldenText.contains("maskedScore = -1.7e+308"))
    #expect(graph.nodes.contains { $0.operation is FlashAttention && graph.type(of: Value($0.id)).element == .float64 })
  }
}
