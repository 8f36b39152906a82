import Fusion
import GraphIR
import Operations
import Rewriting
import TestSupport
import Testing

/// Rotary embeddings, and products with bias and activation, in the spellings of exporters.
@Suite struct RotaryFusionTests {
  private func text(_ body: String) -> String {
    """
    graph {
      %x = Parameter "x" : f32[n, 2, s, 8]
      %cos = Parameter "cos" : f32[n, 1, s, 8]
      %sin = Parameter "sin" : f32[n, 1, s, 8]
      %zero = Constant : i64[1] = [0]
      %one = Constant : i64[1] = [1]
      %two = Constant : i64[1] = [2]
      %four = Constant : i64[1] = [4]
      %end = Constant : i64[1] = [9223372036854775807]
      %last = Constant : i64[1] = [3]
      \(body)
      return "y" %y
    }
    """
  }

  private let halves = "%a = Slice (%x, %zero, %four, %last, %one) %b = Slice (%x, %four, %end, %last, %one)"
  private let sum = "%p = Mul (%x, %cos) %q = Mul (%c, %sin) %y = Add (%p, %q)"
  private let pass = RotaryPositionFusionPass()

  @Test func halvesOfTheFeatures() throws {
    let log = try expectRewrite(
      pass, text("\(halves) %m = Neg (%b) %c = Concat {axis = 3} (%m, %a) \(sum)"),
      to: text("%y = RotaryPosition (%x, %cos, %sin)"))
    expectDecisions(log, ["%c fused"])
  }

  @Test func neighbours() throws {
    let pairs = """
      %a = Slice (%x, %zero, %end, %last, %two) %b = Slice (%x, %one, %end, %last, %two) %m = Neg (%b)
      %f = Constant : i64[1] = [4] %u = Unsqueeze (%a, %f) %v = Unsqueeze (%m, %f) %d = Concat {axis = 4} (%v, %u)
      %r = Constant : i64[4] = [0, 2, -1, 8] %c = Reshape (%d, %r)
      """
    try expectRewrite(
      pass, text("\(pairs) \(sum)").replacing("[n, 2, s, 8]", with: "[n, 2, 3, 8]").replacing("1, s", with: "1, 3"),
      to: text("%y = RotaryPosition {interleaved = true} (%x, %cos, %sin)")
        .replacing("[n, 2, s, 8]", with: "[n, 2, 3, 8]").replacing("1, s", with: "1, 3"))
  }

  @Test func whatOnlyLooksLikeIt() throws {
    for (body, codes) in [
      // Unequal parts; the other one negated; joined elsewhere; read by others.
      (
        halves.replacing("%four", with: "%two") + " %m = Neg (%b) %c = Concat {axis = 3} (%m, %a) \(sum)",
        ["other-part"]
      ),
      ("\(halves) %m = Neg (%a) %c = Concat {axis = 3} (%b, %m) \(sum)", [String]()),
      ("\(halves) %m = Neg (%b) %c = Concat {axis = 3} (%m, %a) \(sum) return \"turned\" %c", ["used-elsewhere"]),
    ] {
      let log = try expectNoRewrite(pass, text(body))
      #expect(log.decisions.compactMap(\.reason?.code) == codes, "\(body)")
    }
  }

  private func linear(_ body: String) -> String {
    """
    graph {
      %x = Parameter "x" : f32[n, 8]
      %w = Parameter "w" : f32[8, 4]
      %t = Parameter "t" : f32[4, 8]
      %b = Constant : f32[4] = [1.0, 2.0, 3.0, 4.0]
      \(body)
      return "y" %y
    }
    """
  }

  @Test func productsWithBiasAndActivation() throws {
    let pass = MatMulBiasActivationFusionPass()
    for (body, fused) in [
      ("%p = MatMul (%x, %w) %s = Add (%b, %p) %y = Relu (%s)", "%y = MatMulBiasActivation (%x, %w, %b)"),
      (
        "%p = MatMul (%x, %w) %s = Add (%p, %b) %y = Gelu {approximate = \"tanh\"} (%s)",
        "%y = MatMulBiasActivation {activation = \"tanhGelu\"} (%x, %w, %b)"
      ),
      (
        "%s = Gemm {transB = true} (%x, %t, %b) %y = Swish {alpha = 1.5} (%s)",
        "%y = MatMulBiasActivation {activation = \"swish\", alpha = 1.5, transB = true} (%x, %t, %b)"
      ),
    ] {
      let log = try expectRewrite(pass, linear(body), to: linear(fused))
      #expect(log.decisions.map(\.verdict) == [.fused])
    }
    for (body, codes) in [
      ("%s = Gemm {alpha = 2.0} (%x, %w, %b) %y = Relu (%s)", ["other-form"]),
      ("%c = Constant : f32[] = 1.0 %p = MatMul (%x, %w) %s = Add (%p, %c) %y = Relu (%s)", ["other-shape"]),
      ("%p = MatMul (%x, %w) %s = Add (%p, %b) %y = Relu (%s) return \"sum\" %s", ["used-elsewhere"]),
      ("%p = MatMul (%x, %w) %s = Add (%p, %p) %y = Relu (%s)", ["other-shape"]),
    ] {
      let log = try expectNoRewrite(pass, linear(body))
      #expect(log.decisions.compactMap(\.reason?.code) == codes, "\(body)")
    }
  }
}
