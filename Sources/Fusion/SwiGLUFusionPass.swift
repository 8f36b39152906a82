import GraphIR
import Operations
import Rewriting

/// silu(gate)·value  →  SwiGLU(gate, value)
public struct SwiGLUFusionPass: PatternFusionPass {
  public let name = "SwiGLUFusionPass"
  private let gate = Capture<Value>("gate")
  private let value = Capture<Value>("value")
  private let swish = Capture<Value>("swish")
  private let alpha = Capture<Double>("α")

  public init() {}

  public var pattern: Pattern {
    let gate = Pattern.value(gate)
    let silu = Pattern.oneOf([
      Swish.of(gate).anchored.named(swish), gate * Sigmoid.of(.number(alpha) * gate).anchored,
    ])
    return silu * .value(value)
  }

  public func replacement(for match: Match, in draft: inout GraphDraft) throws -> Value {
    let (gate, value) = (try match[gate], try match[value])
    let types = (draft.graph.type(of: gate), draft.graph.type(of: value))
    guard types.0.shape.dimensions != nil, types.0.shape == types.1.shape else {
      throw Reason("other-shape", "factors of one shape were expected, found \(types.0) and \(types.1)")
    }
    var fused = SwiGLU()
    fused.alpha =
      try match.value(swish).flatMap { draft.graph.operation(of: $0, as: Swish.self)?.alpha } ?? match[alpha]
    return try draft.fuse(fused, [gate, value])
  }

  public func isFused(_ node: Node, in graph: Graph) -> Bool { node.is(SwiGLU.self) }
}
