import GraphIR
import Operations
import Rewriting
import Tensors

/// x · cosines + rotated(x) · sines  →  RotaryPosition(x, cosines, sines)
///
/// What is rotated are the halves of the last axis, (−second, first), or its neighbours.
public struct RotaryPositionFusionPass: PatternFusionPass {
  public let name = "RotaryPositionFusionPass"
  private let x = Capture<Value>("x")
  private let cosines = Capture<Value>("cosines")
  private let sines = Capture<Value>("sines")
  private let neighbours = Capture<Value>("neighbours")

  public init() {}

  public var pattern: Pattern {
    let x = Pattern.value(x)
    let halves = (first: half(of: x, 0), second: half(of: x, 1))
    let turnedHalves = Concat.of(-halves.second, halves.first).anchored.checked(isAlongLastAxis)
    let (first, second) = (everySecond(of: x, 0), everySecond(of: x, 1))
    let minusSecond = Pattern.oneOf([Unsqueeze.of(-second), -Unsqueeze.of(second), -member(ofPairs: x, 1)])
    let pairs = Concat.of(minusSecond, .oneOf([Unsqueeze.of(first), member(ofPairs: x, 0)])).anchored
    let turnedPairs = Reshape.of(pairs.checked(isAlongLastAxis)).named(neighbours)
    return .oneOf([turnedHalves, turnedPairs]) * .value(sines) + x * .value(cosines)
  }

  /// The first or the second half of the features.
  private func half(of x: Pattern, _ index: Int) -> Pattern {
    let slice = Slice.of(x).checked { value, match, graph in
      let size = try graph.featureCount(of: match[self.x])
      try graph.requireSlice(value, from: index * (size / 2), to: (index + 1) * (size / 2), step: 1)
    }
    let split = Split.of(x, output: index).checked { value, match, graph in
      try graph.requireHalves(value, size: graph.featureCount(of: match[self.x]))
    }
    return .oneOf([slice, split])
  }

  /// Every second feature.
  private func everySecond(of x: Pattern, _ index: Int) -> Pattern {
    Slice.of(x).checked { value, match, graph in
      let size = try graph.featureCount(of: match[self.x])
      try graph.requireSlice(value, from: index, to: size, step: 2)
    }
  }

  /// The same where pairs have an axis of their own.
  private func member(ofPairs x: Pattern, _ index: Int) -> Pattern {
    Split.of(Reshape.of(x), output: index).checked { value, _, graph in try graph.requireHalves(value, size: 2) }
  }

  private func isAlongLastAxis(_ value: Value, _ match: Match, _ graph: Graph) throws {
    guard let concat = graph.operation(of: value, as: Concat.self), let rank = graph.type(of: value).rank,
      graph[value.node].inputs.count == 2, try normalizedAxis(concat.axis, rank: rank) == rank - 1
    else { throw Reason("other-axes", "parts joined along the last axis were expected") }
  }

  public func replacement(for match: Match, in draft: inout GraphDraft) throws -> Value {
    let x = try match[x]
    if let neighbours = match.value(neighbours) { try draft.graph.requirePairs(neighbours, of: x) }
    return try draft.fuse(
      RotaryPosition(interleaved: match.value(neighbours) != nil), [x, match[cosines], match[sines]])
  }

  public func isFused(_ node: Node, in graph: Graph) -> Bool {
    node.is(RotaryPosition.self) || node.is(RotaryEmbedding.self)
  }
}

extension Graph {
  /// The size of the last axis. Throws a `Reason` where it is not known, or odd.
  fileprivate func featureCount(of value: Value) throws -> Int {
    guard let size = type(of: value).shape.dimensions?.last?.constant, size % 2 == 0 else {
      throw Reason("unknown-shape", "an even number of features was expected, found \(type(of: value))")
    }
    return size
  }

  /// Throws a `Reason` where the slice `value` is another part of the last axis than these elements.
  fileprivate func requireSlice(_ value: Value, from start: Int, to end: Int, step: Int) throws {
    let node = self[value.node]
    let reason = Reason("other-part", "elements \(start)..<\(end) by \(step) were expected", node: node.label)
    func integers(_ index: Int) throws -> [Int]? {
      guard node.inputs.count > index, let input = node.inputs[index] else { return nil }
      guard let integers = info(of: input).integers else { throw reason }
      return integers
    }
    guard let data = node.inputs[0], let rank = type(of: data).rank,
      let size = type(of: data).shape.dimensions?.last?.constant,
      let starts = try integers(1), let ends = try integers(2), starts.count == 1, ends.count == 1
    else { throw reason }
    let axes = try integers(3) ?? [0]
    func position(_ bound: Int) -> Int { min(max(bound < 0 ? bound + size : bound, 0), size) }
    guard axes.count == 1, try normalizedAxis(axes[0], rank: rank) == rank - 1, try integers(4) ?? [1] == [step],
      position(starts[0]) == start, position(ends[0]) == end
    else { throw reason }
  }

  /// Throws a `Reason` where `value` is not one of two equal parts of a last axis of `size` elements.
  fileprivate func requireHalves(_ value: Value, size: Int) throws {
    let node = self[value.node]
    guard let split = node.operation as? Split, node.outputs.count == 2, let rank = node.outputs[0].rank,
      try normalizedAxis(split.axis, rank: rank) == rank - 1,
      node.outputs.allSatisfy({ $0.shape.dimensions?.last?.constant == size / 2 })
    else { throw Reason("other-part", "two equal parts of the last axis were expected", node: node.label) }
  }

  /// Throws a `Reason` where `value` does not put pairs, which have an axis of their own, one after the other in the place of `x`.
  fileprivate func requirePairs(_ value: Value, of x: Value) throws {
    let joined = self[value.node].inputs.first ?? nil
    guard let joined, let shape = type(of: x).shape.dimensions, let size = shape.last?.constant,
      type(of: joined).shape.dimensions == shape.dropLast() + [Dimension(size / 2), 2],
      type(of: value).shape.dimensions == shape
    else { throw Reason("other-part", "neighbours that are put back in their places were expected") }
  }
}
