import GraphIR
import Tensors

/// What decompositions share.
extension CompositeOperation {
  /// The input at `index`, which must be there.
  func required(_ inputs: [Value?], _ index: Int) throws -> Value {
    guard inputs.indices.contains(index), let value = inputs[index] else {
      throw ModelError.invalid("input \(index) is missing")
    }
    return value
  }
}

extension Graph {
  /// Adds a constant without axes of the element type of `value`.
  mutating func insertNumber(_ number: Double, like value: Value) throws -> Value {
    try addConstant(Tensor(doubles: [number], element: type(of: value).element, shape: []))
  }

  /// Adds `value` converted to `element`; itself where it has that type.
  mutating func insertCast(_ value: Value, to element: ElementType) throws -> Value {
    type(of: value).element == element ? value : try insert(Cast(to: element), [value])
  }

  /// Adds the mean of `value` over its last `count` axes, which stay with size 1.
  mutating func insertMean(_ value: Value, overLast count: Int) throws -> Value {
    let axes = try addConstant(Tensor(integers: Array(-count..<0), shape: [count]))
    return try insert(ReduceMean(), [value, axes])
  }

  /// The number of the axes of `value` from `axis` on.
  func axisCount(of value: Value, from axis: Int) throws -> Int {
    if axis < 0 { return -axis }
    guard let rank = type(of: value).rank else { throw ModelError.unsupported("a normalisation of unknown rank") }
    return rank - (try normalizedAxis(axis, rank: rank))
  }

  /// Puts the definition of every composite operation among the nodes that `isWanted` picks in its place, and that of those in it; the
  /// result has the name and the origin of what it stands for.
  package mutating func decompose(where isWanted: (Node, Graph) throws -> Bool) throws {
    var pending = topologicalOrder()
    while let id = pending.popLast() {
      let node = self[id]
      guard try isWanted(node, self), let operation = node.operation as? any CompositeOperation else { continue }
      let mark = self.mark
      let results = try locating(node.label) { try operation.decompose(node.inputs, in: &self) }
      pending += nameParts(since: mark, of: node, result: results.first)
      for (old, new) in zip(node.values, results) { try replaceUses(of: old, with: new) }
    }
  }
}
