import GraphIR
import Operations
import Tensors

/// Puts the standard's `RotaryEmbedding` in the place of rotations by angles that are the same for both features of a pair, which
/// its caches hold once.
///
/// It is written where the graph proves that, and in the form with four axes; other rotations stay, for a function to say.
struct RotaryLowering {
  /// The first operator set that has the operator.
  static let version = 23

  private var graph: Graph
  private var caches: [Cache: Value] = [:]

  private struct Cache: Hashable {
    let angles: Value
    let batch: Dimension
    let interleaved: Bool
  }

  /// `graph` with those of `nodes` that the operator can say lowered.
  static func lower(_ nodes: [Node], in graph: Graph) throws -> Graph {
    var lowering = RotaryLowering(graph: graph)
    for node in nodes { try lowering.lower(node) }
    lowering.graph.removeUnused()
    return lowering.graph
  }

  private init(graph: Graph) { self.graph = graph }

  private mutating func lower(_ node: Node) throws {
    guard let rotation = node.operation as? RotaryPosition, let input = node.inputs[0],
      let sizes = graph.type(of: input).shape.dimensions, sizes.count == 4,
      [.float32, .float16].contains(graph.type(of: input).element),
      node.inputs.dropFirst().allSatisfy({
        $0.map { isTable($0, for: sizes, interleaved: rotation.interleaved) } ?? false
      })
    else { return }
    let origin = Origin(sources: node.origin.sources, passes: node.origin.passes + ["ONNX"])
    let caches = try node.inputs.dropFirst().compactMap { $0 }
      .map { try cache($0, input, batch: sizes[0], interleaved: rotation.interleaved, node.name, origin) }
    var embedding = RotaryEmbedding()
    embedding.interleaved = rotation.interleaved
    let result = try graph.add(embedding, [input] + caches, name: node.name, origin: origin)
    try graph.replaceUses(of: Value(node.id), with: Value(result))
  }

  /// Whether `angles` has a row for every position of an input of these `sizes`, the same for all heads, and what is alike in pairs.
  private func isTable(_ angles: Value, for sizes: [Dimension], interleaved: Bool) -> Bool {
    guard let found = graph.type(of: angles).shape.dimensions, found.count >= 2, found.suffix(2) == sizes.suffix(2)
    else { return false }
    let leading = found.dropLast(2)
    // From the right: the heads, the batch.
    guard leading.last?.constant ?? 1 == 1, leading.count < 2 || leading[0] == sizes[0] || leading[0].constant == 1
    else { return false }
    return interleaved ? graph.repeatsNeighbours(angles) : graph.repeatsHalves(angles)
  }

  /// One of each two equal columns of `angles`, as `[batch, length, size / 2]`.
  private mutating func cache(
    _ angles: Value, _ input: Value, batch: Dimension, interleaved: Bool, _ name: String, _ origin: Origin
  ) throws -> Value {
    let key = Cache(angles: angles, batch: batch, interleaved: interleaved)
    if let known = caches[key] { return known }
    let shape = graph.type(of: angles).shape.dimensions ?? []
    guard let size = shape.last?.constant else { throw ModelError.unsupported("a rotation of unknown size") }
    func insert(_ operation: any GraphOperation, _ inputs: [Value]) throws -> Value {
      let kind = OperationDescriptor.of(operation).name
      return try graph.insert(operation, inputs, name: "\(name)/\(kind)", origin: origin)
    }
    func integers(_ values: [Int]) throws -> Value {
      try graph.addConstant(Tensor(integers: values, shape: [values.count]), origin: origin)
    }
    let (end, step) = interleaved ? (size, 2) : (size / 2, 1)
    var result = try insert(Slice(), [angles, integers([0]), integers([end]), integers([-1]), integers([step])])
    if shape.count == 4 { result = try insert(Squeeze(), [result, integers([1])]) }
    if shape.count == 2 { result = try insert(Unsqueeze(), [result, integers([0])]) }
    if shape.count < 4 || shape[0] != batch {
      let count = try batch.constant.map { try integers([$0]) } ?? insert(ShapeOf(start: 0, end: 1), [input])
      result = try insert(Expand(), [result, insert(Concat(axis: 0), [count, integers([1, 1])])])
    }
    caches[key] = result
    return result
  }
}

