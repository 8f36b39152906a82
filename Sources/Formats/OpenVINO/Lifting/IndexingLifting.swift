import GraphIR
import Tensors

extension LiftingRules {
  static let indexing: [String: LiftingRule] = [
    "Gather": { lifting in
      let data = try lifting.input(0)
      let indices = try lifting.input(1)
      let axis = try normalizedAxis(try lifting.integer(2), rank: try lifting.rank(data))
      let given = try lifting.attribute("batch_dims", 0)
      let batchAxes = given < 0 ? given + (try lifting.rank(indices)) : given
      if batchAxes == 0 { return [try lifting.add("Gather", [data, indices], ["axis": .integer(axis)])] }
      // With the indexed axis right behind those of the batch, every index is one of GatherND with a single coordinate.
      let (rank, count) = (try lifting.rank(data), try lifting.rank(indices))
      guard (0...axis).contains(batchAxes), batchAxes <= count else { throw Unliftable() }
      let between = axis - batchAxes
      let order = Array(0..<batchAxes) + [axis] + Array(batchAxes..<axis) + Array((axis + 1)..<rank)
      let moved = between == 0 ? data : try lifting.add("Transpose", [data], ["perm": .integers(order)])
      let coordinates = try lifting.add(
        "Unsqueeze", [try lifting.cast(indices, to: .int64), try lifting.constant([-1])])
      let found = try lifting.add("GatherND", [moved, coordinates], ["batch_dims": .integer(batchAxes)])
      if between == 0 { return [found] }
      let places = count - batchAxes
      let back =
        Array(0..<batchAxes) + Array((batchAxes + places)..<(axis + places)) + Array(batchAxes..<(batchAxes + places))
        + Array((axis + places)..<(rank - 1 + places))
      return [try lifting.add("Transpose", [found], ["perm": .integers(back)])]
    },
    "GatherND": { lifting in
      let batchAxes = try lifting.attribute("batch_dims", 0)
      // Before operator set 8 the axes of the batch were flattened into one.
      guard batchAxes <= 1 || (lifting.layer.version ?? 0) >= 8 else { throw Unliftable() }
      return [
        try lifting.add(
          "GatherND", [try lifting.input(0), try lifting.indices(1)], ["batch_dims": .integer(batchAxes)])
      ]
    },
    "ScatterNDUpdate": { lifting in
      let reduction = try scatterReduction(lifting)
      return [
        try lifting.add(
          "ScatterND", [try lifting.input(0), try lifting.indices(1), try lifting.input(2)],
          ["reduction": .string(reduction)])
      ]
    },
    "ScatterElementsUpdate": { lifting in [try lifting.scatteredElements()] },
    "ScatterUpdate": { lifting in
      let (data, indices, updates) = (try lifting.input(0), try lifting.indices(1), try lifting.input(2))
      let rank = try lifting.rank(data)
      let axis = try normalizedAxis(try lifting.integer(3), rank: rank)
      let coordinates = try lifting.add("Unsqueeze", [indices, try lifting.constant([-1])])
      if axis == 0 { return [try lifting.add("ScatterND", [data, coordinates, updates])] }
      // With the axis in front, and those of the indices in front of the updates.
      let count = try lifting.rank(indices)
      let order = [axis] + (0..<rank).filter { $0 != axis }
      let updated = Array(axis..<(axis + count))
      let updateOrder = updated + (0..<(rank - 1 + count)).filter { !updated.contains($0) }
      let moved = try lifting.add("Transpose", [data], ["perm": .integers(order)])
      let movedUpdates = try lifting.add("Transpose", [updates], ["perm": .integers(updateOrder)])
      let result = try lifting.add("ScatterND", [moved, coordinates, movedUpdates])
      let back = Array(1...axis) + [0] + Array((axis + 1)..<rank)
      return [try lifting.add("Transpose", [result], ["perm": .integers(back)])]
    },
    "NonZero": { lifting in
      let indices = try lifting.add("NonZero", [try lifting.input(0)])
      return [try lifting.cast(indices, to: try lifting.attribute("output_type", ElementType.int64))]
    },
    "OneHot": { lifting in
      let (on, off) = (try lifting.input(2), try lifting.input(3))
      let values = try [off, on].map { value in
        try lifting.add("Reshape", [value, try lifting.constant([1])])
      }
      let pair = try lifting.add("Concat", values, ["axis": .integer(0)])
      return [
        try lifting.add(
          "OneHot", [try lifting.input(0), try lifting.input(1), pair],
          ["axis": .integer(try lifting.attribute("axis"))])
      ]
    },
    "TopK": { lifting in
      guard try lifting.attribute("sort", "value") != "index" else { throw Unliftable() }
      let attributes: [String: AttributeValue] = [
        "axis": .integer(try lifting.attribute("axis")),
        "largest": .boolean(try lifting.attribute("mode", "max") == "max"),
      ]
      let results = try lifting.addNode("TopK", [try lifting.input(0), try lifting.axes(1)], attributes, outputs: 2)
      let element = try lifting.attribute("index_element_type", ElementType.int32)
      return [results[0], try lifting.cast(results[1], to: element)]
    },
  ]

  fileprivate static func scatterReduction(_ lifting: Lifting) throws -> String {
    let names = ["none": "none", "sum": "add", "prod": "mul", "min": "min", "max": "max"]
    guard let name = names[try lifting.attribute("reduction", "none")] else { throw Unliftable() }
    return name
  }
}

extension Lifting {
  /// Input 0 with updates at places along an axis, put there or combined with what is there, unless `use_init_val` leaves that out.
  fileprivate mutating func scatteredElements() throws -> Value {
    let (data, places, updates) = (try input(0), try input(1), try input(2))
    let axis = AttributeValue.integer(try integer(3))
    let reduction = try attribute("reduction", "none")
    let isMean = reduction == "mean"
    let combination = isMean ? "add" : try LiftingRules.scatterReduction(self)
    func scattered(_ target: Value, _ source: Value) throws -> Value {
      try add(
        "ScatterElements", [target, places, source], ["axis": axis, "reduction": .string(combination)])
    }
    let keepsFirst = try reduction == "none" || attribute("use_init_val", true)
    if keepsFirst && !isMean { return try scattered(data, updates) }
    let element = info(data).element
    guard element == .float32 || element == .float64 || !isMean && element.isFloatingPoint else { throw Unliftable() }
    func filled(_ number: Double, like value: Value) throws -> Value {
      try add("Expand", [try constant(number, like: data), try add("Shape", [value])])
    }
    let counts = try add(
      "ScatterElements", [try filled(0, like: data), places, try filled(1, like: updates)],
      ["axis": axis, "reduction": .string("add")])
    let isTouched = try add("Greater", [counts, try constant(0, like: data)])
    let neutral =
      switch combination {
      case "mul": 1.0
      case "min": Double.infinity
      case "max": -Double.infinity
      default: 0.0
      }
    let target = keepsFirst ? data : try add("Where", [isTouched, try constant(neutral, like: data), data])
    let total = try scattered(target, updates)
    guard isMean else { return total }
    let terms = keepsFirst ? try add("Add", [counts, try constant(1, like: data)]) : counts
    return try add("Where", [isTouched, try add("Div", [total, terms]), data])
  }
}
