import Foundation
import GraphIR
import Operations
import Tensors

extension LiftingRules {
  static let attention: [String: LiftingRule] = [
    "ScaledDotProductAttention": { lifting in
      var attention = try AttentionLifting(&lifting)
      return try attention.result(&lifting)
    }
  ]
}

/// `ScaledDotProductAttention` as `FlashAttention`, which has batch and heads in axes of their own.
private struct AttentionLifting {
  private var query: Value
  private var key: Value
  private var value: Value
  private var mask: Value?
  private var sinks: Value?
  private var scale = 1.0
  private let isCausal: Bool

  init(_ lifting: inout Lifting) throws {
    query = try lifting.input(0)
    key = try lifting.input(1)
    value = try lifting.input(2)
    isCausal = try lifting.attribute("causal", false)
    let element = lifting.info(query).element
    let ranks = try [query, key, value].map { try lifting.rank($0) }
    guard ranks[0] >= 3, Set(ranks).count == 1, element.isFloatingPoint, lifting.info(key).element == element,
      lifting.info(value).element == element
    else { throw Unliftable() }
    // A causal attention ignores its mask, and a scalar stands for none: it would add the same to all scores.
    if !isCausal, let given = lifting.optionalInput(3), try lifting.rank(given) > 0 { mask = given }
    if let given = lifting.optionalInput(5) { sinks = try lifting.add("Reshape", [given, try lifting.constant([-1])]) }
    try readScale(&lifting)
  }

  mutating func result(_ lifting: inout Lifting) throws -> [Value] {
    let (originalQuery, originalValue) = (query, value)
    let rank = try lifting.rank(query)
    switch rank {
    case 3: try addHeads(&lifting)
    case 4: break
    default: try mergeLeadingAxes(rank: rank, &lifting)
    }
    try broadcastBatchAndHeads(&lifting)
    let isBoolean = mask.map { lifting.info($0).element == .bool } ?? false
    var result = try lifting.add(
      "FlashAttention",
      FlashAttention.trimmed([query, key, value, isBoolean ? nil : mask, isBoolean ? mask : nil, sinks]),
      ["scale": .float(scale), "causal": .string(isCausal ? "upperLeft" : "none")])
    if rank == 3 {
      result = try lifting.add("Squeeze", [result, try lifting.constant([1])])
    } else if rank > 4 {
      let shape = try lifting.add(
        "Concat",
        [
          try lifting.sizes(of: originalQuery, axes: 0..<(rank - 1)),
          try lifting.sizes(of: originalValue, axes: (rank - 1)..<rank),
        ],
        ["axis": .integer(0)])
      result = try lifting.add("Reshape", [result, shape])
    }
    return [result]
  }

  /// The scale as a number; one that is computed, or that depends on a head size not known, goes into the query.
  private mutating func readScale(_ lifting: inout Lifting) throws {
    if let given = lifting.optionalInput(4) {
      if let number = lifting.info(given).scalar {
        scale = number
      } else {
        query = try lifting.add("Mul", [query, try lifting.scalar(given)])
      }
      return
    }
    let rank = try lifting.rank(query)
    if let headSize = lifting.info(query).shape.dimensions?.last?.constant {
      scale = 1 / Double(headSize).squareRoot()
    } else {
      let size = try lifting.sizes(of: query, axes: (rank - 1)..<rank)
      let number = try lifting.cast(try lifting.scalar(size), to: lifting.info(query).element)
      query = try lifting.add("Div", [query, try lifting.add("Sqrt", [number])])
    }
  }

  private mutating func addHeads(_ lifting: inout Lifting) throws {
    let axis = try lifting.constant([1])
    query = try lifting.add("Unsqueeze", [query, axis])
    key = try lifting.add("Unsqueeze", [key, axis])
    value = try lifting.add("Unsqueeze", [value, axis])
    if let given = mask, try lifting.rank(given) == 3 { mask = try lifting.add("Unsqueeze", [given, axis]) }
  }

