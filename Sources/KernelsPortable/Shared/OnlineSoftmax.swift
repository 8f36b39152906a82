/// The step of online softmax: takes one tile's scores into the running maximum and sum of each row.
///
/// Milakov and Gimelshein, "Online normalizer calculation for softmax" (2018); in attention, Dao et al.,
/// "FlashAttention" (2022).
enum OnlineSoftmax<Row: PanelRow> {
  /// Replaces the scores by `e^(score − maximum)`, updates `maximum` and `sum`, and writes to `rescale` the factor
  /// `e^(old maximum − new maximum)` by which what was accumulated before has to be multiplied.
  @inline(never)
  static func update(
    scores: UnsafeMutablePointer<Lanes>, count: Int,
    maximum: UnsafeMutablePointer<Lanes>, sum: UnsafeMutablePointer<Lanes>, rescale: UnsafeMutablePointer<Lanes>
  ) {
    let end = scores + count &* Row.vectors
    let old = Row(loading: maximum)
    var new = old
    var row = scores
    while row < end {
      new.formMaximum(with: Row(loading: row))
      row += Row.vectors
    }
    new.store(to: maximum)

    // Rows that have seen nothing but −∞ would subtract −∞ from −∞.
    var reference = new
    reference.replaceNegativeInfinity(with: 0)
    var factor = old
    factor.formExponential(below: reference)
    factor.store(to: rescale)

    var total = Row(repeating: 0)
    row = scores
    while row < end {
      var weight = Row(loading: row)
      weight.formExponential(below: reference)
      weight.store(to: row)
      total.add(weight)
      row += Row.vectors
    }
    var running = Row(loading: sum)
    running.multiply(by: factor)
    running.add(total)
    running.store(to: sum)
  }
}
