import GraphIR
import Tensors

extension LiftingRules {
  static let shapes: [String: LiftingRule] = [
    "ShapeOf": { lifting in
      let shape = try lifting.add("Shape", [try lifting.input(0)])
      return [try lifting.cast(shape, to: try lifting.attribute("output_type", ElementType.int64))]
    },
    "Reshape": { lifting in
      let copiesZeros: Bool = try lifting.attribute("special_zero")
      return [
        try lifting.add(
          "Reshape", [try lifting.input(0), try lifting.indices(1)], ["allowzero": .boolean(!copiesZeros)])
      ]
    },
    "Squeeze": { lifting in
      let data = try lifting.input(0)
      guard lifting.inputs.count > 1 else { return [try lifting.add("Squeeze", [data])] }
      guard let given = lifting.info(try lifting.input(1)).integers, let sizes = lifting.info(data).shape.dimensions
      else { return [try lifting.add("Squeeze", [data, try lifting.axes(1)])] }
      // An axis that has another size than 1 stays.
      let axes = try given.filter { axis in
        [1, nil].contains(sizes[try normalizedAxis(axis, rank: sizes.count)].constant)
      }
      if axes.isEmpty && !given.isEmpty { return [data] }
      return [try lifting.add("Squeeze", given.isEmpty ? [data] : [data, try lifting.constant(axes)])]
    },
    "Unsqueeze": { lifting in [try lifting.add("Unsqueeze", [try lifting.input(0), try lifting.axes(1)])] },
    "Transpose": { lifting in
      let data = try lifting.input(0)
      var order = try lifting.integers(1)
      if order.isEmpty { order = Array((0..<(try lifting.rank(data))).reversed()) }
      return [try lifting.add("Transpose", [data], ["perm": .integers(order)])]
    },
    "Concat": { lifting in
      [try lifting.add("Concat", lifting.inputs, ["axis": .integer(try lifting.attribute("axis"))])]
    },
    "Broadcast": { lifting in
      var data = try lifting.input(0)
      let target = try lifting.indices(1)
      switch try lifting.attribute("mode", "numpy").lowercased() {
      case "numpy", "bidirectional": break
      case "explicit":
        // Axis i of the data is axis `mapping[i]` of the result.
        let mapping = try lifting.integers(2)
        guard let rank = lifting.info(target).shape.sizes?.first, mapping == mapping.sorted(),
          Set(mapping).count == mapping.count,
          mapping.allSatisfy({ (0..<rank).contains($0) })
        else { throw Unliftable() }
        let added = (0..<rank).filter { !mapping.contains($0) }
        data = try lifting.add("Unsqueeze", [data, try lifting.constant(added)])
      default: throw Unliftable()
      }
      return [try lifting.add("Expand", [data, target])]
    },
    "Tile": { lifting in
      var data = try lifting.input(0)
      var repeats = try lifting.indices(1)
      guard let count = lifting.info(repeats).shape.sizes?.first else { throw Unliftable() }
      let rank = try lifting.rank(data)
      if count < rank {
        let ones = try lifting.constant(Array(repeating: 1, count: rank - count))
        repeats = try lifting.add("Concat", [ones, repeats], ["axis": .integer(0)])
      } else if count > rank {
        data = try lifting.add("Unsqueeze", [data, try lifting.constant(Array(0..<(count - rank)))])
      }
      return [try lifting.add("Tile", [data, repeats])]
    },
    "Range": { lifting in
      let first = try lifting.input(0)
      let element = try lifting.attribute("output_type", lifting.info(first).element)
      let bounds = try (0..<3).map { index in
        let scalar = try lifting.scalar(try lifting.input(index))
        return try lifting.cast(scalar, to: element)
      }
      return [try lifting.add("Range", bounds)]
    },
    "Pad": { lifting in
      let mode = try lifting.attribute("pad_mode", "constant").lowercased()
      if mode == "symmetric" { return [try lifting.padSymmetrically()] }
      guard ["constant", "edge", "reflect"].contains(mode) else { throw Unliftable() }
      let pads = try lifting.add("Concat", [try lifting.indices(1), try lifting.indices(2)], ["axis": .integer(0)])
      let value = mode == "constant" ? lifting.optionalInput(3) : nil
      return [try lifting.add("Pad", [try lifting.input(0), pads, value], ["mode": .string(mode)])]
    },
    "Roll": roll,
    "DepthToSpace": { lifting in
      let attributes: [String: AttributeValue] = [
        "blocksize": .integer(try lifting.attribute("block_size", 1)),
        "mode": .string(try lifting.attribute("mode", "blocks_first") == "depth_first" ? "CRD" : "DCR"),
      ]
      return [try lifting.add("DepthToSpace", [try lifting.input(0)], attributes)]
    },
  ]

