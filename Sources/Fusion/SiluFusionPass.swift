import GraphIR
import Operations
import Rewriting

/// x·sigmoid(α·x)  →  Swish(x)
public struct SiluFusionPass: PatternFusionPass {
  public let name = "SiluFusionPass"
  private let x = Capture<Value>("x")
  private let alpha = Capture<Double>("α")

  public init() {}

  public var pattern: Pattern {
    let x = Pattern.value(x)
    let scaled = .number(alpha) * x
    return .oneOf([x * Sigmoid.of(scaled).anchored, x / (1 + Exp.of(-scaled).anchored)])
  }

  public func replacement(for match: Match, in draft: inout GraphDraft) throws -> Value {
    try draft.fuse(Swish(alpha: match[alpha]), [match[x]])
  }

  public func isFused(_ node: Node, in graph: Graph) -> Bool { node.is(Swish.self) }
}
