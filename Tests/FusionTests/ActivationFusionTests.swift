import Fusion
import GraphIR
import Operations
import Rewriting
import TestSupport
import Testing

/// GELU, SiLU and SwiGLU in the spellings that exporters have, and what only looks like them.
@Suite struct ActivationFusionTests {
  private func unary(_ body: String, _ result: String = "%y") -> String {
    """
    graph {
      %x = Parameter "x" : f32[n, 8]
      %half = Constant : f32[] = 0.5
      %one = Constant : f32[] = 1.0
      %root = Constant : f32[] = 1.4142135
      \(body)
      return "y" \(result)
    }
    """
  }

  private func single(_ operation: String) -> String {
    "graph {\n %x = Parameter \"x\" : f32[n, 8]\n %y = \(operation)\n return \"y\" %y\n}"
  }

  @Test(arguments: [
    // As TorchScript, torch.export, and two hand-written models have it.
    "%a = Div (%x, %root) %b = Erf (%a) %c = Add (%b, %one) %d = Mul (%x, %c) %y = Mul (%d, %half)",
    "%a = Div (%x, %root) %b = Erf (%a) %c = Add (%one, %b) %d = Mul (%half, %c) %y = Mul (%x, %d)",
    "%r = Constant : f32[] = 0.7071 %a = Mul (%r, %x) %b = Erf (%a) %c = Add (%b, %one) %d = Mul (%half, %x) %y = Mul (%d, %c)",
    "%r = Constant : f32[] = 2.0 %s = Sqrt (%r) %a = Div (%x, %s) %b = Erf (%a) %c = Add (%b, %one) %d = Mul (%x, %c) %y = Div (%d, %r)",
  ])
  func exactGelu(_ body: String) throws {
    let log = try expectRewrite(GeluFusionPass(), unary(body), to: single("Gelu (%x)"))
    expectDecisions(log, ["%b fused"])
  }

  @Test(arguments: [
    "%p = Constant : f32[] = 3.0 %a = Pow (%x, %p) %b = Mul (%k, %a) %c = Add (%x, %b) %d = Mul (%s, %c)",
    "%a = Mul (%x, %x) %b = Mul (%x, %a) %c = Mul (%b, %k) %e = Add (%c, %x) %d = Mul (%e, %s)",
    "%a = Mul (%k, %x) %b = Mul (%a, %x) %c = Mul (%b, %x) %e = Add (%c, %x) %d = Mul (%e, %s)",
    "%a = Mul (%x, %x) %b = Mul (%a, %k) %c = Add (%one, %b) %e = Mul (%x, %s) %d = Mul (%e, %c)",
  ])
  func geluByHyperbolicTangent(_ body: String) throws {
    let numbers = "%k = Constant : f32[] = 0.044715 %s = Constant : f32[] = 0.7978845608"
    for rest in [
      "%t = Tanh (%d) %u = Add (%t, %one) %v = Mul (%x, %half) %y = Mul (%v, %u)",
      "%t = Tanh (%d) %u = Add (%one, %t) %v = Mul (%x, %u) %y = Mul (%half, %v)",
    ] {
      let log = try expectRewrite(
        GeluFusionPass(), unary("\(numbers) \(body) \(rest)"), to: single("Gelu {approximate = \"tanh\"} (%x)"))
      expectDecisions(log, ["%t fused"])
    }
  }

