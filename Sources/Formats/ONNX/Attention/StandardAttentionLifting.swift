import GraphIR
import Operations
import Tensors

/// The standard operator as `FlashAttention`, with what that can't say computed around it.
///
/// Positions count from an offset: the length of the past, or, within valid lengths, as many keys as come before the queries. Where
/// that is neither corner of the scores, the keys that a query sees become a mask.
struct StandardAttentionLifting {
  private let node: LiftedNode
  private let isFlat: Bool
  private var query: Value
  private var key: Value
  private var value: Value
  private let lengths: Value?
  private let pastKey: Value?
  private var attention = FlashAttention()
  private var bias: Value?
  private var mask: Value?
  /// Whether as many keys as queries are new, so that the past's end is the lower right corner.
  private let endsAtLastKey: Bool
  private let isCausal: Bool

  init(_ node: LiftedNode, in graph: inout Graph) throws {
    self.node = node
    isFlat = graph.type(of: try node.required(0)).rank == 3
    let keyHeads = try node.integer("kv_num_heads")
    query = try HeadLayout.split(node.required(0), heads: node.integer("q_num_heads"), of: node, in: &graph)
    key = try HeadLayout.split(node.required(1), heads: keyHeads, of: node, in: &graph)
    value = try HeadLayout.split(node.required(2), heads: keyHeads, of: node, in: &graph)
    lengths = node.input(6)
    pastKey = node.input(4)
    isCausal = try node.integer("is_causal") ?? 0 != 0
    let queryLength = graph.type(of: query).shape.dimensions?[2]
    endsAtLastKey = queryLength != nil && queryLength == graph.type(of: key).shape.dimensions?[2]
    if let pastKey, let pastValue = node.input(5) {
      key = try node.insert("Concat", [pastKey, key], ["axis": .integer(2)], in: &graph)
      value = try node.insert("Concat", [pastValue, value], ["axis": .integer(2)], in: &graph)
    }
  }

  mutating func results(in graph: inout Graph) throws -> [Value?] {
    attention.softcap = try node.number("softcap") ?? 0
    attention.scale = try HeadLayout.scale(node.number("scale"), query: &query, of: node, in: &graph)
    try readMask(in: &graph)
    try limitPositions(in: &graph)
    // A query that sees no key gives 0, by the standard's correction of itself.
    attention.guardsNaN = bias != nil || mask != nil || lengths != nil
    let element = graph.type(of: query).element
    let operands = [
      query, try cast(key, to: element, in: &graph), try cast(value, to: element, in: &graph), bias, mask, nil, lengths,
    ].trimmed
    let result = try graph.insert(attention, operands, name: node.name, origin: node.origin)
    let output = isFlat ? try HeadLayout.merge(result, of: node, in: &graph) : result
    guard node.outputCount > 3 else { return [output, key, value] }
    return [output, key, value, try scores(operands, in: &graph)]
  }

  private mutating func readMask(in graph: inout Graph) throws {
    guard var given = node.input(3) else { return }
    let type = graph.type(of: given)
    let (own, wanted) = (type.shape.dimensions?.last, graph.type(of: key).shape.dimensions?.dropLast().last)
    // From operator set 24 on, a shorter mask is filled up instead of broadcast.
    if node.version >= 24, own == nil || own != wanted {
      let keys = try FlashAttention.size(ofAxis: 2, of: key, in: &graph)
      let sizes = try node.insert("Shape", [given], in: &graph)
      let length = try node.insert("Gather", [sizes, node.constant([-1], in: &graph)], in: &graph)
      let missing = try node.insert("Sub", [keys, length], in: &graph)
      let pads = try node.insert(
        "Concat", [node.constant([0], in: &graph), missing], ["axis": .integer(0)], in: &graph)
      let fill = try node.scalar(type.element == .bool ? 0 : -.infinity, like: given, in: &graph)
      given = try node.insert("Pad", [given, pads, fill, node.constant([-1], in: &graph)], in: &graph)
    }
    if type.element == .bool { mask = given } else { bias = given }
  }

  private mutating func limitPositions(in graph: inout Graph) throws {
    let limited = 0...FlashAttention.widestWindow
    let left = try node.integer("left_window_size").flatMap { limited.contains($0) ? $0 : nil }
    let right = try node.integer("right_window_size").flatMap { limited.contains($0) ? $0 : nil }
    guard isCausal || left != nil || right != nil else { return }
    if lengths == nil, pastKey == nil || isCausal && endsAtLastKey {
      if isCausal { attention.causal = pastKey == nil ? .upperLeft : .lowerRight }
      (attention.leftWindow, attention.rightWindow) = (left, right)
      return
    }
    let queries = try FlashAttention.size(ofAxis: 2, of: query, in: &graph)
    let keys = try FlashAttention.size(ofAxis: 2, of: key, in: &graph)
    var offset: Value?
    if let pastKey {
      offset = try FlashAttention.size(ofAxis: 2, of: pastKey, in: &graph)
    } else if let lengths {
      let perEntry = try node.insert("Reshape", [lengths, node.constant([-1, 1, 1, 1], in: &graph)], in: &graph)
      offset = try node.insert("Sub", [cast(perEntry, to: .int64, in: &graph), queries], in: &graph)
    }
    var positions = try AttentionPositions(
      queries: queries, keys: keys, offset: offset, mask: mask, of: node, in: &graph)
    if isCausal { try positions.require("LessOrEqual", 0, in: &graph) }
    if let left { try positions.require("GreaterOrEqual", -left, in: &graph) }
    if let right { try positions.require("LessOrEqual", right, in: &graph) }
    mask = positions.mask
  }

  /// The scores as the fourth result wants them: the product, capped, masked, or after the softmax.
  private func scores(_ operands: [Value?], in graph: inout Graph) throws -> Value {
    let mode = try node.integer("qk_matmul_output_mode") ?? 0
    guard let stage = FlashAttention.Stage(rawValue: mode) else {
      throw ModelError.invalid("attribute 'qk_matmul_output_mode': 0 to 3 was expected, found \(mode)")
    }
    var numbers = ConstantNumbers()
    let scores = try attention.scores(operands, upTo: stage, in: &graph, numbers: &numbers)
    return try cast(scores, to: graph.type(of: query).element, in: &graph)
  }

  private func cast(_ value: Value, to element: ElementType, in graph: inout Graph) throws -> Value {
    try node.cast(value, to: element, in: &graph)
  }
}
