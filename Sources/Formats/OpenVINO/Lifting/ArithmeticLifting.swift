import GraphIR
import Tensors

extension LiftingRules {
  static let arithmetic: [String: LiftingRule] = [
    "Divide": { lifting in
      try lifting.requireNumPyBroadcast()
      let operands = [try lifting.input(0), try lifting.input(1)]
      let quotient = try lifting.add("Div", operands)
      // Integers are divided as in Python, rounding down; the canonical division rounds towards zero, which is the same for sizes.
      guard lifting.info(operands[0]).element.isSignedInteger, try lifting.attribute("m_pythondiv", true),
        !lifting.isAtLeast(0, operands[0]) || !lifting.isAtLeast(1, operands[1])
      else { return [quotient] }
      let remainder = try lifting.add("Mod", operands, ["fmod": .integer(1)])
      let zero = try lifting.constant(0, like: operands[0])
      let isInexact = try lifting.add("Not", [try lifting.add("Equal", [remainder, zero])])
      let divisorIsNegative = try lifting.add("Less", [operands[1], zero])
      let remainderIsNegative = try lifting.add("Less", [remainder, zero])
      let signsDiffer = try lifting.add("Xor", [divisorIsNegative, remainderIsNegative])
      let isRoundedUp = try lifting.add("And", [isInexact, signsDiffer])
      let correction = try lifting.cast(isRoundedUp, to: lifting.info(operands[0]).element)
      return [try lifting.add("Sub", [quotient, correction])]
    },
    "NotEqual": { lifting in
      try lifting.requireNumPyBroadcast()
      return [try lifting.add("Not", [try lifting.add("Equal", lifting.inputs)])]
    },
    // The remainder has the dividend's sign.
    "Mod": operation("Mod", ["fmod": .integer(1)]),
    // The remainder has the divisor's sign.
    "FloorMod": { lifting in
      try lifting.requireNumPyBroadcast()
      let operands = [try lifting.input(0), try lifting.input(1)]
      if lifting.info(operands[0]).element.isInteger { return [try lifting.add("Mod", operands)] }
      let quotient = try lifting.add("Floor", [try lifting.add("Div", operands)])
      return [try lifting.add("Sub", [operands[0], try lifting.add("Mul", [quotient, operands[1]])])]
    },
    "SquaredDifference": { lifting in
      try lifting.requireNumPyBroadcast()
      let difference = try lifting.add("Sub", lifting.inputs)
      return [try lifting.add("Mul", [difference, difference])]
    },
    "Convert": { lifting in
      let element: ElementType = try lifting.attribute("destination_type")
      return [try lifting.add("Cast", [try lifting.input(0)], ["to": .element(element)])]
    },
    // The file says to which type both are brought.
    "ConvertPromoteTypes": { lifting in
      guard lifting.inputs.count == 2, lifting.layer.outputs.count == 2 else { throw Unliftable() }
      return try lifting.inputs.indices.map { index in
        guard let precision = lifting.layer.outputs[index].precision else { throw Unliftable() }
        return try lifting.add("Cast", [lifting.inputs[index]], ["to": .element(try IRText.element(precision))])
      }
    },
    "ConvertLike": operation("CastLike"), "Identity": operation("Identity"),
    "BitwiseLeftShift": operation("BitShift", ["direction": .string("LEFT")]),
    "BitwiseRightShift": operation("BitShift", ["direction": .string("RIGHT")]),
    "Floor": rounding("Floor"), "Ceiling": rounding("Ceil"),
    "Round": { lifting in
      let value = try lifting.input(0)
      if try lifting.attribute("mode", "half_to_even").lowercased() == "half_to_even" {
        return [try lifting.add("Round", [value])]
      }
      let half = try lifting.constant(0.5, like: value)
      let magnitude = try lifting.add("Floor", [try lifting.add("Add", [try lifting.add("Abs", [value]), half])])
      return [try lifting.add("Mul", [try lifting.add("Sign", [value]), magnitude])]
    },
    "IsFinite": { lifting in
      let value = try lifting.input(0)
      let isSpecial = try lifting.add("Or", [try lifting.add("IsNaN", [value]), try lifting.add("IsInf", [value])])
      return [try lifting.add("Not", [isSpecial])]
    },
    "MatMul": { lifting in
      var operands = [try lifting.input(0), try lifting.input(1)]
      for (index, name) in ["transpose_a", "transpose_b"].enumerated() where try lifting.attribute(name, false) {
        let rank = try lifting.rank(operands[index])
        guard rank >= 2 else { continue }
        var order = Array(0..<rank)
        order.swapAt(rank - 2, rank - 1)
        operands[index] = try lifting.add("Transpose", [operands[index]], ["perm": .integers(order)])
      }
      return [try lifting.add("MatMul", operands)]
    },
    "CumSum": { lifting in
      let attributes: [String: AttributeValue] = [
        "exclusive": .boolean(try lifting.attribute("exclusive", false)),
        "reverse": .boolean(try lifting.attribute("reverse", false)),
      ]
      let axis = try lifting.optionalInput(1) ?? lifting.constant(Tensor(scalar: Int64(0)))
      return [try lifting.add("CumSum", [try lifting.input(0), axis], attributes)]
    },
  ]
  /// Rounds real numbers; whole ones are left as they are.
  private static func rounding(_ name: String) -> LiftingRule {
    { lifting in
      let value = try lifting.input(0)
      return [lifting.info(value).element.isInteger ? value : try lifting.add(name, [value])]
    }
  }
}

extension Lifting {
  /// Whether all elements of a tensor of integers are known to be no smaller than `bound`.
  fileprivate func isAtLeast(_ bound: Dimension, _ value: Value) -> Bool {
    graph.info(of: value).symbols?.allSatisfy { $0.isAtLeast(bound) } ?? false
  }
}
