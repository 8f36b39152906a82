import GraphIR
import Tensors

extension LiftingRules {
  static let activations: [String: LiftingRule] = [
    "Gelu": { lifting in
      let isTanh = try lifting.attribute("approximation_mode", "ERF").uppercased() == "TANH"
      return [try lifting.add("Gelu", [try lifting.input(0)], ["approximate": .string(isTanh ? "tanh" : "none")])]
    },
    // x · sigmoid(βx)
    "Swish": { lifting in
      let value = try lifting.input(0)
      guard let factor = lifting.optionalInput(1) else { return [try lifting.add("Swish", [value])] }
      if let number = lifting.info(factor).scalar {
        return [try lifting.add("Swish", [value], ["alpha": .float(number)])]
      }
      let argument = try lifting.add("Mul", [value, factor])
      return [try lifting.add("Mul", [value, try lifting.add("Sigmoid", [argument])])]
    },
    "HSigmoid": { lifting in
      let attributes: [String: AttributeValue] = ["alpha": .float(1.0 / 6), "beta": .float(0.5)]
      return [try lifting.add("HardSigmoid", [try lifting.input(0)], attributes)]
    },
    "HardSigmoid": { lifting in
      guard let alpha = lifting.info(try lifting.input(1)).scalar, let beta = lifting.info(try lifting.input(2)).scalar
      else { throw Unliftable() }
      return [
        try lifting.add("HardSigmoid", [try lifting.input(0)], ["alpha": .float(alpha), "beta": .float(beta)])
      ]
    },
    "Selu": { lifting in
      guard let alpha = lifting.info(try lifting.input(1)).scalar, let gamma = lifting.info(try lifting.input(2)).scalar
      else { throw Unliftable() }
      return [try lifting.add("Selu", [try lifting.input(0)], ["alpha": .float(alpha), "gamma": .float(gamma)])]
    },
    "PReLU": { lifting in
      let value = try lifting.input(0)
      var slope = try lifting.input(1)
      // One slope a channel, the channel being axis 1.
      let rank = try lifting.rank(value)
      if try lifting.rank(slope) == 1, rank > 2, lifting.info(slope).shape.sizes != [1] {
        slope = try lifting.add("Reshape", [slope, try lifting.constant([-1] + Array(repeating: 1, count: rank - 2))])
      }
      return [try lifting.add("PRelu", [value, slope])]
    },
    "Clamp": { lifting in
      let value = try lifting.input(0)
      let low = try lifting.constant(try lifting.attribute("min"), like: value)
      let high = try lifting.constant(try lifting.attribute("max"), like: value)
      return [try lifting.add("Clip", [value, low, high])]
    },
    "SoftMax": { lifting in
      let axis = try lifting.attribute("axis", 1)
      return [try lifting.add("Softmax", [try lifting.input(0)], ["axis": .integer(axis)])]
    },
    "LogSoftmax": { lifting in
      let axis = try lifting.attribute("axis", 1)
      return [try lifting.add("LogSoftmax", [try lifting.input(0)], ["axis": .integer(axis)])]
    },
  ]

  static let reductions: [String: LiftingRule] = [
    "ReduceMean": "ReduceMean", "ReduceSum": "ReduceSum", "ReduceProd": "ReduceProd", "ReduceMax": "ReduceMax",
    "ReduceMin": "ReduceMin", "ReduceL1": "ReduceL1", "ReduceL2": "ReduceL2",
  ].mapValues { reduction($0) }.merging([
    "ReduceLogicalAnd": logicalReduction("ReduceMin"), "ReduceLogicalOr": logicalReduction("ReduceMax"),
  ]) { first, _ in first }

  private static func reduction(_ name: String) -> LiftingRule {
    { lifting in
      [try lifting.add(name, [try lifting.input(0), try lifting.input(1)], try reductionAttributes(lifting))]
    }
  }

  private static func logicalReduction(_ name: String) -> LiftingRule {
    { lifting in
      let numbers = try lifting.cast(try lifting.input(0), to: .int32)
      let reduced = try lifting.add(name, [numbers, try lifting.input(1)], try reductionAttributes(lifting))
      return [try lifting.cast(reduced, to: .bool)]
    }
  }

  /// No axes at all reduce nothing here, and everything by default in the canonical operations.
  private static func reductionAttributes(_ lifting: Lifting) throws -> [String: AttributeValue] {
    ["keepdims": .boolean(try lifting.attribute("keep_dims", false)), "noop_with_empty_axes": .boolean(true)]
  }
}
