/// The step of online softmax: takes one tile's scores into the running maximum and sum of each row.
///
/// Milakov and Gimelshein, "Online normalizer calculation for softmax" (2018); in attention, Dao et al.,
/// "FlashAttention" (2022).
enum OnlineSoftmax<Row: PanelRow> {
  /// Replaces the scores by `e^(unit · (score − maximum))`, updates `maximum` and `sum`, and writes to `rescale` the
  /// factor `e^(unit · (old maximum − new maximum))` by which what was accumulated before has to be multiplied.
  ///
  /// - Parameter highest: The largest score of each row, or nil to look for it.
  @inline(never)
  static func update(
    scores: UnsafeMutablePointer<Lanes>, count: Int, unit: Float, highest: UnsafePointer<Lanes>?,
    maximum: UnsafeMutablePointer<Lanes>, sum: UnsafeMutablePointer<Lanes>, rescale: UnsafeMutablePointer<Lanes>
  ) {
    let exponent = unit * binaryLogarithmOfE
    let end = scores + count &* Row.vectors
    let reference = raiseMaximum(
      scores, end: end, highest: highest, exponent: exponent, maximum: maximum, rescale: rescale)
    var total = Row(repeating: 0)
    var row = scores
    while row < end {
      var weight = Row(loading: row)
      formExponent(of: &weight, below: reference, exponent)
      weight.formPowerOfTwo()
      weight.store(to: row)
      total.add(weight)
      row += Row.vectors
    }
    add(total, to: sum, rescale: rescale)
  }

  /// The same for an even count of keys, with the weights as pairs of bfloat16, each taking one row for two keys.
  ///
  /// The sum is that of the rounded weights, so that rounding all of them alike changes nothing.
  @inline(never)
  static func updatePairs(
    scores: UnsafeMutablePointer<Lanes>, count: Int, unit: Float, highest: UnsafePointer<Lanes>?,
    maximum: UnsafeMutablePointer<Lanes>, sum: UnsafeMutablePointer<Lanes>, rescale: UnsafeMutablePointer<Lanes>
  ) {
    let exponent = unit * binaryLogarithmOfE
    let end = scores + count &* Row.vectors
    let reference = raiseMaximum(
      scores, end: end, highest: highest, exponent: exponent, maximum: maximum, rescale: rescale)
    let pairOfOnes = Float(bitPattern: 0x3f80_3f80)
    var total = Row(repeating: 0)
    var row = scores
    var target = scores
    while row < end {
      var weight = Row(loading: row)
      var second = Row(loading: row + Row.vectors)
      formExponent(of: &weight, below: reference, exponent)
      formExponent(of: &second, below: reference, exponent)
      weight.formRoughPowerOfTwo()
      second.formRoughPowerOfTwo()
      let pair = weight.paired(with: second)
      pair.store(to: target)
      total.add(BFloat16PairTerms.self, pairOfOnes, times: pair)
      row += 2 &* Row.vectors
      target += Row.vectors
    }
    add(total, to: sum, rescale: rescale)
  }

  /// Returns what is to be subtracted from the scores.
  @inline(__always)
  private static func raiseMaximum(
    _ scores: UnsafeMutablePointer<Lanes>, end: UnsafeMutablePointer<Lanes>, highest: UnsafePointer<Lanes>?,
    exponent: Float, maximum: UnsafeMutablePointer<Lanes>, rescale: UnsafeMutablePointer<Lanes>
  ) -> Row {
    let old = Row(loading: maximum)
    var new = old
    if let highest {
      new.formMaximum(with: Row(loading: highest))
    } else {
      var row = scores
      while row < end {
        new.formMaximum(with: Row(loading: row))
        row += Row.vectors
      }
    }
    new.store(to: maximum)

    // Rows that have seen nothing but −∞ would subtract −∞ from −∞.
    var reference = new
    reference.replaceNegativeInfinity(with: 0)
    var factor = old
    formExponent(of: &factor, below: reference, exponent)
    factor.formPowerOfTwo()
    factor.store(to: rescale)
    return reference
  }

  /// Of which power of two a weight is.
  @inline(__always)
  private static func formExponent(of score: inout Row, below reference: Row, _ exponent: Float) {
    score.subtract(reference)
    score.multiply(by: Row(repeating: exponent))
  }

  @inline(__always)
  private static func add(_ total: Row, to sum: UnsafeMutablePointer<Lanes>, rescale: UnsafePointer<Lanes>) {
    var running = Row(loading: sum)
    running.multiply(by: Row(loading: rescale))
    running.add(total)
    running.store(to: sum)
  }
}
