import GraphIR
import Operations
import Tensors

/// The keys j that position alone lets query i see: those with `lower` ≤ j − i ≤ `upper`, both counted from 0.
struct PositionBand: Equatable {
  var lower: Dimension?
  var upper: Dimension?

  /// What both let see; nil where it can't be told which of two bounds is the tighter one.
  func intersection(_ other: PositionBand) -> PositionBand? {
    func tighter(_ one: Dimension?, _ two: Dimension?, _ isTighter: (Dimension, Dimension) -> Bool) -> Dimension?? {
      guard let one, let two else { return .some(one ?? two) }
      return isTighter(one, two) ? .some(one) : isTighter(two, one) ? .some(two) : nil
    }
    guard let lower = tighter(lower, other.lower, { $0.isAtLeast($1) }),
      let upper = tighter(upper, other.upper, { $1.isAtLeast($0) })
    else { return nil }
    return PositionBand(lower: lower, upper: upper)
  }

  /// The band as `FlashAttention` says it, for that many queries and keys; nil where it can't.
  func attributes(queries: Dimension, keys: Dimension) -> Limits? {
    var limits = Limits()
    var offset = Dimension(0)
    if upper == 0 {
      limits.causal = .upperLeft
    } else if let upper, upper == keys - queries {
      (limits.causal, offset) = (.lowerRight, upper)
    } else if let upper {
      guard let width = upper.constant, width >= 0 else { return nil }
      limits.rightWindow = width
    }
    if let lower {
      guard let width = (offset - lower).constant, width >= 0 else { return nil }
      limits.leftWindow = width
    }
    // Whoever sees its own position sees something; so does whoever sees all from the first key on.
    let hasOwnKey = keys.isAtLeast(queries)
    limits.leavesNoRowEmpty = limits.causal == .upperLeft && lower == nil || hasOwnKey
    return limits
  }

  struct Limits: Equatable {
    var causal = FlashAttention.Causality.none
    var leftWindow: Int?
    var rightWindow: Int?
    /// Whether every query is sure to see a key.
    var leavesNoRowEmpty = false
  }
}

/// An integer that depends on position only: `query` · i + `key` · j + `offset`.
struct Position {
  var query = 0
  var key = 0
  var offset: Dimension = 0

  static func - (left: Position, right: Position) -> Position { left + right * -1 }

  static func + (left: Position, right: Position) -> Position {
    Position(
      query: left.query &+ right.query, key: left.key &+ right.key, offset: left.offset + right.offset)
  }

  static func * (position: Position, factor: Int) -> Position {
    Position(
      query: position.query &* factor, key: position.key &* factor, offset: position.offset * Dimension(factor))
  }

  /// The band in which the position is at most `bound`; nil where it does not depend on j − i.
  func atMost(_ bound: Int) -> PositionBand? {
    switch (query, key) {
    case (-1, 1): PositionBand(upper: Dimension(bound) - offset)
    case (1, -1): PositionBand(lower: offset - Dimension(bound))
    default: nil
    }
  }
}
