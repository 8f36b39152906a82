/// One way to spell attention, as choices that can be combined freely.
struct AttentionSpelling: CustomStringConvertible {
  enum Layout: String, CaseIterable {
    case heads, folded, single, grouped, groupedBroadcast, multiQuery, einsum, limited
  }
  enum Scale: String, CaseIterable {
    case none, divided, multiplied, commuted, onQuery, onKey, split, threeTimes, perHead, perKey, runtime
  }
  enum Mask: String, CaseIterable {
    case none, added, commutedAdd, addedTwice, subtracted, matrix, keep, hide, keepLowest, keepThenAdd, addThenKeep
    case keepThenPad, keepThenScale, scalar, clamped
    case causal, causalLowest, causalAdded, causalAndPadding, lowerRight, window, clipped, addedByOneSum
    case chunked, everySecond, table, byArithmetic
  }
  enum Normalization: String, CaseIterable {
    case softmax, logarithm, logSumExp, quotient, reciprocal, unshifted
    case shiftedLogSum, floored, wholeMaximum, again, keptPowers, keptAgain, afterProduct
  }
  enum Columns: String, CaseIterable { case whole, sink, padded, segments }
  enum Keys: String, CaseIterable { case swapped, permuted }
  enum Weights: String, CaseIterable {
    case plain, identity, dropout, guarded, guardedByEquality, finite, negated, headMask, scaled, kept, keptRows
  }
  enum Order: String, CaseIterable { case rows, transposed }
  var layout: Layout
  var scale: Scale
  var mask: Mask
  var keys: Keys
  var weights: Weights
  var order: Order
  var softcap: Bool
  var dynamic: Bool
  var normalization: Normalization
  var columns: Columns
  /// Inputs and outputs have 32 bits or 64.
  var isWide: Bool
  var flaw: AttentionFlaw?

  init(_ generator: inout some RandomNumberGenerator, flawed: Bool = false) {
    layout = Layout.allCases.randomElement(using: &generator) ?? .heads
    scale = Scale.allCases.randomElement(using: &generator) ?? .none
    mask = Mask.allCases.randomElement(using: &generator) ?? .none
    keys = Keys.allCases.randomElement(using: &generator) ?? .swapped
    weights = Weights.allCases.randomElement(using: &generator) ?? .plain
    order = Order.allCases.randomElement(using: &generator) ?? .rows
    softcap = Int.random(in: 0..<4, using: &generator) == 0
    dynamic = Bool.random(using: &generator)
    normalization = Normalization.allCases.randomElement(using: &generator) ?? .softmax
    columns = Bool.random(using: &generator) ? .whole : Columns.allCases.randomElement(using: &generator) ?? .whole
    isWide = Int.random(in: 0..<4, using: &generator) == 0
    flaw = flawed ? AttentionFlaw.allCases.randomElement(using: &generator) : nil
    if layout == .einsum || layout == .groupedBroadcast { order = .rows }
    flaw?.prepare(&self)
    if layout == .limited { order = .rows }
    if columns != .whole { order = .rows }
    if columns == .segments { dynamic = false }
    // A table has a column for every key there is.
    if mask == .table && (dynamic || layout == .einsum || order == .transposed) { mask = .added }
    if weights == .kept { mask = .keep }
    // The sums of exponentials of themselves vanish where a row is masked by sums.
    switch mask {
    case .none, .keep, .hide, .keepLowest, .scalar, .causal, .causalLowest, .window, .chunked, .everySecond, .table:
      break
    default: if normalization == .unshifted { normalization = .softmax }
    }
    // The logarithm of a sum, and the largest score of all rows, lose their digits beside scores as low as finite masks.
    switch mask {
    case .none, .keep, .scalar, .causal, .window, .causalAndPadding, .lowerRight, .chunked, .everySecond, .table: break
    default: if [.logSumExp, .shiftedLogSum, .wholeMaximum].contains(normalization) { normalization = .softmax }
    }
    // Masks on weights come first, and alone; products are divided where nothing else happens to the weights.
    switch normalization {
    case .keptPowers, .keptAgain:
      if flaw != nil || columns != .whole || mask != .none || layout == .limited { normalization = .quotient }
    case .afterProduct:
      let isBare = weights == .plain || weights == .identity || weights == .dropout
      if flaw != nil || columns != .whole || order != .rows || layout == .einsum || !isBare {
        normalization = .quotient
      }
    case .again: if columns != .whole { normalization = .softmax }
    default: break
    }
    // A sink of a row that sees nothing takes all its weight.
    if normalization == .unshifted && (columns == .sink || columns == .padded) { normalization = .softmax }
  }

  var description: String {
    "\(layout) scale:\(scale) mask:\(mask) keys:\(keys) weights:\(weights) order:\(order) softcap:\(softcap) normalization:\(normalization) columns:\(columns) dynamic:\(dynamic) wide:\(isWide) flaw:\(flaw.map(\.rawValue) ?? "none")"
  }
}
