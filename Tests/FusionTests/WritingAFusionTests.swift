import Fusion
import GraphIR
import Operations
import Rewriting
import TestSupport
import Testing

/// x · sigmoid(x)  →  Swish(x)
struct SiluFusionPass: FusionPass {
  let name = "SiluFusionPass"

  func run(on graph: inout Graph) throws -> [FusionDecision] {
    var decisions: [FusionDecision] = []
    for node in Array(graph.nodes) where node.operation is Mul {
      let operands = node.inputs.compactMap { $0 }
      for (x, gate) in zip(operands, operands.reversed()) {
        let sigmoid = graph[gate.node]
        guard sigmoid.operation is Sigmoid, sigmoid.inputs == [x] else { continue }
        var decision = FusionDecision(
          pass: name, verdict: .fused, anchor: node.label, nodes: [sigmoid.label, node.label])
        if graph.hasSingleUse(gate) {
          let origin = Origin(sources: sigmoid.origin.sources + node.origin.sources, passes: [name])
          let fused = try graph.insert(Swish(), [x], name: "\(node.name)/Swish", origin: origin)
          try graph.replaceUses(of: Value(node.id), with: fused)
          decision.result = graph[fused.node].name
        } else {
          decision.verdict = .declined
          decision.reason = Reason("gate-used-elsewhere", "the sigmoid is read by others too", node: sigmoid.label)
        }
        decisions.append(decision)
        break
      }
    }
    return decisions
  }
}

/// The example of `docs/writing-a-fusion.md`, as it stands there.
@Suite struct WritingAFusionTests {
  @Test func fusesInEitherOrder() throws {
    for operands in ["%0, %1", "%1, %0"] {
      try expectRewrite(
        SiluFusionPass(),
        """
        graph "silu" {
          %0 = Parameter "x" : f32[n, 8]
          %1 = Sigmoid (%0) : f32[n, 8]
          %2 = Mul (\(operands)) : f32[n, 8]
          return "y" %2
        }
        """,
        to: """
          graph "silu" {
            %0 = Parameter "x" : f32[n, 8]
            %1 = Swish (%0) : f32[n, 8]
            return "y" %1
          }
          """)
    }
  }

  @Test func declinesWhereTheGateIsReadTwice() throws {
    let log = try expectNoRewrite(
      SiluFusionPass(),
      """
      graph "silu" {
        %0 = Parameter "x" : f32[n, 8]
        %1 = Sigmoid (%0) : f32[n, 8]
        %2 = Mul (%0, %1) : f32[n, 8]
        return "y" %2
        return "gate" %1
      }
      """)
    #expect(log.decisions.map(\.reason?.code) == ["gate-used-elsewhere"])
  }
}
