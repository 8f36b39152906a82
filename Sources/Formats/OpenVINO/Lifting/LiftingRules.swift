import GraphIR

/// What each OpenVINO operation means in canonical ones, by its type.
///
/// Operations that are spelled like their canonical counterparts need no rule: their own files say so.
enum LiftingRules {
  static let all: [String: LiftingRule] = [
    renamed, arithmetic, activations, reductions, shapes, indexing, slicing, normalization, convolution,
    attention,
  ].reduce(into: [:]) { table, part in table.merge(part) { first, _ in first } }

  /// An operation of the same inputs with another name, its attributes given as constants.
  static func operation(_ name: String, _ attributes: [String: AttributeValue] = [:]) -> LiftingRule {
    { lifting in
      try lifting.requireNumPyBroadcast()
      return try lifting.addNode(name, lifting.inputs, attributes, outputs: lifting.layer.outputs.count)
    }
  }

  private static let renamed: [String: LiftingRule] = [
    "Subtract": "Sub", "Multiply": "Mul", "Power": "Pow", "Maximum": "Max", "Minimum": "Min", "Negative": "Neg",
    "LessEqual": "LessOrEqual", "GreaterEqual": "GreaterOrEqual", "LogicalAnd": "And", "LogicalOr": "Or",
    "LogicalXor": "Xor", "LogicalNot": "Not", "Ceiling": "Ceil", "ReLU": "Relu", "SoftPlus": "Softplus",
    "SoftSign": "Softsign", "HSwish": "HardSwish", "Select": "Where", "IsNaN": "IsNaN", "Add": "Add", "Equal": "Equal",
    "Less": "Less", "Greater": "Greater", "BitwiseAnd": "BitwiseAnd", "BitwiseOr": "BitwiseOr",
    "BitwiseXor": "BitwiseXor", "BitwiseNot": "BitwiseNot", "Abs": "Abs", "Acos": "Acos", "Acosh": "Acosh",
    "Asin": "Asin", "Asinh": "Asinh", "Atan": "Atan", "Atanh": "Atanh", "Cos": "Cos", "Cosh": "Cosh", "Erf": "Erf",
    "Exp": "Exp", "Floor": "Floor", "Log": "Log", "Mish": "Mish", "Sigmoid": "Sigmoid", "Sign": "Sign", "Sin": "Sin",
    "Sinh": "Sinh", "Sqrt": "Sqrt", "Tan": "Tan", "Tanh": "Tanh",
  ].mapValues { operation($0) }
}
