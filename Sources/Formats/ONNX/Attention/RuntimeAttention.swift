import GraphIR
import Operations
import Tensors

/// ONNX Runtime's `MultiHeadAttention` and `Attention`, once there are queries, keys and values with axes for heads.
///
/// What its kernels do was measured: padding adds `mask_filter_value` to the scores, so that a row of nothing but padding is as if
/// there were none; causality puts the lowest number there is in place of a score.
struct RuntimeAttention {
  private let node: LiftedNode
  var query: Value
  var key: Value
  var value: Value
  /// Whether as many keys as queries are new, so that the past's end is the lower right corner.
  private let endsAtLastKey: Bool
  private let newKeys: Dimension
  private let hasPast: Bool
  private var attention = FlashAttention()
  private var mask: Value?

  /// - Parameters:
  ///   - query: `[batch, heads, queries, size]`; `key` and `value` too, without the `past`.
  init(
    _ node: LiftedNode, query: Value, key: Value, value: Value, past: (key: Value, value: Value)?,
    in graph: inout Graph
  ) throws {
    self.node = node
    self.query = query
    self.key = key
    self.value = value
    let elements = Set([query, key, value].map { graph.type(of: $0).element })
    try node.requireSupported(elements.count == 1, "attention of more than one element type")
    hasPast = past != nil
    guard let sizes = graph.type(of: query).shape.dimensions, let keySizes = graph.type(of: key).shape.dimensions else {
      throw ModelError.unsupported("attention of unknown rank")
    }
    newKeys = keySizes[2]
    endsAtLastKey = sizes[2] == newKeys
    if let past {
      self.key = try node.insert("Concat", [past.key, key], ["axis": .integer(2)], in: &graph)
      self.value = try node.insert("Concat", [past.value, value], ["axis": .integer(2)], in: &graph)
    }
  }

  /// The result as `[batch, queries, heads · size]`.
  ///
  /// - Parameters:
  ///   - padding: which keys count, in one of the forms that `PaddingMask` knows.
  ///   - bias: what is added to the scores.
  mutating func result(padding: Value?, bias: Value?, in graph: inout Graph) throws -> Value {
    let given = try node.number("scale") ?? 0
    attention.scale = try HeadLayout.scale(given == 0 ? nil : given, query: &query, of: node, in: &graph)
    let filter = try node.number("mask_filter_value") ?? -10000
    let mask = try padding.flatMap {
      try PaddingMask(of: node, query: query, key: key, newKeys: newKeys, in: graph).bias($0, fill: filter, in: &graph)
    }
    var total = bias
    if let mask { total = try total.map { try node.insert("Add", [$0, mask], in: &graph) } ?? mask }
    try limitPositions(isBiased: bias != nil || filter < -1e30, in: &graph)
    let operands = [query, key, value, total, self.mask].trimmed
    return try HeadLayout.merge(
      graph.insert(attention, operands, name: node.name, origin: node.origin), of: node, in: &graph)
  }

  private mutating func limitPositions(isBiased: Bool, in graph: inout Graph) throws {
    guard try node.integer("unidirectional") ?? 0 != 0 else { return }
    // The last query sees all keys there, however many there are.
    if graph.type(of: query).shape.dimensions?[2].constant == 1 { return }
    try node.requireSupported(
      endsAtLastKey, "causal \(node.type) of different lengths, which engines do not agree about")
    guard isBiased else {
      attention.causal = hasPast ? .lowerRight : .upperLeft
      return
    }
    let queries = try FlashAttention.size(ofAxis: 2, of: query, in: &graph)
    let keys = try FlashAttention.size(ofAxis: 2, of: key, in: &graph)
    let offset = try hasPast ? node.insert("Sub", [keys, queries], in: &graph) : nil
    var positions = try AttentionPositions(queries: queries, keys: keys, offset: offset, of: node, in: &graph)
    try positions.require("LessOrEqual", 0, in: &graph)
    mask = positions.mask
    attention.maskedScore = -Double(Float.greatestFiniteMagnitude)
  }
}

extension RuntimeAttention {
  /// `MultiHeadAttention`: queries, keys and values come projected, alone or packed together.
  static func liftMultiHead(_ node: LiftedNode, in graph: inout Graph) throws -> [Value?] {
    guard let heads = try node.integer("num_heads"), heads > 0 else {
      throw ModelError.invalid("attribute 'num_heads': a number above 0 was expected")
    }
    try node.requireSupported(node.inputs.count <= 8, "a MultiHeadAttention whose cache is one buffer")
    try node.requireSupported(node.outputCount <= 3, "the scores of MultiHeadAttention")
    var parts = [try node.required(0), node.input(1), node.input(2)].compactMap { $0 }
    let packed = try parts.map { part -> Int in
      guard let rank = graph.type(of: part).rank else { throw ModelError.unsupported("attention of unknown rank") }
      return rank
    }
    switch packed {
    case [5]: parts = try unpack(parts[0], count: 3, of: node, in: &graph)
    case [3, 5]: parts = [parts[0]] + (try unpack(parts[1], count: 2, of: node, in: &graph))
    case [3, 3, 3], [3, 4, 4], [3, 3, 4]: break
    default: throw ModelError.unsupported("MultiHeadAttention of inputs of \(packed) axes")
    }
    if let bias = node.input(3) { parts = try adding(bias, to: parts, heads: heads, of: node, in: &graph) }
    parts = try parts.enumerated().map { index, part in
      // Packed ones have their heads after the length.
      guard graph.type(of: part).rank == 4, packed.count < 3 else {
        return try HeadLayout.split(part, heads: heads, of: node, in: &graph)
      }
      return try node.insert("Transpose", [part], ["perm": .integers([0, 2, 1, 3])], in: &graph)
    }
    var past: (Value, Value)?
    if let pastKey = node.input(6), let pastValue = node.input(7) { past = (pastKey, pastValue) }
    var attention = try RuntimeAttention(
      node, query: parts[0], key: parts[1], value: parts[2], past: past, in: &graph)
    let result = try attention.result(padding: node.input(4), bias: node.input(5), in: &graph)
    return Array([result, attention.key, attention.value].prefix(max(node.outputCount, 1)))
  }

