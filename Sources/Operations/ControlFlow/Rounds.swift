import GraphIR
import Tensors

/// What loops have in common: states that change from round to round, and results stacked over all rounds.
extension Graph {
  /// Infers the types that states have in every round: what is the same before the first round and after any.
  ///
  /// - Parameters:
  ///   - first: the types before the first round.
  ///   - offset: where the new states begin among the outputs.
  ///   - inputs: what is known of the inputs where the states have the given types.
  mutating func settle(
    states first: [TensorType], resultsFrom offset: Int, inputs: ([TensorType]) -> [ValueInfo]
  ) throws -> [TensorType] {
    // Every round infers the loops inside anew: the deepest ones are not asked for more than their states' element types.
    var types = depth > 3 ? first.map { TensorType($0.element, .unranked) } : first
    for round in 0... {
      let after = try results(for: inputs(types)).dropFirst(offset).prefix(types.count)
      let joined = try zip(types, after).map { try $0.joined(with: $1.type) }
      if joined == types { break }
      // Sizes that change one after the other, round by round, are given up together.
      types = zip(types, joined).map { before, joined in
        guard round >= 2, before != joined else { return joined }
        return TensorType(
          joined.element, round == 2 ? Shape(joined.shape.dimensions?.map { _ in .unknown }) : .unranked)
      }
    }
    return types
  }
}

extension TensorType {
  /// What is known of the type of a value that may have this one or `other`.
  func joined(with other: TensorType) throws -> TensorType {
    try require(
      element == other.element || element == .unknown || other.element == .unknown,
      "a value is \(element.rawValue) at one time and \(other.element.rawValue) at another")
    let element = element == .unknown ? other.element : element
    guard let sizes = shape.dimensions, let others = other.shape.dimensions, sizes.count == others.count else {
      return TensorType(element, .unranked)
    }
    return TensorType(element, Shape(zip(sizes, others).map { $0 == $1 ? $0 : .unknown }))
  }
}

extension ValueInfo {
  /// What is known of a value that may be this one or `other`.
  func joined(with other: ValueInfo) throws -> ValueInfo {
    if let constant, constant == other.constant { return self }
    var info = ValueInfo(try type.joined(with: other.type))
    if type == other.type, symbols == other.symbols { info.symbols = symbols }
    return info
  }

  /// What is known of `count` values like this one, stacked along a new axis.
  func stacked(_ count: Dimension, axis: Int) -> ValueInfo {
    guard var sizes = shape.dimensions else { return ValueInfo(element, .unranked) }
    let position = axis < 0 ? axis + sizes.count + 1 : axis
    guard (0...sizes.count).contains(position) else { return ValueInfo(element, .unranked) }
    sizes.insert(count, at: position)
    return ValueInfo(element, Shape(sizes))
  }
}

extension Tensor {
  /// `parts` along a new axis; where there are none, no elements of the type that `info` says, sizes that it does not know being 0.
  static func stacked(_ parts: [Tensor], axis: Int, like info: ValueInfo) throws -> Tensor {
    guard let first = parts.first else {
      let empty = info.stacked(0, axis: axis)
      let sizes = empty.shape.dimensions?.map { $0.constant ?? 0 } ?? [0]
      return try Tensor(element: empty.element, shape: sizes) { _ in }
    }
    let axis = try normalizedAxis(axis, rank: first.rank + 1)
    let expanded = try parts.map { part in
      try require(
        part.shape == first.shape, "results of shapes \(first.shape) and \(part.shape) can't be stacked")
      var shape = part.shape
      shape.insert(1, at: axis)
      return try part.reshaped(to: shape)
    }
    return try Concat(axis: axis).evaluate(Operands(expanded))[0]
  }
}
