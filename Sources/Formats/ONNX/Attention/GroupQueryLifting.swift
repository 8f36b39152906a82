import GraphIR
import Operations
import Tensors

/// ONNX Runtime's `GroupQueryAttention`, whose cache is written from where each batch entry's past ends.
///
/// `seqlens_k` is one less than the valid keys of each entry, the new ones with them; `total_sequence_length` is the longest. Where as
/// many keys as that are new, there is no past, whatever the cache holds. The present is as long as cache or total, with zeros behind.
struct GroupQueryLifting {
  private let node: LiftedNode
  private var query: Value
  private var key: Value
  private var value: Value
  private let heads: Int
  /// `[batch]`, 64-bit integers.
  private let totals: Value
  /// How many keys of each entry are old: `[batch]`; nil where there is no past.
  private var pastLengths: Value?
  private var attention = FlashAttention()
  private var mask: Value?
  private var bias: Value?

  init(_ node: LiftedNode, in graph: inout Graph) throws {
    self.node = node
    try Self.check(node)
    guard let heads = try node.integer("num_heads"), let keyHeads = try node.integer("kv_num_heads"),
      (1..<1 << 31).contains(heads), keyHeads > 0, heads % keyHeads == 0
    else {
      throw ModelError.invalid("attributes 'num_heads' and 'kv_num_heads' must be there, one a multiple of the other")
    }
    self.heads = heads
    var parts = [try node.required(0), node.input(1), node.input(2)].compactMap { $0 }
    if parts.count == 1 {
      guard let all = graph.type(of: parts[0]).shape.dimensions?.last?.constant, all % (heads + 2 * keyHeads) == 0
      else {
        throw ModelError.unsupported("packed inputs of unknown size")
      }
      let size = all / (heads + 2 * keyHeads)
      let sizes = [heads * size, keyHeads * size, keyHeads * size]
      parts = try node.insertAll(
        "Split", [parts[0], node.constant(sizes, in: &graph)], ["axis": .integer(-1)], outputs: 3, in: &graph)
    }
    try node.requireSupported(parts.count == 3, "a key without a value")
    query = try HeadLayout.split(parts[0], heads: heads, of: node, in: &graph)
    key = try HeadLayout.split(parts[1], heads: keyHeads, of: node, in: &graph)
    value = try HeadLayout.split(parts[2], heads: keyHeads, of: node, in: &graph)
    let lengths = try node.cast(node.required(5), to: .int64, in: &graph)
    let ends = try node.insert("Add", [lengths, graph.addConstant(Tensor(scalar: Int64(1)))], in: &graph)
    totals = try node.insert("Reshape", [ends, node.constant([-1], in: &graph)], in: &graph)
  }

  private static func check(_ node: LiftedNode) throws {
    for quantisation in ["k_quant_type", "v_quant_type"] {
      try node.requireSupported(node.string(quantisation) ?? "NONE" == "NONE", "a quantised cache")
    }
    try node.requireSupported(node.integer("sliding_window_cache") ?? 0 == 0, "a cache no longer than the window")
    try node.requireSupported(node.inputs.count <= 12, "queries and keys that are normalised inside the operator")
    try node.requireSupported(node.outputCount <= 3, "the scores of GroupQueryAttention")
    try node.requireSupported((node.input(3) == nil) == (node.input(4) == nil), "a past key without a past value")
  }

  mutating func results(in graph: inout Graph) throws -> [Value?] {
    if node.input(3) != nil { pastLengths = try lengthsOfPast(in: &graph) }
    try rotate(in: &graph)
    bias = node.input(10)
    try writeCache(in: &graph)
    let scale = try node.number("scale") ?? 0
    attention.scale = try HeadLayout.scale(scale == 0 ? nil : scale, query: &query, of: node, in: &graph)
    attention.softcap = max(try node.number("softcap") ?? 0, 0)
    try limitPositions(in: &graph)
    var sinks = node.input(11)
    if sinks == nil, try node.integer("smooth_softmax") ?? 0 == 1 {
      let zeros = Array(repeating: 0.0, count: heads)
      sinks = try graph.addConstant(
        Tensor(doubles: zeros, element: graph.type(of: query).element, shape: [heads]), origin: node.origin)
    }
    let result = try graph.insert(
      attention, [query, key, value, bias, mask, sinks, totals], name: node.name, origin: node.origin)
    let output = try HeadLayout.merge(result, of: node, in: &graph)
    return Array([output, key, value].prefix(max(node.outputCount, 1)))
  }

  private func length(of value: Value, in graph: inout Graph) throws -> Value {
    try FlashAttention.size(ofAxis: 2, of: value, in: &graph)
  }

  /// `total_sequence_length` as one integer without axes.
  private func total(in graph: inout Graph) throws -> Value {
    let number = try node.cast(node.required(6), to: .int64, in: &graph)
    return graph.type(of: number).rank == 0
      ? number : try node.insert("Reshape", [number, node.constant([], in: &graph)], in: &graph)
  }

