import Fusion
import GraphIR
import Operations
import Rewriting
import TestSupport
import Testing

/// Attention inside branches and loops.
@Suite struct SubgraphFusionTests {
  /// Attention over values that a branch takes from outside, the scale among them.
  private func branch(_ attention: String) -> String {
    """
    graph {
      %c = Parameter "c" : bool[]
      %q = Parameter "q" : f32[b, 4, s, 16]
      %k = Parameter "k" : f32[b, 4, s, 16]
      %scale = Constant : f32[] = 0.25
      %out = If {
        then_branch = graph {
          %q = Parameter "q" : f32[b, 4, s, 16]
          %k = Parameter "k" : f32[b, 4, s, 16]
          %scale = Parameter "scale" : f32[]
          \(attention)
          return "y" %y
        },
        else_branch = graph {
          %q = Parameter "q" : f32[b, 4, s, 16]
          %k = Parameter "k" : f32[b, 4, s, 16]
          %scale = Parameter "scale" : f32[]
          return "q" %q
        }
      } (%c, %q, %k, %scale)
      return "y" %out
    }
    """
  }

  private let spelledOut = """
    %t = Transpose {perm = [0, 1, 3, 2]} (%k)
    %scores = MatMul (%q, %t)
    %scaled = Mul (%scores, %scale)
    %weights = Softmax (%scaled)
    %y = MatMul (%weights, %k)
    """

  @Test func `attention in a branch is fused, with what is known outside`() throws {
    let log = try expectRewrite(
      FlashAttentionFusionPass(), branch(spelledOut),
      to: branch("%y = FlashAttention {scale = 0.25} (%q, %k, %k)"))
    expectDecisions(log, ["%out/%weights fused"])
    let decision = try #require(log.decisions.first)
    #expect(decision.nodes.allSatisfy { $0.hasPrefix("%out/") })
    #expect(decision.result?.hasPrefix("%out/") == true)
  }

  @Test func `a softmax in a branch that can't be fused has its decision`() throws {
    try expectDecisions(
      FusionPipeline([FlashAttentionFusionPass()]), branch("%y = Softmax (%q)"),
      ["%out/%y not-attention no-score-product"])
  }

  @Test func `equal names in both branches are told apart`() throws {
    let branch = "graph { %x = Parameter \"x\" : f32[2, 3]  %y = Softmax \"softmax\" (%x)  return \"y\" %y }"
    let text = """
      graph {
        %c = Parameter "c" : bool[]
        %x = Parameter "x" : f32[2, 3]
        %y = If "if" {then_branch = \(branch), else_branch = \(branch)} (%c, %x)
        return "y" %y
      }
      """
    var graph = try Graph(parsing: text)
    let log = try FusionPipeline([FlashAttentionFusionPass()]).run(on: &graph)
    #expect(log.decisions.map(\.anchor) == ["if/softmax", "if/softmax#2"])
  }

  /// Attention of a state with itself, in a loop inside a loop.
  private func loop(_ attention: String) -> String {
    """
    graph {
      %n = Parameter "n" : i64[]
      %x = Parameter "x" : f32[2, 4, s, 8]
      %y = Loop {
        body = graph {
          %i = Parameter "i" : i64[]
          %c = Parameter "c" : bool[]
          %x = Parameter "x" : f32[2, 4, s, 8]
          %y = Loop {
            body = graph {
              %i = Parameter "i" : i64[]
              %c = Parameter "c" : bool[]
              %x = Parameter "x" : f32[2, 4, s, 8]
              \(attention)
              return "c" %c
              return "y" %y
            }, states = 1
          } (%i, _, %x)
          return "c" %c
          return "y" %y
        }, states = 1
      } (%n, _, %x)
      return "y" %y
    }
    """
  }

  @Test func `attention in a loop inside a loop is fused`() throws {
    let log = try expectRewrite(
      FlashAttentionFusionPass(),
      loop(
        """
        %t = Transpose {perm = [0, 1, 3, 2]} (%x)
        %scores = MatMul (%x, %t)
        %weights = Softmax (%scores)
        %y = MatMul (%weights, %x)
        """),
      to: loop("%y = FlashAttention {scale = 1.0} (%x, %x, %x)"))
    expectDecisions(log, ["%y/%y/%weights fused"])
  }
}
