import GraphIR
import Operations
import Rewriting

/// ½·x·(1 + erf(x/√2)), or ½·x·(1 + tanh(√(2/π)·(x + 0.044715·x³)))  →  Gelu(x)
public struct GeluFusionPass: PatternFusionPass {
  public let name = "GeluFusionPass"
  private let x = Capture<Value>("x")
  private let tanh = Capture<Value>("tanh")

  public init() {}

  public var pattern: Pattern {
    let x = Pattern.value(x)
    let erf = Erf.of(x / 2.0.squareRoot()).anchored
    let polynomial = Pattern.oneOf([x + 0.044715 * x.cubed, x * (1 + 0.044715 * x.squared)])
    let tanh = Tanh.of((2 / Double.pi).squareRoot() * polynomial).anchored.named(tanh)
    return 0.5 * x * (1 + .oneOf([erf, tanh]))
  }

  public func replacement(for match: Match, in draft: inout GraphDraft) throws -> Value {
    try draft.fuse(Gelu(approximate: match.value(tanh) == nil ? .none : .tanh), [match[x]])
  }

  public func isFused(_ node: Node, in graph: Graph) -> Bool { node.is(Gelu.self) }
}
