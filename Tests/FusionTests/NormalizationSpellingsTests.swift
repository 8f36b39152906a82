import Fusion
import GraphIR
import Operations
import Rewriting
import TestSupport
import Testing

/// Ways to spell what makes scores weights: what is found, and what is left alone.
@Suite struct NormalizationSpellingsTests {
  private let pass = FlashAttentionFusionPass()

  private func decisions(on text: String) throws -> [FusionDecision] {
    var graph = try Graph(parsing: text)
    return try FusionPipeline([pass]).run(on: &graph).decisions
  }

  private func attention(_ lines: String, mask: String = "bool") -> String {
    """
    graph "spelled" {
      %0 = Parameter "q" : f32[2, 4, 6, 8]
      %1 = Parameter "k" : f32[2, 4, 8, 6]
      %2 = Parameter "v" : f32[2, 4, 6, 8]
      %3 = Parameter "mask" : \(mask)[6, 6]
      %axis = Constant : i64[1] = [-1]
      %4 = MatMul (%0, %1) : f32[2, 4, 6, 6]
      \(lines)
      return "y" %y
    }
    """
  }

  private func fused(_ lines: String, inputs: String, attributes: String = "") -> String {
    """
    graph "spelled" {
      %0 = Parameter "q" : f32[2, 4, 6, 8]
      %1 = Parameter "k" : f32[2, 4, 8, 6]
      %2 = Parameter "v" : f32[2, 4, 6, 8]
      %3 = Parameter "mask" : bool[6, 6]
      \(lines)
      %y = FlashAttention \(attributes)(%0, %4, %2\(inputs)) : f32[2, 4, 6, 8]
      return "y" %y
    }
    """
  }

  private let key = "%4 = Transpose {perm = [0, 1, 3, 2]} (%1)"

  @Test func aPaddedColumnIsASinkOfOneNumber() throws {
    try expectRewrite(
      pass,
      attention(
        """
        %5 = Constant : i64[8] = [0, 0, 0, 0, 0, 0, 0, 1]
        %6 = Constant : f32[] = 0.5
        %7 = Pad (%4, %5, %6)
        %8 = Softmax (%7)
        %9 = Constant : i64[1] = [0]
        %10 = Slice (%8, %9, %axis, %axis) : f32[2, 4, 6, 6]
        %y = MatMul (%10, %2)
        """),
      to: fused(
        """
        \(key)
        %5 = Constant : f32[1] = 0.5
        %6 = Constant : i64[1] = [4]
        %7 = Expand (%5, %6) : f32[4]
        """, inputs: ", _, _, %7"))
  }

  @Test(arguments: ["%7", "%floored"]) func aProductMayBeDividedInsteadOfTheWeights(divisor: String) throws {
    try expectRewrite(
      pass,
      attention(
        """
        %5 = ReduceMax (%4, %axis)
        %6 = Sub (%4, %5)
        %e = Exp (%6)
        %7 = ReduceSum (%e, %axis)
        %8 = Constant : f32[] = 0.0000001
        %floored = Max (%7, %8)
        %9 = MatMul (%e, %2)
        %y = Div (%9, \(divisor))
        """), to: fused(key, inputs: ""))
  }

  /// Masked after the softmax and normalised again: what the mask hides might as well have had a score of −∞.
  @Test func weightsMayBeMaskedAndNormalizedAgain() throws {
    let lines = """
      %5 = Cast {to = f32} (%3)
      %6 = Softmax (%4)
      %7 = Mul (%6, %5)
      %8 = ReduceSum (%7, %axis)
      """
    let mask = key + "\n%5 = Constant : i64[2] = [0, 1]\n%6 = Unsqueeze (%3, %5) : bool[1, 1, 6, 6]"
    try expectRewrite(
      pass, attention(lines + "\n%9 = Div (%7, %8)\n%y = MatMul (%9, %2)"), to: fused(mask, inputs: ", _, %6"))
    // A sum that is kept above 0 makes a row without weights 0.
    let floored = "\n%8b = Constant : f32[] = 1e-12\n%8c = Add (%8, %8b)\n%9 = Div (%7, %8c)\n%y = MatMul (%9, %2)"
    try expectRewrite(
      pass, attention(lines + floored), to: fused(mask, inputs: ", _, %6", attributes: "{guardsNaN = true} "))
  }

  /// All that is left of −∞ and NaN among weights is 0; others than these are never infinite.
  @Test func weightsThatAreMadeFiniteAreGuarded() throws {
    try expectRewrite(
      pass,
      attention(
        """
        %5 = Softmax (%4)
        %6 = Constant : f32[] = 0
        %7 = Constant : f32[] = 3e38
        %8 = IsNaN (%5)
        %9 = Where (%8, %6, %5)
        %10 = IsInf (%5)
        %11 = Greater (%5, %6)
        %12 = And (%11, %10)
        %13 = Where (%12, %7, %9)
        %y = MatMul (%13, %2)
        """), to: fused(key, inputs: "", attributes: "{guardsNaN = true} "))
  }

