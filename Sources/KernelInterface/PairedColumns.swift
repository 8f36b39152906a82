/// What products need to know of the columns of a packed matrix to add up two steps with one multiplication.
package struct PairedColumns: @unchecked Sendable {
  /// For each part of the depth and each packed column, the sum of the products of neighbouring numbers, of which each second is taken
  /// away.
  package let sums: UnsafePointer<Float>
  /// For each step of the depth, the root of its mean square in comparison to that of its part, in the columns that are of one size.
  package let steps: UnsafePointer<Float>
  /// For each part and each panel, whether its columns are of the size that `exponent` says.
  package let isEven: UnsafePointer<Bool>
  /// The numbers of the matrix are about 2 to this power, as the root of their mean square.
  package let exponent: Int

  package init(
    sums: UnsafePointer<Float>, steps: UnsafePointer<Float>, isEven: UnsafePointer<Bool>, exponent: Int
  ) {
    self.sums = sums
    self.steps = steps
    self.isEven = isEven
    self.exponent = exponent
  }
}

/// What is added up of some numbers, a row or a column of a part of the depth.
package struct StepSums: Sendable {
  /// The products of each two numbers that follow each other, of which each second is taken away.
  package var pairs: Float
  package var squares: Float
  /// The magnitudes, of a row in proportion to what each step meets.
  package var magnitudes: Float

  package init(pairs: Float = 0, squares: Float = 0, magnitudes: Float = 0) {
    self.pairs = pairs
    self.squares = squares
    self.magnitudes = magnitudes
  }

  /// The power of two that is nearest to the root of the mean square of `count` numbers; nil where it is no measure of them: where there
  /// are none but zeros, where squares are too large or too small, or not numbers, where a few numbers, or those that meet small
  /// ones, are so much larger than all others that little would be left of these, or where the sum of pairs is much larger than others.
  package func exponent(count: Int) -> Int? {
    let square = squares / Float(count)
    let magnitude = magnitudes / Float(count)
    let share = pairs / squares
    // Four times the share that pairs of random numbers come to.
    guard square > 0x1p-60, square < 0x1p60, magnitude * magnitude >= square / 8, share * share * Float(count) <= 8
    else { return nil }
    return (Int(square.exponent) + 1) >> 1
  }
}
