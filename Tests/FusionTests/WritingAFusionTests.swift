import Fusion
import GraphIR
import Operations
import Rewriting
import TestSupport
import Testing

/// x · tanh(ln(1 + eˣ))  →  Mish(x)
struct MishFusionPass: PatternFusionPass {
  let name = "MishFusionPass"
  let x = Capture<Value>("x")

  var pattern: Pattern {
    let x = Pattern.value(x)
    let softplus = Pattern.oneOf([Softplus.of(x), Log.of(1 + Exp.of(x))])
    return x * Tanh.of(softplus).anchored
  }

  func replacement(for match: Match, in draft: inout GraphDraft) throws -> Value {
    try draft.fuse(Mish(), [match[x]])
  }
}

/// The example of `docs/writing-a-fusion.md`, as it stands there.
@Suite struct WritingAFusionTests {
  @Test(arguments: ["Mul (%0, %2)", "Mul (%2, %0)"])
  func fusesInEitherOrder(_ product: String) throws {
    let log = try expectRewrite(
      MishFusionPass(),
      """
      graph "mish" {
        %0 = Parameter "x" : f32[n, 8]
        %1 = Softplus (%0) : f32[n, 8]
        %2 = Tanh (%1) : f32[n, 8]
        %3 = \(product) : f32[n, 8]
        return "y" %3
      }
      """,
      to: """
        graph "mish" {
          %0 = Parameter "x" : f32[n, 8]
          %1 = Mish (%0) : f32[n, 8]
          return "y" %1
        }
        """)
    expectDecisions(log, ["%2 fused"])
    #expect(log.decisions[0].nodes == ["%1", "%2", "%3"])
    #expect(log.passes.map(\.name) == ["MishFusionPass"] && log.passes.map(\.fused) == [1])
  }

  @Test func declinesAnotherConstant() throws {
    let text = """
      graph "mish" {
        %0 = Parameter "x" : f32[n, 8]
        %1 = Exp (%0)
        %2 = Constant : f32[] = 2.0
        %3 = Add (%1, %2)
        %4 = Log (%3)
        %5 = Tanh (%4)
        %6 = Mul (%0, %5)
        return "y" %6
      }
      """
    let log = try expectNoRewrite(MishFusionPass(), text)
    expectDecisions(log, ["%5 declined other-constant"])
    #expect(log.decisions[0].reason?.message == "1.0 was expected, found 2.0")
  }

  @Test func declinesWhatOthersReadToo() throws {
    let log = try expectNoRewrite(
      MishFusionPass(),
      """
      graph "mish" {
        %0 = Parameter "x" : f32[n, 8]
        %1 = Softplus (%0) : f32[n, 8]
        %2 = Tanh (%1) : f32[n, 8]
        %3 = Mul (%0, %2) : f32[n, 8]
        return "y" %3
        return "gate" %2
      }
      """)
    expectDecisions(log, ["%2 declined used-elsewhere"])
  }
}
