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
    "NormalizeL2": { lifting in
      let epsilon: Double = try lifting.attribute("eps")
      let combines = try lifting.attribute("eps_mode", "add").lowercased() == "max" ? "Max" : "Add"
      return [try lifting.dividedByNorm(over: try lifting.indices(1), epsilon, combining: combines)]
    },
    "GRN": { lifting in
      [try lifting.dividedByNorm(over: try lifting.constant([1]), try lifting.attribute("bias"), combining: "Add")]
    },
    "LRN": { lifting in
      guard try lifting.integers(1) == [1] else { throw Unliftable() }
      let attributes: [String: AttributeValue] = [
        "alpha": .float(try lifting.attribute("alpha")), "beta": .float(try lifting.attribute("beta")),
        "bias": .float(try lifting.attribute("bias")), "size": .integer(try lifting.attribute("size")),
      ]
      return [try lifting.add("LRN", [try lifting.input(0)], attributes)]
    },
  ]
}

extension Lifting {
  /// Input 0 over the root of the sum of its squares, with which `epsilon` is combined first.
  fileprivate mutating func dividedByNorm(over axes: Value, _ epsilon: Double, combining: String) throws -> Value {
    let data = try input(0)
    let attributes: [String: AttributeValue] = ["keepdims": .boolean(true), "noop_with_empty_axes": .boolean(true)]
    let squares = try add("ReduceSum", [try add("Mul", [data, data]), axes], attributes)
    let norm = try add("Sqrt", [try add(combining, [squares, try constant(epsilon, like: data)])])
    return try add("Div", [data, norm])
  }
}