  @Test func theLargestOfAllScoresMayBeSubtracted() throws {
    try expectRewrite(
      pass,
      attention(
        """
        %5 = ReduceMax {keepdims = false} (%4) : f32[]
        %6 = Sub (%4, %5)
        %7 = Softmax (%6)
        %y = MatMul (%7, %2)
        """), to: fused(key, inputs: ""))
  }

  /// Every head made of all heads, before or after the softmax.
  @Test(arguments: [
    "%5 = Constant : f32[4, 4, 1, 1] = 0.1\n%6 = Conv (%4, %5)\n%7 = Softmax (%6)\n%y = MatMul (%7, %2)",
    "%5 = Constant : f32[4, 4, 1, 1] = 0.1\n%6 = Softmax (%4)\n%7 = Conv (%6, %5)\n%y = MatMul (%7, %2)",
    "%5 = Constant : f32[4, 4] = 0.1\n%6 = Transpose {perm = [0, 2, 3, 1]} (%4)\n%7 = MatMul (%6, %5)\n"
      + "%8 = Transpose {perm = [0, 3, 1, 2]} (%7)\n%9 = Softmax (%8)\n%y = MatMul (%9, %2)",
    "%5 = Constant : f32[4, 4] = 0.1\n%6 = Softmax (%4)\n%7 = Einsum {equation = \"bhqk,hg->bgqk\"} (%6, %5)\n"
      + "%y = MatMul (%7, %2)",
  ]) func headsThatAreMixedAreDeclined(lines: String) throws {
    let decisions = try decisions(on: attention(lines))
    #expect(decisions.map(\.verdict) == [.declined])
    #expect(decisions.compactMap { $0.reason?.code } == ["heads-mixed"])
  }

  /// A number that changes the weights, a mask that is none, a gate, more columns than one: each is left alone.
  @Test(arguments: [
    (
      "%5 = ReduceMax (%4, %axis)\n%6 = Sub (%4, %5)\n%7 = Exp (%6)\n%8 = ReduceSum (%7, %axis)\n"
        + "%9 = Constant : f32[] = 0.001\n%10 = Add (%8, %9)\n%11 = Div (%7, %10)\n%y = MatMul (%11, %2)",
      "f32", [String]()
    ),
    (
      "%5 = Softmax (%4)\n%6 = Mul (%5, %3)\n%7 = ReduceSum (%6, %axis)\n%8 = Div (%6, %7)\n%y = MatMul (%8, %2)",
      "f32", ["scores-used-elsewhere"]
    ),
    (
      "%b = Parameter \"bias\" : f32[6]\n%5 = Add (%4, %b)\n%6 = Softmax (%5)\n%7 = Cast {to = f32} (%3)\n"
        + "%8 = Mul (%6, %7)\n%9 = ReduceSum (%8, %axis)\n%10 = Div (%8, %9)\n%y = MatMul (%10, %2)",
      "bool", ["weights-gated"]
    ),
    (
      "%5 = Constant : i64[8] = [0, 0, 0, 0, 0, 0, 0, 2]\n%6 = Pad (%4, %5)\n%7 = Softmax (%6)\n"
        + "%8 = Constant : i64[1] = [0]\n%9 = Constant : i64[1] = [-2]\n%10 = Slice (%7, %8, %9, %axis)\n%y = MatMul (%10, %2)",
      "f32", ["no-score-product"]
    ),
    (
      "%5 = Exp (%4)\n%a = Constant : i64[1] = [-2]\n%6 = ReduceSum (%5, %a) : f32[2, 4, 1, 6]\n"
        + "%7 = Transpose {perm = [0, 1, 3, 2]} (%6) : f32[2, 4, 6, 1]\n%8 = MatMul (%5, %2)\n%y = Div (%8, %7)",
      "f32", []
    ),
    (
      "%5 = Exp (%4)\n%6 = ReduceSum (%5, %axis)\n%7 = MatMul (%5, %2)\n%8 = Neg (%7)\n%9 = Div (%7, %6)\n%y = Add (%8, %9)",
      "f32", ["scores-used-elsewhere"]
    ),
  ]) func whatIsNoSoftmaxIsLeftAlone(lines: String, mask: String, reasons: [String]) throws {
    let decisions = try decisions(on: attention(lines, mask: mask))
    #expect(!decisions.contains { $0.verdict == .fused })
    #expect(decisions.compactMap { $0.reason?.code } == reasons)
  }
}
