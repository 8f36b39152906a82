import GraphIR
import Operations
import Tensors

/// Where the elements of a tensor lie among those of another one: what transposing, cutting and reshaping come to.
struct StridedLayout: Hashable, Sendable {
  var shape: [Int]
  /// Elements from one position to the next, along each axis; 0 repeats.
  var strides: [Int]
  var offset = 0

  /// All elements of a tensor of this shape, in order.
  init(dense shape: [Int]) {
    self.shape = shape
    var strides = [Int](repeating: 1, count: shape.count)
    for axis in shape.indices.dropLast().reversed() { strides[axis] = strides[axis + 1] * shape[axis + 1] }
    self.strides = strides
  }

  private init(shape: [Int], strides: [Int], offset: Int) {
    (self.shape, self.strides, self.offset) = (shape, strides, offset)
  }

  /// One more than the last element that is read; 0 where there is none.
  var end: Int {
    shape.contains(0) ? 0 : zip(shape, strides).reduce(offset + 1) { $0 + ($1.0 - 1) * $1.1 }
  }

  func permuted(_ order: [Int]) -> StridedLayout {
    StridedLayout(shape: order.map { shape[$0] }, strides: order.map { strides[$0] }, offset: offset)
  }

  /// Every `step`-th of some positions along `axis`.
  func part(axis: Int, start: Int, size: Int, step: Int = 1) -> StridedLayout {
    var result = self
    result.shape[axis] = size
    result.offset += start * strides[axis]
    result.strides[axis] *= step
    return result
  }

  /// The same elements, repeated to a shape that theirs broadcasts to.
  func broadcast(to target: [Int]) -> StridedLayout? {
    strides(broadcastTo: target).map { StridedLayout(shape: target, strides: $0, offset: offset) }
  }

  /// Whether the elements lie side by side from the first one on, in order.
  var isDense: Bool {
    let dense = StridedLayout(dense: shape)
    return offset == 0 && shape.indices.allSatisfy { shape[$0] == 1 || strides[$0] == dense.strides[$0] }
  }

  /// The same elements under another shape, where strides can say so.
  func reshaped(to target: [Int]) -> StridedLayout? {
    guard !shape.contains(0), shape.reduce(1, *) == target.reduce(1, *) else { return nil }
    // Axes that lie in one stretch are one.
    var runs: [(size: Int, stride: Int)] = []
    for (size, stride) in zip(shape, strides) where size != 1 {
      if let last = runs.last, last.stride == size * stride {
        runs[runs.count - 1] = (last.size * size, stride)
      } else {
        runs.append((size, stride))
      }
    }
    var result = StridedLayout(shape: target, strides: Array(repeating: 0, count: target.count), offset: offset)
    for axis in target.indices.reversed() where target[axis] != 1 {
      guard let last = runs.last, last.size % target[axis] == 0 else { return nil }
      result.strides[axis] = last.stride
      runs[runs.count - 1] = (last.size / target[axis], last.stride * target[axis])
      if runs[runs.count - 1].size == 1 { runs.removeLast() }
    }
    return runs.isEmpty ? result : nil
  }

  /// The strides along the axes of `target`, which this shape broadcasts to.
  func strides(broadcastTo target: [Int]) -> [Int]? {
    guard shape.count <= target.count else { return nil }
    let missing = target.count - shape.count
    var result = Array(repeating: 0, count: target.count)
    for axis in shape.indices where shape[axis] != 1 {
      guard shape[axis] == target[axis + missing] else { return nil }
      result[axis + missing] = strides[axis]
    }
    return result
  }
}

/// A value and where another one's elements lie in it.
struct StridedSource: Hashable, Sendable {
  var value: Value
  var layout: StridedLayout

  /// `value` itself, or what it is a view of through up to `steps` nodes, as far as strides can say so; the results of `kept` nodes
  /// are not looked through.
  init?(of value: Value, in graph: Graph, keeping kept: Set<NodeID>, steps: Int = 16) {
    guard let shape = graph.info(of: value).shape.sizes else { return nil }
    self =
      (steps > 0 && !kept.contains(value.node) ? Self.view(value, in: graph, keeping: kept, steps: steps - 1) : nil)
      ?? StridedSource(value: value, layout: StridedLayout(dense: shape))
  }

  private init(value: Value, layout: StridedLayout) { (self.value, self.layout) = (value, layout) }