  /// Element i of an axis comes from element i − shift, counted around.
  private static let roll: LiftingRule = { lifting in
    var data = try lifting.input(0)
    let axes = try lifting.integers(2)
    let given = try lifting.integers(1)
    let shifts = given.count == 1 ? Array(repeating: given[0], count: axes.count) : given
    try require(shifts.count == axes.count, "\(shifts.count) shifts for \(axes.count) axes")
    let rank = try lifting.rank(data)
    let (zero, one) = (try lifting.constant(Tensor(scalar: Int64(0))), try lifting.constant(Tensor(scalar: Int64(1))))
    for (axis, shift) in zip(axes, shifts) where shift != 0 {
      let axis = try normalizedAxis(axis, rank: rank)
      let index = try lifting.constant(Tensor(scalar: Int64(axis)))
      let size = try lifting.add("Gather", [try lifting.add("Shape", [data]), index], ["axis": .integer(0)])
      let positions = try lifting.add("Range", [zero, size, one])
      let shifted = try lifting.add("Sub", [positions, try lifting.constant(Tensor(scalar: Int64(shift)))])
      let sources = try lifting.add("Mod", [shifted, size])
      data = try lifting.add("Gather", [data, sources], ["axis": .integer(axis)])
    }
    return [data]
  }
}

extension Lifting {
  /// Input 0 with each end of an axis mirrored outwards, the outermost element first.
  fileprivate mutating func padSymmetrically() throws -> Value {
    var value = try input(0)
    let (before, after) = (try integers(1), try integers(2))
    try require(
      before.count == after.count && (before + after).allSatisfy { (0...(1 << 31)).contains($0) },
      "pads \(before) and \(after) are no sizes")
    for axis in before.indices where before[axis] + after[axis] > 0 {
      let (axes, back) = (try constant([axis]), try constant([-1]))
      func mirrored(from start: Int, to end: Int) throws -> Value {
        try add("Slice", [value, try constant([start]), try constant([end]), axes, back])
      }
      var parts = [value]
      if before[axis] > 0 { parts.insert(try mirrored(from: before[axis] - 1, to: .min), at: 0) }
      if after[axis] > 0 { parts.append(try mirrored(from: -1, to: -1 - after[axis])) }
      value = try add("Concat", parts, ["axis": .integer(axis)])
    }
    return value
  }

  /// Input `index` as 64-bit integers, which is what the canonical operations take for sizes and positions.
  mutating func indices(_ index: Int) throws -> Value { try cast(try input(index), to: .int64) }

  /// Input `index`, a scalar or one axis of integers, as one axis of 64-bit integers.
  mutating func axes(_ index: Int) throws -> Value {
    let value = try input(index)
    if let integers = graph.info(of: value).integers, graph.info(of: value).rank == 0 { return try constant(integers) }
    let axes = try cast(value, to: .int64)
    return try rank(axes) == 0 ? try add("Reshape", [axes, try constant([1])]) : axes
  }

  /// `value`, which has one element, without axes.
  mutating func scalar(_ value: Value) throws -> Value {
    try rank(value) == 0 ? value : try add("Reshape", [value, try constant([Int]())])
  }

  /// The elements `from..<to` along one axis.
  mutating func slice(_ value: Value, axis: Int, from: Int, to: Int) throws -> Value {
    try add("Slice", [value, try constant([from]), try constant([to]), try constant([axis])])
  }
}
