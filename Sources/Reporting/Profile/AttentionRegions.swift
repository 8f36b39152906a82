import GraphIR
import Rewriting

/// Which nodes belong to which attention, by the names of their source nodes, so that a graph before and after fusion is
/// divided up alike.
package struct AttentionRegions: Sendable {
  private var decisionBySource: [String: Int] = [:]

  package static let none = AttentionRegions()

  private init() {}

  /// The attentions that `log` decided about, fused or not; other softmaxes and other passes are none.
  package init(_ log: FusionLog) {
    for (index, decision) in log.decisions.enumerated() where decision.isAboutAttention {
      for name in decision.nodes + [decision.anchor] where decisionBySource[name] == nil {
        decisionBySource[name] = index
      }
    }
  }

  /// The index of the decision that `node` belongs to; `path` is the names of the nodes that it is inside of, each with a `/` behind it.
  package func decision(of node: Node, inside path: String = "") -> Int? {
    node.origin.sources.lazy.compactMap { decisionBySource[path + $0.name] }.first
  }
}

extension FusionDecision {
  /// Whether it is about an attention, fused or not, and not about something that only looks like one.
  package var isAboutAttention: Bool { attention != nil || (pass == Self.attentionPass && verdict != .notAttention) }

  package static let attentionPass = "FlashAttentionFusionPass"
}
