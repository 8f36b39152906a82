import GraphIR
import Tensors

extension LoweringRules {
  static let shapes: [String: LoweringRule] = [
    "Transpose": { lowering, node, inputs in
      let data = try lowering.required(inputs)[0]
      var order: [Int] = []
      if case .integers(let given) = try node.attribute("perm") { order = given }
      return try lowering.layer("Transpose", [data, try lowering.constant(order)], [try node.type()])
    },
    "Reshape": { lowering, node, inputs in
      let copiesZeros = try node.attribute("allowzero") == .boolean(false)
      return try lowering.layer(
        "Reshape", data: [("special_zero", copiesZeros ? "true" : "false")], try lowering.required(inputs),
        [try node.type()])
    },
    "Expand": { lowering, node, inputs in
      try lowering.layer(
        "Broadcast", version: 3, data: [("mode", "bidirectional")], try lowering.required(inputs), [try node.type()])
    },
    "Shape": { lowering, node, inputs in
      let data = try lowering.required(inputs)[0]
      let all = Shape([data.type.rank.map { Dimension($0) } ?? .unknown])
      let shape = try lowering.single(
        "ShapeOf", version: 3, data: [("output_type", "i64")], [data], TensorType(.int64, all))
      var bounds = [0, Int.max]
      if case .integer(let start) = try node.attribute("start") { bounds[0] = start }
      if case .integer(let end) = try node.attribute("end") { bounds[1] = end }
      if bounds == [0, Int.max] { return [shape] }
      let (from, to, step) = (
        try lowering.constant([bounds[0]]), try lowering.constant([bounds[1]]), try lowering.constant([1])
      )
      return try lowering.layer("Slice", version: 8, [shape, from, to, step], [try node.type()])
    },
    "Gather": { lowering, node, inputs in
      let axis = try lowering.constant(Tensor(scalar: Int64(try node.integer("axis"))))
      return try lowering.layer(
        "Gather", version: 8, data: [("batch_dims", "0")], try lowering.required(inputs) + [axis], [try node.type()])
    },
    "Slice": { lowering, node, inputs in
      var operands = inputs
      while operands.count < 5 { operands.append(nil) }
      let needed = try lowering.required(Array(operands.prefix(3)))
      let step: LayerOutput
      if let given = operands[4] {
        step = given
      } else {
        guard let count = needed[1].type.shape.sizes?.first else {
          throw ModelError.unsupported("a slice of an unknown number of axes")
        }
        let ones = Array(repeating: 1, count: count)
        step = try lowering.constant(Tensor(integers: ones, element: needed[1].type.element, shape: [count]))
      }
      let axes = operands[3].map { [$0] } ?? []
      return try lowering.layer("Slice", version: 8, needed + [step] + axes, [try node.type()])
    },
    "Split": { lowering, node, inputs in
      let axis = try lowering.constant(Tensor(scalar: Int64(try node.integer("axis"))))
      let data = try lowering.required(inputs)
      let types = node.outputs.map(\.type)
      if data.count > 1 { return try lowering.layer("VariadicSplit", [data[0], axis, data[1]], types) }
      return try lowering.layer("Split", data: [("num_splits", String(types.count))], [data[0], axis], types)
    },
    "Range": { lowering, node, inputs in
      let type = try node.type()
      return try lowering.layer(
        "Range", version: 4, data: [("output_type", IRText.name(of: type.element))], try lowering.required(inputs),
        [type])
    },
    "Tile": { lowering, node, inputs in
      try lowering.layer("Tile", try lowering.required(inputs), [try node.type()])
    },
  ]
}
