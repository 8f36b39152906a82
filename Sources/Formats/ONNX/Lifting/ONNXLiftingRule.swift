import GraphIR
import Tensors

/// How nodes of old operator sets, or of domains other than ONNX's own, become canonical operations.
struct ONNXLiftingRule: Sendable {
  let types: [String]
  let domain: String
  /// The version from which on the rule no longer applies; nil: it always does.
  let before: Int?
  /// Changes the node, or builds its results itself; a `ModelError.unsupported` leaves the node opaque.
  let lift: @Sendable (inout LiftedNode, inout Graph) throws -> [Value?]?

  init(
    _ types: String..., domain: String = "", before: Int? = nil,
    lift: @escaping @Sendable (inout LiftedNode, inout Graph) throws -> [Value?]?
  ) {
    self.types = types
    self.domain = domain
    self.before = before
    self.lift = lift
  }

  private struct Key: Hashable {
    let domain: String
    let type: String
  }

  /// Rules by what they apply to, the one for the oldest version first.
  private static let table: [Key: [ONNXLiftingRule]] = {
    var table: [Key: [ONNXLiftingRule]] = [:]
    for rule in standard + further + microsoft + microsoftPositions + microsoftProducts + microsoftQuantization
      + fusedAttention
    {
      for type in rule.types { table[Key(domain: rule.domain, type: type), default: []].append(rule) }
    }
    return table.mapValues { rules in rules.sorted { ($0.before ?? .max) < ($1.before ?? .max) } }
  }()

  /// Lifts `node` to its newest form.
  ///
  /// - Returns: its results where they are built already; nil where `node` now stands for a canonical operation.
  static func apply(to node: inout LiftedNode, in graph: inout Graph) throws -> [Value?]? {
    if LocalFunction.isOne(domain: node.domain, name: node.type) {
      return try LocalFunction.lift(node, in: &graph)
    }
    if node.domain.isEmpty, let moved = MovedAttributes[node.type], node.version < moved.before {
      try moved.lift(&node, in: &graph)
    }
    for rule in table[Key(domain: node.domain, type: node.type)] ?? [] where node.version < rule.before ?? .max {
      if let results = try rule.lift(&node, &graph) { return results }
    }
    return nil
  }
}
