/// A matrix of floats somewhere in memory, with any strides.
struct Matrix {
  var base: UnsafePointer<Float>
  var rowStride: Int
  var columnStride: Int
}

/// The two matrix products of attention on one panel of query rows, both of the form
/// `result[row] = Σ matrix[row][step] · panel[step]` with scalars of the matrix against whole rows of the panel.
///
/// With pairs of bfloat16 a scalar of the matrix is a pair, and every count of steps is one of pairs.
enum Products<Row: PanelRow, Terms: ProductTerms> {
  /// `scores[key] = Σ key[feature] · query[feature]` for the first `count` rows of `keys`.
  ///
  /// Writes whole register tiles: up to `RowBlock.count − 1` rows of `scores` past the last are overwritten. `highest`
  /// gets each query's largest score, or −∞ where there is nothing but NaN.
  @inline(never)
  static func scores(
    _ keys: Matrix, count: Int, headSize: Int,
    query: UnsafePointer<Lanes>, scores: UnsafeMutablePointer<Lanes>, highest: UnsafeMutablePointer<Lanes>
  ) {
    var largest = Row(repeating: -.infinity)
    var key = 0
    var target = scores
    while key < count {
      let sources = RowBlock<Row>.Sources(keys.base, first: key, last: count &- 1, stride: keys.rowStride)
      var sums = RowBlock<Row>(repeating: 0)
      accumulate(&sums, sources, step: keys.columnStride, panel: query, count: headSize)
      // Rows past the last key repeat it.
      sums.raise(&largest)
      sums.store(to: target)
      target += RowBlock<Row>.count &* Row.vectors
      key &+= RowBlock<Row>.count
    }
    largest.store(to: highest)
  }

  /// `output[column] = output[column] · rescale + Σ value[key][column] · weights[key]` over `count` keys.
  ///
  /// `output` has room for whole register tiles.
  @inline(never)
  static func weightedValues(
    _ values: Matrix, count: Int, valueSize: Int,
    weights: UnsafePointer<Lanes>, rescale: UnsafePointer<Lanes>, output: UnsafeMutablePointer<Lanes>
  ) {
    let factor = Row(loading: rescale)
    var column = 0
    var target = output
    while column < valueSize {
      let sources = RowBlock<Row>.Sources(
        values.base, first: column, last: valueSize &- 1, stride: values.columnStride)
      var sums = RowBlock<Row>(loading: target)
      sums.multiply(by: factor)
      accumulate(&sums, sources, step: values.rowStride, panel: weights, count: count)
      sums.store(to: target)
      target += RowBlock<Row>.count &* Row.vectors
      column &+= RowBlock<Row>.count
    }
  }

  @inline(__always)
  private static func accumulate(
    _ sums: inout RowBlock<Row>, _ sources: RowBlock<Row>.Sources, step: Int,
    panel: UnsafePointer<Lanes>, count: Int
  ) {
    var row = panel
    let end = panel + count &* Row.vectors
    var offset = 0
    while row < end {
      sums.add(Terms.self, sources, at: offset, times: Row(loading: row))
      offset &+= step
      row += Row.vectors
    }
  }
}
