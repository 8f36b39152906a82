import GraphIR

/// What each OpenVINO operation means in canonical ones, by its type.
///
/// Operations that are spelled like their canonical counterparts need no rule: their own files say so.
enum LiftingRules {
  static let all: [String: LiftingRule] = [
    arithmetic, activations, reductions, shapes, indexing, slicing, normalization, convolution,
    attention, recurrence, signal, blocks, search, detection,
  ].reduce(into: [:]) { table, part in table.merge(part) { first, _ in first } }

  /// An operation of the same inputs with another name, its attributes given as constants.
  static func operation(_ name: String, _ attributes: [String: AttributeValue] = [:]) -> LiftingRule {
    { lifting in
      try lifting.requireNumPyBroadcast()
      return try lifting.addNode(name, lifting.inputs, attributes, outputs: lifting.layer.outputs.count)
    }
  }
}
