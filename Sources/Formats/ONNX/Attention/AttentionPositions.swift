import GraphIR
import Operations
import Tensors

/// Which keys each query sees by its position, as booleans that broadcast to the scores.
///
/// The position of query *i* is *i* more than an offset, which may differ by batch entry.
struct AttentionPositions {
  private let node: LiftedNode
  private let rows: Value
  private let places: Value
  private(set) var mask: Value?

  /// - Parameters:
  ///   - offset: a tensor of one 64-bit integer and no axes, or `[batch, 1, 1, 1]`; nil for 0.
  ///   - mask: what hides keys already.
  init(
    queries: Value, keys: Value, offset: Value?, mask: Value? = nil, of node: LiftedNode, in graph: inout Graph
  ) throws {
    self.node = node
    self.mask = mask
    let column = try node.insert(
      "Unsqueeze", [Self.indices(below: queries, of: node, in: &graph), node.constant([1], in: &graph)], in: &graph)
    rows = try offset.map { try node.insert("Add", [column, $0], in: &graph) } ?? column
    places = try Self.indices(below: keys, of: node, in: &graph)
  }

  /// 0, 1, 2 … up to `count`, a tensor of one integer and no axes.
  static func indices(below count: Value, of node: LiftedNode, in graph: inout Graph) throws -> Value {
    let bounds = try [0, 1].map { try graph.addConstant(Tensor(scalar: Int64($0)), origin: node.origin) }
    return try node.insert("Range", [bounds[0], count, bounds[1]], in: &graph)
  }

  /// Hides keys whose position does not compare as `comparison` with that of the query, moved by `shift`.
  mutating func require(_ comparison: String, _ shift: Int, in graph: inout Graph) throws {
    var bound = rows
    if shift != 0 {
      bound = try node.insert("Add", [rows, graph.addConstant(Tensor(scalar: Int64(shift)))], in: &graph)
    }
    let seen = try node.insert(comparison, [places, bound], in: &graph)
    mask = try mask.map { try node.insert("And", [$0, seen], in: &graph) } ?? seen
  }
}
