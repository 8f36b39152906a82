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
      guard axis == batchAxes else { throw Unliftable() }
      let coordinates = try lifting.add(
        "Unsqueeze", [try lifting.cast(indices, to: .int64), try lifting.constant([-1])])
      return [try lifting.add("GatherND", [data, coordinates], ["batch_dims": .integer(batchAxes)])]
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
    "ScatterElementsUpdate": { lifting in
      let reduction = try scatterReduction(lifting)
      let attributes: [String: AttributeValue] = [
        "axis": .integer(try lifting.integer(3)), "reduction": .string(reduction),
      ]
      return [
        try lifting.add(
          "ScatterElements", [try lifting.input(0), try lifting.input(1), try lifting.input(2)], attributes)
      ]
    },
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

  private static func scatterReduction(_ lifting: Lifting) throws -> String {
    let names = ["none": "none", "sum": "add", "prod": "mul", "min": "min", "max": "max"]
    let reduction = try lifting.attribute("reduction", "none")
    guard let name = names[reduction], try reduction == "none" || lifting.attribute("use_init_val", true) else {
      throw Unliftable()
    }
    return name
  }
}
