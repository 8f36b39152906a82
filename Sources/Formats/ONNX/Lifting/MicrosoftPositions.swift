import Foundation
import GraphIR
import Tensors

extension ONNXLiftingRule {
  /// ONNX Runtime's operators for where in a sequence something stands.
  static let microsoftPositions: [ONNXLiftingRule] = [
    ONNXLiftingRule("RotaryEmbedding", domain: contrib) { node, graph in try rotate(node, in: &graph) },
    ONNXLiftingRule("RelativePositionBias", domain: contrib) { node, graph in
      [try relativeBias(node, in: &graph)]
    },
  ]

  /// The standard's operator with the positions last, and given one by one.
  private static func rotate(_ node: LiftedNode, in graph: inout Graph) throws -> [Value?] {
    let (data, table) = (try node.required(0), try node.required(2))
    guard try node.integer("is_packed_batching") ?? 0 == 0, try node.number("scale") ?? 1 == 1 else {
      throw ModelError.unsupported("RotaryEmbedding of ragged batches or with a scale")
    }
    var attributes = node.attributes.filter { ["interleaved", "num_heads", "rotary_embedding_dim"].contains($0.key) }
    let dimensions = graph.type(of: data).shape.dimensions
    guard let dimensions, dimensions.count == 3 || dimensions.count == 4 else {
      throw ModelError.unsupported("RotaryEmbedding of unknown rank")
    }
    if dimensions.count == 3, try node.integer("num_heads") ?? 0 == 0 {
      guard let features = dimensions[2].constant, let half = graph.type(of: table).shape.dimensions?.last?.constant,
        half > 0, half < 1 << 32, features % (2 * half) == 0
      else { throw ModelError.unsupported("RotaryEmbedding of an unknown number of heads") }
      attributes["num_heads"] = .integer(features / (2 * half))
    }
    var positions = try node.required(1)
    let given = graph.type(of: positions).shape.dimensions
    guard let given else { throw ModelError.unsupported("RotaryEmbedding with positions of unknown rank") }
    if given.count < 2 || given[0] != dimensions[0] {
      let shape = try node.insert("Shape", [data], in: &graph)
      func size(_ axis: Int) throws -> Value {
        try node.insert("Gather", [shape, node.constant([axis], in: &graph)], in: &graph)
      }
      let length = try size(dimensions.count == 3 ? 1 : 2)
      if given.count < 2 {
        // The first position, from which on they count up.
        let scalar = try node.insert("Reshape", [length, node.constant([], in: &graph)], in: &graph)
        let steps = try node.insert(
          "Range",
          [graph.addConstant(Tensor(scalar: Int64(0))), scalar, graph.addConstant(Tensor(scalar: Int64(1)))],
          in: &graph)
        positions = try node.insert("Add", [positions, steps], in: &graph)
      }
      let target = try node.insert("Concat", [size(0), length], ["axis": .integer(0)], in: &graph)
      positions = try node.insert("Expand", [positions, target], in: &graph)
    }
    return [try node.insert("RotaryEmbedding", [data, table, node.required(3), positions], attributes, in: &graph)]
  }

  /// Rows of a table, one for every bucket of distances between keys and queries, as T5 has it: half of the buckets are for one distance
  /// each, the others for ranges that grow up to the greatest distance. `[1, heads, queries, keys]`.
  private static func relativeBias(_ node: LiftedNode, in graph: inout Graph) throws -> Value {
    let table = try node.required(0)
    let reach = try node.integer("max_distance") ?? 0
    let isTwoSided = try node.integer("is_bidirectional") ?? 0 != 0
    guard let rows = graph.type(of: table).shape.dimensions?.first?.constant, rows < 1 << 31 else {
      throw ModelError.unsupported("RelativePositionBias with a table of an unknown size")
    }
    let buckets = isTwoSided ? rows / 2 : rows
    let exact = buckets / 2
    guard exact > 0, reach > exact else { throw ModelError.unsupported("\(rows) buckets up to a distance of \(reach)") }
    func scalar(_ number: Int) throws -> Value { try graph.addConstant(Tensor(scalar: Int64(number))) }
    func places(_ index: Int) throws -> Value {
      let length = try node.insert("Reshape", [node.required(index), node.constant([], in: &graph)], in: &graph)
      return try node.insert("Range", [scalar(0), length, scalar(1)], in: &graph)
    }
    func cast(_ value: Value, to element: ElementType) throws -> Value {
      try node.insert("Cast", [value], ["to": .element(element)], in: &graph)
    }
    let column = try node.insert("Unsqueeze", [places(1), node.constant([1], in: &graph)], in: &graph)
    let behind = try node.insert("Sub", [column, places(2)], in: &graph)
    let distance =
      isTwoSided
      ? try node.insert("Abs", [behind], in: &graph) : try node.insert("Max", [behind, scalar(0)], in: &graph)
    // The logarithm of 0 is not looked at.
    let farther = try cast(node.insert("Max", [distance, scalar(1)], in: &graph), to: .float32)
    let ratio = try node.insert("Div", [farther, graph.addConstant(Tensor(scalar: Float(exact)))], in: &graph)
    let growth = Float(Double(buckets - exact) / log(Double(reach) / Double(exact)))
    let steps = try node.insert(
      "Mul", [node.insert("Log", [ratio], in: &graph), graph.addConstant(Tensor(scalar: growth))], in: &graph)
    let far = try node.insert("Add", [cast(steps, to: .int64), scalar(exact)], in: &graph)
    let isNear = try node.insert("Less", [distance, scalar(exact)], in: &graph)
    let last = try node.insert("Min", [far, scalar(buckets - 1)], in: &graph)
    var bucket = try node.insert("Where", [isNear, distance, last], in: &graph)
    if isTwoSided {
      let isAhead = try cast(node.insert("Less", [behind, scalar(0)], in: &graph), to: .int64)
      bucket = try node.insert(
        "Add", [bucket, node.insert("Mul", [isAhead, scalar(buckets)], in: &graph)], in: &graph)
    }
    let found = try node.insert("Gather", [table, bucket], in: &graph)
    let perHead = try node.insert("Transpose", [found], ["perm": .integers([2, 0, 1])], in: &graph)
    return try node.insert("Unsqueeze", [perHead, node.constant([0], in: &graph)], in: &graph)
  }
}