  /// What the node that computes `value` takes from another value; nil where it does more than move elements.
  init?(movedInto value: Value, in graph: Graph, keeping kept: Set<NodeID>) {
    guard
      let source = Self.view(value, in: graph, keeping: kept, steps: 16) ?? Self.repeated(value, in: graph, kept)
    else { return nil }
    self = source
  }

  private static func repeated(_ value: Value, in graph: Graph, _ kept: Set<NodeID>) -> StridedSource? {
    let node = graph[value.node]
    guard node.operation is Expand, let shape = graph.info(of: value).shape.sizes, let first = node.inputs.first,
      let input = first, var source = StridedSource(of: input, in: graph, keeping: kept),
      let layout = source.layout.broadcast(to: shape)
    else { return nil }
    source.layout = layout
    return source
  }

  private static func view(
    _ value: Value, in graph: Graph, keeping kept: Set<NodeID>, steps: Int
  ) -> StridedSource? {
    let node = graph[value.node]
    guard let first = node.inputs.first, let input = first, let shape = graph.info(of: value).shape.sizes,
      graph.info(of: value).constant == nil
    else { return nil }
    func source() -> StridedSource? { StridedSource(of: input, in: graph, keeping: kept, steps: steps) }
    switch node.operation {
    case let transpose as Transpose:
      guard var source = source(), let order = try? transpose.order(rank: source.layout.shape.count) else { return nil }
      source.layout = source.layout.permuted(order)
      return source
    case let split as Split:
      guard var source = source(), let axis = try? normalizedAxis(split.axis, rank: shape.count) else { return nil }
      var start = 0
      for part in node.outputs.prefix(value.output) {
        guard let size = part.shape.sizes?[axis] else { return nil }
        start += size
      }
      guard start + shape[axis] <= source.layout.shape[axis] else { return nil }
      source.layout = source.layout.part(axis: axis, start: start, size: shape[axis])
      return source
    case let slice as Slice:
      let infos = Operands(node.inputs.map { $0.map { graph.info(of: $0) } })
      guard var source = source(), let selections = try? slice.selections(of: source.layout.shape, infos) else {
        return nil
      }
      for (axis, taken) in selections {
        guard taken.step > 0 else { return nil }
        source.layout = source.layout.part(axis: axis, start: taken.start, size: taken.count, step: taken.step)
      }
      return source.layout.shape == shape ? source : nil
    case let view as any ViewOperation where view.isView(graph.info(of: input)):
      guard var source = source(), let layout = source.layout.reshaped(to: shape) else { return nil }
      source.layout = layout
      return source
    default: return nil
    }
  }
}

/// Axes that several operands are walked through together, each with its own strides.
struct LoopNest: Sendable {
  private(set) var sizes: [Int]
  /// For every operand, its stride along each axis.
  private(set) var strides: [[Int]]

  init(sizes: [Int], strides: [[Int]]) {
    let kept = sizes.indices.filter { sizes[$0] != 1 }
    self.sizes = []
    self.strides = strides.map { _ in [] }
    for axis in kept {
      // An axis that goes on where the one before it ends is the same axis, for all operands alike.
      if let size = self.sizes.last,
        strides.indices.allSatisfy({ self.strides[$0].last == strides[$0][axis] * sizes[axis] })
      {
        self.sizes[self.sizes.count - 1] = size * sizes[axis]
        for operand in strides.indices {
          self.strides[operand][self.sizes.count - 1] = strides[operand][axis]
        }
      } else {
        self.sizes.append(sizes[axis])
        for operand in strides.indices { self.strides[operand].append(strides[operand][axis]) }
      }
    }
  }

  /// Takes the innermost axis away: its size and each operand's stride; of one element where there is none.
  mutating func removeInner() -> (size: Int, strides: [Int]) {
    guard let size = sizes.popLast() else { return (1, strides.map { _ in 0 }) }
    return (size, strides.indices.map { strides[$0].removeLast() })
  }

  /// Each operand's offset for every position of the axes that are left, in order.
  var offsets: [[Int]] {
    var result = [strides.map { _ in 0 }]
    for axis in sizes.indices {
      result = result.flatMap { offset in
        (0..<sizes[axis]).map { index in zip(offset, strides).map { $0 + index * $1[axis] } }
      }
    }
    return result
  }
}
