/// The step of online softmax: takes one tile's scores into the running maximum and sum of each row.
///
/// Milakov and Gimelshein, "Online normalizer calculation for softmax" (2018); in attention, Dao et al.,
/// "FlashAttention" (2022).
enum OnlineSoftmax<Row: PanelRow> {
  /// The running state of a panel's rows.
  struct State {
    /// The largest scores, or what else weights are relative to.
    let maximum: UnsafeMutablePointer<Lanes>
    let sum: UnsafeMutablePointer<Lanes>
    /// The factors by which what was accumulated before has to be multiplied: `e^(old maximum − new maximum)`.
    let rescale: UnsafeMutablePointer<Lanes>
    /// The sums of the tile's weights.
    let tileSum: UnsafeMutablePointer<Lanes>
    /// What a maximum of 1 is as an exponent of two.
    let exponent: Float
    /// The power of two that the largest weight is.
    let weightExponent: Float
  }

  /// Replaces the scores by `e^(score − maximum)`, and brings the state up to date.
  ///
  /// - Parameters:
  ///   - unit: What the scores are counted in.
  ///   - highest: The largest score of each row, or nil to look for it.
  @inline(never)
  static func update(
    scores: UnsafeMutablePointer<Lanes>, count: Int, unit: ScoreUnit, highest: UnsafePointer<Lanes>?, _ state: State
  ) {
    let end = scores + count &* Row.vectors
    let reference = raiseMaximum(scores, end: end, unit: unit, highest: highest, state)
    var total = Row(repeating: 0)
    var row = scores
    while row < end {
      var weight = Row(loading: row)
      formExponent(of: &weight, below: reference, unit.exponent)
      weight.formPowerOfTwo()
      weight.store(to: row)
      total.add(weight)
      row += Row.vectors
    }
    add(total, to: state)
  }

  /// The same for an even count of keys, with the weights as pairs of bfloat16, each taking one row for two keys.
  ///
  /// The sum is that of the rounded weights, so that rounding all of them alike changes nothing.
  @inline(never)
  static func updatePairs(
    scores: UnsafeMutablePointer<Lanes>, count: Int, unit: ScoreUnit, highest: UnsafePointer<Lanes>?, _ state: State
  ) {
    let end = scores + count &* Row.vectors
    let reference = raiseMaximum(scores, end: end, unit: unit, highest: highest, state)
    let pairOfOnes = Float(bitPattern: 0x3f80_3f80)
    var total = Row(repeating: 0)
    var row = scores
    var target = scores
    while row < end {
      var weight = Row(loading: row)
      var second = Row(loading: row + Row.vectors)
      formExponent(of: &weight, below: reference, unit.exponent)
      formExponent(of: &second, below: reference, unit.exponent)
      weight.formRoughPowerOfTwo()
      second.formRoughPowerOfTwo()
      let pair = weight.paired(with: second)
      pair.store(to: target)
      total.add(BFloat16PairTerms.self, pairOfOnes, times: pair)
      row += 2 &* Row.vectors
      target += Row.vectors
    }
    add(total, to: state)
  }

  /// Returns what is to be subtracted from the scores.
  @inline(__always)
  private static func raiseMaximum(
    _ scores: UnsafeMutablePointer<Lanes>, end: UnsafeMutablePointer<Lanes>, unit: ScoreUnit,
    highest: UnsafePointer<Lanes>?, _ state: State
  ) -> Row {
    var largest = Row(repeating: -.infinity)
    if let highest {
      largest = Row(loading: highest)
    } else {
      var row = scores
      while row < end {
        largest.formMaximum(with: Row(loading: row))
        row += Row.vectors
      }
    }
    largest.multiply(by: Row(repeating: unit.size))
    largest.subtract(Row(repeating: state.weightExponent / state.exponent))
    let old = Row(loading: state.maximum)
    var new = old
    new.formMaximum(with: largest)
    new.store(to: state.maximum)

    // Rows that have seen nothing but −∞ would subtract −∞ from −∞.
    var reference = new
    reference.replaceNegativeInfinity(with: 0)
    var factor = old
    formExponent(of: &factor, below: reference, state.exponent)
    factor.formPowerOfTwo()
    factor.store(to: state.rescale)
    reference.multiply(by: Row(repeating: 1 / unit.size))
    return reference
  }

  /// Of which power of two a weight is.
  @inline(__always)
  private static func formExponent(of score: inout Row, below reference: Row, _ exponent: Float) {
    score.subtract(reference)
    score.multiply(by: Row(repeating: exponent))
  }

  @inline(__always)
  private static func add(_ total: Row, to state: State) {
    var running = Row(loading: state.sum)
    running.multiply(by: Row(loading: state.rescale))
    running.add(total)
    running.store(to: state.sum)
    total.store(to: state.tileSum)
  }
}