extension Graph {
  /// Whether the second half of the last axis is sure to be what the first is.
  fileprivate func repeatsHalves(_ value: Value) -> Bool {
    repeats(value) { graph, value in
      let node = graph[value.node]
      if let concat = node.operation as? Concat, let rank = graph.type(of: value).rank {
        return node.inputs.count == 2 && node.inputs[0] == node.inputs[1]
          && (try? normalizedAxis(concat.axis, rank: rank)) == rank - 1
      }
      return graph.columns(value).map { $0.prefix($0.count / 2) == $0.suffix($0.count / 2) } ?? false
    }
  }

  /// Whether neighbours along the last axis are sure to be equal, two by two.
  fileprivate func repeatsNeighbours(_ value: Value) -> Bool {
    repeats(value) { graph, value in
      let node = graph[value.node]
      if node.operation is Reshape, let pairs = node.inputs[0], let shape = graph.type(of: value).shape.dimensions,
        let size = shape.last?.constant, let rank = graph.type(of: pairs).rank,
        graph.type(of: pairs).shape.dimensions == shape.dropLast() + [Dimension(size / 2), 2]
      {
        let maker = graph[pairs.node]
        if let concat = maker.operation as? Concat {
          return maker.inputs.count == 2 && maker.inputs[0] == maker.inputs[1]
            && (try? normalizedAxis(concat.axis, rank: rank)) == rank - 1
        }
        guard maker.operation is Expand, let source = maker.inputs[0] else { return false }
        return graph.type(of: source).rank == rank && graph.type(of: source).shape.dimensions?.last?.constant == 1
      }
      return graph.columns(value).map { columns in
        stride(from: 0, to: columns.count - 1, by: 2).allSatisfy { columns[$0] == columns[$0 + 1] }
      } ?? false
    }
  }

  /// Whether `isRepeated` holds for what `value` is computed from column by column.
  private func repeats(_ value: Value, _ isRepeated: (Graph, Value) -> Bool) -> Bool {
    var value = value
    for _ in 0..<32 {
      if isRepeated(self, value) { return true }
      let node = self[value.node]
      guard value.output == 0, let rank = type(of: value).rank, rank > 0, let source = node.inputs.first ?? nil else {
        return false
      }
      switch node.operation {
      case is Cos, is Sin, is Neg, is Cast, is Identity: value = source
      case is Mul, is Div, is Add:
        // A number for all columns changes all alike.
        guard let other = node.inputs[1] else { return false }
        let isOneColumn = { (value: Value) in
          type(of: value).rank == 0 || type(of: value).shape.dimensions?.last?.constant == 1
        }
        guard isOneColumn(source) || isOneColumn(other) else { return false }
        value = isOneColumn(other) ? source : other
      case is Unsqueeze, is Squeeze:
        // The last axis stays where it is.
        guard let before = type(of: source).shape.dimensions?.last, before.constant != 1,
          type(of: value).shape.dimensions?.last == before
        else { return false }
        value = source
      case let gather as Gather:
        guard let before = type(of: source).rank, let axis = try? normalizedAxis(gather.axis, rank: before),
          axis < before - 1
        else { return false }
        value = source
      default: return false
      }
    }
    return false
  }

  /// The columns of a constant along its last axis.
  private func columns(_ value: Value) -> [[Double]]? {
    guard let tensor = info(of: value).constant ?? (self[value.node].operation as? Constant)?.tensor,
      let size = tensor.shape.last, size > 0, tensor.element.isFloatingPoint, let numbers = try? tensor.doubles()
    else { return nil }
    return (0..<size).map { column in stride(from: column, to: numbers.count, by: size).map { numbers[$0] } }
  }
}