  @Test func whatOnlyLooksLikeGelu() throws {
    let cases = [
      // Another width of the bell, another half, another one.
      (
        "%w = Constant : f32[] = 1.5 %a = Div (%x, %w) %b = Erf (%a) %c = Add (%b, %one) %d = Mul (%x, %c) %y = Mul (%d, %half)",
        "%b declined other-constant"
      ),
      ("%a = Div (%x, %root) %b = Erf (%a) %c = Add (%b, %one) %y = Mul (%x, %c)", "%b declined other-constant"),
      (
        "%a = Div (%x, %root) %b = Erf (%a) %c = Sub (%b, %one) %d = Mul (%x, %c) %y = Mul (%d, %half)",
        "%b declined other-constant"
      ),
      // The cube's factor.
      (
        """
        %k = Constant : f32[] = 0.05 %s = Constant : f32[] = 0.7978845608 %p = Constant : f32[] = 3.0 %a = Pow (%x, %p)
        %e = Mul (%a, %k) %c = Add (%e, %x) %d = Mul (%c, %s) %t = Tanh (%d) %u = Add (%t, %one) %v = Mul (%x, %u)
        %y = Mul (%half, %v)
        """, nil
      ),
    ]
    for (body, decision) in cases {
      let log = try expectNoRewrite(GeluFusionPass(), unary(body))
      #expect(log.decisions.allSatisfy { $0.verdict == .declined && $0.reason?.code == "other-constant" })
      if let decision { #expect(log.decisions.count == 1, "\(decision)") }
    }
    // Something else than x in one of its places is another formula, and no decision.
    let other =
      "%z = Neg (%x) %a = Div (%z, %root) %b = Erf (%a) %c = Add (%b, %one) %d = Mul (%x, %c) %y = Mul (%d, %half)"
    expectDecisions(try expectNoRewrite(GeluFusionPass(), unary(other)), [])
  }

  @Test func whatLiesInsideMustBeReadInside() throws {
    let text = unary(
      """
      %a = Div (%x, %root) %b = Erf (%a) %c = Add (%b, %one) %d = Mul (%x, %c) %y = Mul (%d, %half)
      return "inner" %c
      """)
    expectDecisions(try expectNoRewrite(GeluFusionPass(), text), ["%b declined used-elsewhere"])
  }

  @Test func aConstantThatWidensTheResultIsNoFactor() throws {
    let text = unary(
      """
      %wide = Constant : f32[1, 1, 1] = 0.5
      %a = Div (%x, %root) %b = Erf (%a) %c = Add (%b, %one) %d = Mul (%x, %c) %y = Mul (%d, %wide)
      """)
    expectDecisions(try expectNoRewrite(GeluFusionPass(), text), ["%b declined not-expressible"])
  }

  @Test(arguments: [
    ("%s = Sigmoid (%x) %y = Mul (%x, %s)", "Swish (%x)"),
    ("%k = Constant : f32[] = 1.75 %a = Mul (%x, %k) %s = Sigmoid (%a) %y = Mul (%s, %x)", "Swish {alpha = 1.75} (%x)"),
    ("%a = Neg (%x) %b = Exp (%a) %c = Add (%b, %one) %y = Div (%x, %c)", "Swish (%x)"),
    ("%a = Neg (%x) %b = Exp (%a) %c = Add (%one, %b) %d = Reciprocal (%c) %y = Mul (%d, %x)", "Swish (%x)"),
  ])
  func silu(_ body: String, _ fused: String) throws {
    let log = try expectRewrite(SiluFusionPass(), unary(body), to: single(fused))
    #expect(log.decisions.map(\.verdict) == [.fused])
  }

  @Test func aGateOfSomethingElseIsNoSilu() throws {
    let text = unary("%z = Neg (%x) %s = Sigmoid (%z) %y = Mul (%x, %s)")
    // x·sigmoid(−x) is silu's mirror image; of another tensor it is a gate.
    expectDecisions(try expectNoRewrite(SiluFusionPass(), text.replacing("Neg", with: "Tanh")), [])
  }

  @Test func swiGLU() throws {
    func text(_ body: String) -> String {
      """
      graph {
        %g = Parameter "gate" : f32[n, 8]
        %v = Parameter "value" : f32[n, 8]
        \(body)
        return "y" %y
      }
      """
    }
    for body in [
      "%s = Sigmoid (%g) %a = Mul (%g, %s) %y = Mul (%a, %v)", "%s = Sigmoid (%g) %a = Mul (%s, %g) %y = Mul (%v, %a)",
      "%a = Swish (%g) %y = Mul (%a, %v)",
    ] {
      try expectRewrite(SwiGLUFusionPass(), text(body), to: text("%y = SwiGLU (%g, %v)"))
      let log = try expectRewrite(.standard, text(body), to: text("%y = SwiGLU (%g, %v)"))
      #expect(log.decisions.last?.pass == "SwiGLUFusionPass" && log.decisions.last?.verdict == .fused)
    }
    let narrow = text("%s = Swish (%g) %y = Mul (%s, %v)").replacing(
      #""value" : f32[n, 8]"#, with: #""value" : f32[n, 1]"#)
    expectDecisions(try expectNoRewrite(SwiGLUFusionPass(), narrow), ["%s declined other-shape"])
  }

  @Test func whatAFileHoldsFusedIsSaid() throws {
    let text = single("Gelu (%x)")
    expectDecisions(try expectNoRewrite(GeluFusionPass(), text), ["%y already-fused"])
  }
}
