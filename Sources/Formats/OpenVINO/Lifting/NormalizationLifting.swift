import GraphIR
import Tensors

extension LiftingRules {
  static let normalization: [String: LiftingRule] = [
    "MVN": { lifting in
      guard (lifting.layer.version ?? 0) >= 6 else { throw Unliftable() }
      let data = try lifting.input(0)
      let rank = try lifting.rank(data)
      let axes = try lifting.integers(1).map { try normalizedAxis($0, rank: rank) }.sorted()
      let epsilon: Double = try lifting.attribute("eps")
      let isInside = try lifting.attribute("eps_mode", "INSIDE_SQRT").uppercased() == "INSIDE_SQRT"
      let normalizesVariance = try lifting.attribute("normalize_variance", true)
      if normalizesVariance, isInside, let first = axes.first, axes == Array(first..<rank),
        let sizes = Shape(lifting.info(data).shape.dimensions.map { Array($0[first...]) }).sizes,
        let count = try? Tensor.elementCount(of: sizes, element: .float64), count <= ValueInfo.contentsLimit
      {
        let ones = try lifting.constant(
          Tensor(
            doubles: Array(repeating: 1, count: count), element: lifting.info(data).element, shape: sizes))
        let attributes: [String: AttributeValue] = ["axis": .integer(first - rank), "epsilon": .float(epsilon)]
        return [try lifting.add("LayerNormalization", [data, ones], attributes)]
      }
      let over = try lifting.constant(axes)
      let attributes: [String: AttributeValue] = ["keepdims": .boolean(true), "noop_with_empty_axes": .boolean(true)]
      let centered = try lifting.add("Sub", [data, try lifting.add("ReduceMean", [data, over], attributes)])
      guard normalizesVariance else { return [centered] }
      let square = try lifting.add("Mul", [centered, centered])
      var deviation = try lifting.add("ReduceMean", [square, over], attributes)
      let small = try lifting.constant(epsilon, like: data)
      if isInside { deviation = try lifting.add("Add", [deviation, small]) }
      deviation = try lifting.add("Sqrt", [deviation])
      if !isInside { deviation = try lifting.add("Add", [deviation, small]) }
      return [try lifting.add("Div", [centered, deviation])]
    },
    "BatchNormInference": { lifting in
      // Before operator set 5 the scale and the shift came first.
      let isOld = (lifting.layer.version ?? 0) < 5
      let operands = try (isOld ? [2, 0, 1, 3, 4] : [0, 1, 2, 3, 4]).map { try lifting.input($0) }
      let epsilon: Double = try lifting.attribute("epsilon")
      return [try lifting.add("BatchNormalization", operands, ["epsilon": .float(epsilon)])]
    },
  ]
}
