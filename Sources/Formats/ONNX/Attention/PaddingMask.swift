import GraphIR
import Operations
import Tensors

/// The forms in which ONNX Runtime's operators are told which keys are padding, told apart by their shapes.
struct PaddingMask {
  private let node: LiftedNode
  private let key: Value
  private let newKeys: Dimension
  private let batch: Dimension
  private let keys: Dimension

  /// - Parameters:
  ///   - key: with the past's.
  ///   - newKeys: how many there are without.
  init(of node: LiftedNode, query: Value, key: Value, newKeys: Dimension, in graph: Graph) throws {
    guard let queries = graph.type(of: query).shape.dimensions, let keys = graph.type(of: key).shape.dimensions else {
      throw ModelError.unsupported("attention of unknown rank")
    }
    self.node = node
    self.key = key
    self.newKeys = newKeys
    batch = queries[0]
    self.keys = keys[2]
  }

  /// What to add to the scores: `fill` for padding, 0 elsewhere; nil where `mask` hides nothing.
  func bias(_ mask: Value, fill: Double, in graph: inout Graph) throws -> Value? {
    guard let sizes = graph.type(of: mask).shape.dimensions else {
      throw ModelError.unsupported("a mask of unknown rank")
    }
    let visible: Value
    switch sizes.count {
    case 1:
      visible = try withinLengths(mask, count: sizes[0], in: &graph)
    case 2:
      // Such a mask is only there to fill the input's place.
      if sizes[1].constant == 1, keys.constant != 1 { return nil }
      try node.requireSupported(sizes[1] == keys || sizes[1] != newKeys, "a mask of new keys only beside a past")
      visible = try node.insert("Unsqueeze", [isPositive(mask, in: &graph), axes([1, 2], in: &graph)], in: &graph)
    case 3:
      visible = try node.insert("Unsqueeze", [isPositive(mask, in: &graph), axes([1], in: &graph)], in: &graph)
    default: throw ModelError.unsupported("a mask of \(sizes.count) axes")
    }
    return try node.insert(
      "Where",
      [visible, node.scalar(0, like: key, in: &graph), node.scalar(fill, like: key, in: &graph)], in: &graph)
  }

  private func axes(_ axes: [Int], in graph: inout Graph) throws -> Value { try node.constant(axes, in: &graph) }

  private func isPositive(_ mask: Value, in graph: inout Graph) throws -> Value {
    if graph.type(of: mask).element == .bool { return mask }
    return try node.insert("Greater", [mask, node.scalar(0, like: mask, in: &graph)], in: &graph)
  }

  /// `[batch]`: where each entry's keys end. `[2 · batch]`: these, then where they begin. `[3 · batch + 2]`: the ends, and sums of them.
  private func withinLengths(_ lengths: Value, count: Dimension, in graph: inout Graph) throws -> Value {
    let hasStarts = count == batch * 2 && node.type == "Attention"
    guard hasStarts || count == batch || count == batch * 3 + 2 else {
      throw ModelError.unsupported("a mask of one axis that is not sure to be as long as the batch")
    }
    let number = try FlashAttention.size(ofAxis: 2, of: key, in: &graph)
    let places = try AttentionPositions.indices(below: number, of: node, in: &graph)
    let entries = try node.insert(
      "Reshape", [FlashAttention.size(ofAxis: 0, of: key, in: &graph), node.constant([1], in: &graph)], in: &graph)
    func part(from start: Value, to end: Value) throws -> Value {
      let part = try count == batch ? lengths : node.insert("Slice", [lengths, start, end], in: &graph)
      return try node.insert(
        "Reshape", [node.cast(part, to: .int64, in: &graph), node.constant([-1, 1, 1, 1], in: &graph)], in: &graph)
    }
    let ends = try part(from: node.constant([0], in: &graph), to: entries)
    let seen = try node.insert("Less", [places, ends], in: &graph)
    guard hasStarts else { return seen }
    let starts = try part(from: entries, to: node.constant([Int(Int32.max)], in: &graph))
    return try node.insert("And", [seen, node.insert("GreaterOrEqual", [places, starts], in: &graph)], in: &graph)
  }
}