  /// Whether all keys are new.
  private func isPrompt(in graph: inout Graph) throws -> Value {
    try node.insert("Equal", [length(of: query, in: &graph), total(in: &graph)], in: &graph)
  }

  private func lengthsOfPast(in graph: inout Graph) throws -> Value {
    let old = try node.insert("Sub", [totals, length(of: query, in: &graph)], in: &graph)
    let none = try graph.addConstant(Tensor(scalar: Int64(0)), origin: node.origin)
    return try node.insert("Where", [isPrompt(in: &graph), none, old], in: &graph)
  }

  /// Turns queries and new keys by their positions: behind the past, or as `position_ids` says, of which a prompt reads the first only.
  private mutating func rotate(in graph: inout Graph) throws {
    guard try node.integer("do_rotary") ?? 0 == 1 else { return }
    guard let cosines = node.input(7), let sines = node.input(8),
      let half = graph.type(of: cosines).shape.dimensions?.last?.constant
    else { throw ModelError.unsupported("a rotation by tables of unknown size") }
    let steps = try AttentionPositions.indices(below: length(of: query, in: &graph), of: node, in: &graph)
    var positions = steps
    if let pastLengths {
      let starts = try node.insert("Reshape", [pastLengths, node.constant([-1, 1], in: &graph)], in: &graph)
      positions = try node.insert("Add", [steps, starts], in: &graph)
    }
    if let given = node.input(9) {
      let first = try node.insert("Reshape", [given, node.constant([-1], in: &graph)], in: &graph)
      let start = try node.insert("Gather", [first, graph.addConstant(Tensor(scalar: Int64(0)))], in: &graph)
      positions = try node.insert("Add", [steps, start], in: &graph)
      if pastLengths != nil {
        positions = try node.insert("Where", [isPrompt(in: &graph), positions, given], in: &graph)
      }
    }
    let sizes = try node.insert("Shape", [query], in: &graph)
    let shape = try node.insert("Gather", [sizes, node.constant([0, 2], in: &graph)], in: &graph)
    positions = try node.insert("Expand", [positions, shape], in: &graph)
    let attributes: [String: AttributeValue] = [
      "interleaved": .boolean(try node.integer("rotary_interleaved") ?? 0 == 1),
      "rotary_embedding_dim": .integer(half * 2),
    ]
    query = try node.insert("RotaryEmbedding", [query, cosines, sines, positions], attributes, in: &graph)
    key = try node.insert("RotaryEmbedding", [key, cosines, sines, positions], attributes, in: &graph)
  }

  /// Writes new keys and values behind those of the past.
  private mutating func writeCache(in graph: inout Graph) throws {
    guard let pastKey = node.input(3), let pastValue = node.input(4), let pastLengths else { return }
    let capacity = try length(of: pastKey, in: &graph)
    let total = try total(in: &graph)
    let all = try node.insert("Max", [capacity, total], in: &graph)
    func padded(_ value: Value, by missing: Value, axis: Int) throws -> Value {
      let end = try node.insert("Reshape", [missing, node.constant([1], in: &graph)], in: &graph)
      let pads = try node.insert("Concat", [node.constant([0], in: &graph), end], ["axis": .integer(0)], in: &graph)
      let fill = try node.scalar(0, like: value, in: &graph)
      return try node.insert("Pad", [value, pads, fill, node.constant([axis], in: &graph)], in: &graph)
    }
    let missing = try node.insert("Sub", [all, capacity], in: &graph)
    let axis: [String: AttributeValue] = ["axis": .integer(2)]
    key = try node.insert(
      "TensorScatter", [padded(pastKey, by: missing, axis: 2), key, pastLengths], axis, in: &graph)
    value = try node.insert(
      "TensorScatter", [padded(pastValue, by: missing, axis: 2), value, pastLengths], axis, in: &graph)
    // A bias is as wide as the longest entry, the cache may be wider.
    if let given = bias {
      bias = try padded(given, by: node.insert("Sub", [all, total], in: &graph), axis: 3)
    }
  }

  private mutating func limitPositions(in graph: inout Graph) throws {
    guard try node.integer("causal") ?? 1 != 0 else { return }
    let limited = 1...FlashAttention.widestWindow
    let window = try node.integer("local_window_size").flatMap { limited.contains($0) ? $0 : nil }
    guard let pastLengths else {
      attention.causal = .upperLeft
      attention.leftWindow = window.map { $0 - 1 }
      return
    }
    // A single query is the last key's: the lengths hide what it does not see.
    let isSingle = graph.type(of: query).shape.dimensions?[2].constant == 1
    if isSingle, window == nil { return }
    let offset = try node.insert("Reshape", [pastLengths, node.constant([-1, 1, 1, 1], in: &graph)], in: &graph)
    var positions = try AttentionPositions(
      queries: length(of: query, in: &graph), keys: length(of: key, in: &graph), offset: offset, of: node, in: &graph)
    try positions.require("LessOrEqual", 0, in: &graph)
    if let window { try positions.require("GreaterOrEqual", 1 - window, in: &graph) }
    mask = positions.mask
  }
}