  /// Five axes and more: `[…, batch, heads, length, size]` with all axes before the heads in one, or, where keys and values have one
  /// head for each group of query heads, `[batch, keyHeads, group, length, size]`.
  private mutating func mergeLeadingAxes(rank: Int, _ lifting: inout Lifting) throws {
    let sizes = [query, key, value].map { lifting.info($0).shape.dimensions ?? [] }
    let leading = sizes.map { Array($0[..<(rank - 2)]) }
    let isGrouped =
      rank == 5 && leading[1][2].constant == 1 && leading[2][2].constant == 1 && leading[0][2].constant != 1
    for axis in 0..<(isGrouped ? 2 : rank - 2) {
      guard leading[0][axis] == leading[1][axis], leading[0][axis] == leading[2][axis] else { throw Unliftable() }
    }
    if let given = mask { mask = try mergedMask(given, rank: rank, isGrouped: isGrouped, &lifting) }
    if isGrouped {
      let group = try lifting.constant([2])
      query = try lifting.merged(query, firstAxis: 1, rank: rank)
      key = try lifting.add("Squeeze", [key, group])
      value = try lifting.add("Squeeze", [value, group])
    } else {
      query = try lifting.merged(query, firstAxis: 0, rank: rank)
      key = try lifting.merged(key, firstAxis: 0, rank: rank)
      value = try lifting.merged(value, firstAxis: 0, rank: rank)
    }
  }

  private func mergedMask(_ mask: Value, rank: Int, isGrouped: Bool, _ lifting: inout Lifting) throws -> Value {
    guard let sizes = lifting.info(mask).shape.dimensions, sizes.count <= rank else { throw Unliftable() }
    let leading = sizes.dropLast(2)
    if leading.isEmpty { return mask }
    if leading.allSatisfy({ $0.constant == 1 }) {
      return try lifting.add("Squeeze", [mask, try lifting.constant(Array(leading.indices))])
    }
    let full = lifting.info(query).shape.dimensions?.prefix(rank - 2)
    guard let full, Array(leading) == Array(full) else { throw Unliftable() }
    return try lifting.merged(mask, firstAxis: isGrouped ? 1 : 0, rank: rank)
  }

  /// OpenVINO broadcasts batch and heads where one side has a single one. A single key head needs no help.
  private mutating func broadcastBatchAndHeads(_ lifting: inout Lifting) throws {
    key = try lifting.expanded(key, like: query, axes: [0])
    key = try lifting.expanded(key, like: value, axes: [0, 1])
    value = try lifting.expanded(value, like: key, axes: [0, 1])
    query = try lifting.expanded(query, like: key, axes: [0, 1])
  }
}

extension Lifting {
  /// The sizes of `axes` as one axis of integers.
  fileprivate mutating func sizes(of value: Value, axes: Range<Int>) throws -> Value {
    try add("Gather", [try add("Shape", [value]), try constant(Array(axes))], ["axis": .integer(0)])
  }

  /// `value` with the axes from `firstAxis` up to the third from last, or the fourth where that is 0, in one.
  fileprivate mutating func merged(_ value: Value, firstAxis: Int, rank: Int) throws -> Value {
    let before = firstAxis > 0 ? [try sizes(of: value, axes: 0..<firstAxis)] : []
    let behind = try sizes(of: value, axes: (firstAxis > 0 ? rank - 2 : rank - 3)..<rank)
    let shape = try add("Concat", before + [try constant([-1]), behind], ["axis": .integer(0)])
    return try add("Reshape", [value, shape])
  }

  /// `value` repeated along those of `axes` in which it has size 1 and `other` has not.
  fileprivate mutating func expanded(_ value: Value, like other: Value, axes: [Int]) throws -> Value {
    guard let own = graph.info(of: value).shape.dimensions, let wanted = graph.info(of: other).shape.dimensions else {
      throw Unliftable()
    }
    let grown = axes.filter { own[$0].constant == 1 && wanted[$0].constant != 1 }
    if grown.isEmpty { return value }
    let parts = try own.indices.map { axis in
      grown.contains(axis) ? try sizes(of: other, axes: axis..<(axis + 1)) : try constant([1])
    }
    return try add("Expand", [value, try add("Concat", parts, ["axis": .integer(0)])])
  }
}