  /// `[batch, length, heads, count, size]` as that many of `[batch, length, heads, size]`.
  private static func unpack(
    _ value: Value, count: Int, of node: LiftedNode, in graph: inout Graph
  ) throws -> [Value] {
    guard graph.type(of: value).shape.dimensions?[3].constant == count else {
      throw ModelError.unsupported("packed inputs of an unknown number of parts")
    }
    return try (0..<count).map { index in
      let index = try graph.addConstant(Tensor(scalar: Int64(index)), origin: node.origin)
      return try node.insert("Gather", [value, index], ["axis": .integer(3)], in: &graph)
    }
  }

  /// Each of `parts` with its share of a bias that belongs to the projections before them.
  private static func adding(
    _ bias: Value, to parts: [Value], heads: Int, of node: LiftedNode, in graph: inout Graph
  ) throws -> [Value] {
    // Of packed ones heads and sizes are two axes.
    let shapes = parts.map { graph.type(of: $0).shape.dimensions ?? [] }
    let sizes = try shapes.map { shape in
      guard let size = shape.dropFirst(2).reduce(Dimension(1), *).constant else {
        throw ModelError.unsupported("a bias of inputs of unknown size")
      }
      return size
    }
    let shares = try node.insertAll(
      "Split", [bias, node.constant(sizes, in: &graph)], ["axis": .integer(0)], outputs: parts.count, in: &graph)
    return try zip(parts, zip(shares, shapes)).map { part, share in
      var addend = share.0
      if share.1.count == 4 {
        addend = try node.insert("Reshape", [addend, node.constant([heads, -1], in: &graph)], in: &graph)
      }
      return try node.insert("Add", [part, addend], in: &graph)
    }
  }

  /// `Attention`, which projects queries, keys and values out of one input itself.
  static func liftProjected(_ node: LiftedNode, in graph: inout Graph) throws -> [Value?] {
    guard let heads = try node.integer("num_heads"), heads > 0 else {
      throw ModelError.invalid("attribute 'num_heads': a number above 0 was expected")
    }
    try node.requireSupported(
      node.integer("past_present_share_buffer") ?? 0 == 0 && node.input(6) == nil,
      "an Attention whose cache is one buffer")
    try node.requireSupported(node.integer("do_rotary") ?? 0 == 0, "an Attention that turns queries and keys")
    var product = try node.insert("MatMul", [node.required(0), node.required(1)], in: &graph)
    if let bias = node.input(2) { product = try node.insert("Add", [product, bias], in: &graph) }
    var sizes = try node.integers("qkv_hidden_sizes") ?? []
    if sizes.isEmpty {
      guard let all = graph.type(of: product).shape.dimensions?.last?.constant, all % 3 == 0 else {
        throw ModelError.unsupported("an Attention of unknown size")
      }
      sizes = Array(repeating: all / 3, count: 3)
    }
    try require(sizes.count == 3 && sizes.allSatisfy { $0 > 0 }, "attribute 'qkv_hidden_sizes': 3 sizes were expected")
    let parts = try node.insertAll(
      "Split", [product, node.constant(sizes, in: &graph)], ["axis": .integer(-1)], outputs: 3, in: &graph
    ).map { try HeadLayout.split($0, heads: heads, of: node, in: &graph) }
    let past = try node.input(4).map { past in
      let halves = try [0, 1].map { half in
        try node.insert("Gather", [past, graph.addConstant(Tensor(scalar: Int64(half)))], in: &graph)
      }
      return (key: halves[0], value: halves[1])
    }
    var attention = try RuntimeAttention(
      node, query: parts[0], key: parts[1], value: parts[2], past: past, in: &graph)
    let result = try attention.result(padding: node.input(3), bias: node.input(5), in: &graph)
    guard node.outputCount > 1 else { return [result] }
    let axis = try node.constant([0], in: &graph)
    let halves = try [attention.key, attention.value].map { try node.insert("Unsqueeze", [$0, axis], in: &graph) }
    return [result, try node.insert("Concat", halves, ["axis": .integer(0)], in: &graph)]
  }
}
