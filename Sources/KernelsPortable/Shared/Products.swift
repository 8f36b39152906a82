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
  /// gets each query's largest score, or −∞ where there is nothing but NaN. What comes next is asked for on the way.
  static func scores(
    _ keys: Matrix, count: Int, headSize: Int,
    query: UnsafePointer<Lanes>, scores: UnsafeMutablePointer<Lanes>, highest: UnsafeMutablePointer<Lanes>,
    ahead: inout TileAhead
  ) {
    Row(repeating: -.infinity).store(to: highest)
    var target = scores
    forEachBlocks(of: keys, stride: keys.rowStride, count: count) { sources, blocks, blockStride in
      addScores(
        sources, blocks: blocks, blockStride: blockStride, step: keys.columnStride, headSize: headSize, query: query,
        scores: target, highest: highest, ahead: &ahead)
      target += blocks &* RowBlock<Row>.count &* Row.vectors
    }
  }

  /// The same by pairs of features (``StepPair``), given minus the sums of the products of each key's and each query's own pairs, of
  /// which each second is taken away; features are whole fours.
  static func pairedScores(
    _ keys: Matrix, keySums: UnsafePointer<Float>, lastKeySums: UnsafeMutablePointer<Float>, count: Int, headSize: Int,
    query: UnsafePointer<Lanes>, querySums: UnsafePointer<Lanes>, scores: UnsafeMutablePointer<Lanes>,
    highest: UnsafeMutablePointer<Lanes>, ahead: inout TileAhead
  ) {
    Row(repeating: -.infinity).store(to: highest)
    var target = scores
    var corrections = keySums
    forEachBlocks(of: keys, stride: keys.rowStride, count: count) { sources, blocks, blockStride in
      if corrections + RowBlock<Row>.count > keySums + count {
        for index in 0..<RowBlock<Row>.count {
          lastKeySums[index] = keySums[min(corrections - keySums &+ index, count &- 1)]
        }
        corrections = UnsafePointer(lastKeySums)
      }
      addPairedScores(
        sources, keySums: corrections, blocks: blocks, blockStride: blockStride, headSize: headSize, query: query,
        querySums: querySums, scores: target, highest: highest, ahead: &ahead)
      target += blocks &* RowBlock<Row>.count &* Row.vectors
      corrections += blocks &* RowBlock<Row>.count
    }
  }

  /// `output[column] = output[column] · rescale + Σ value[key][column] · weights[key]` over `count` keys.
  ///
  /// `output` has room for whole register tiles.
  static func weightedValues(
    _ values: Matrix, count: Int, valueSize: Int,
    weights: UnsafePointer<Lanes>, rescale: UnsafePointer<Lanes>, output: UnsafeMutablePointer<Lanes>
  ) {
    var target = output
    forEachBlocks(of: values, stride: values.columnStride, count: valueSize) { sources, blocks, blockStride in
      addValues(
        sources, blocks: blocks, blockStride: blockStride, step: values.rowStride, count: count, weights: weights,
        rescale: rescale, output: target)
      target += blocks &* RowBlock<Row>.count &* Row.vectors
    }
  }

  /// The same by pairs of keys (``StepPair``), given the sums of the products of the weights' own pairs.
  static func pairedValues(
    _ tile: PairedTile, count: Int, valueSize: Int, weights: UnsafePointer<Lanes>,
    rescale: UnsafePointer<Lanes>, output: UnsafeMutablePointer<Lanes>
  ) {
    let fours = (count &+ 3) / 4 &* 4
    let unit = PairedTile.columns
    for block in 0..<valueSize / unit {
      addPairedValues(
        tile.values + block &* tile.valueStride, valueSums: tile.valueSums + block &* unit, count: fours,
        weights: weights, weightSums: tile.weightSums, rescale: rescale, output: output + block &* unit &* Row.vectors)
    }
  }

  /// Cuts the rows or columns of a matrix, which are `stride` apart, into whole blocks and what is left over; rows past the
  /// last repeat it.
  @inline(__always)
  private static func forEachBlocks(
    of matrix: Matrix, stride: Int, count: Int,
    _ body: (_ sources: RowBlock<Row>.Sources, _ blocks: Int, _ blockStride: Int) -> Void
  ) {
    let (blocks, rest) = count.quotientAndRemainder(dividingBy: RowBlock<Row>.count)
    let blockStride = RowBlock<Row>.count &* stride
    func sources(_ block: Int, rows: Int) -> RowBlock<Row>.Sources {
      RowBlock<Row>.Sources(matrix.base + block &* blockStride, first: 0, last: rows &- 1, stride: stride)
    }
    if blocks > 0 { body(sources(0, rows: RowBlock<Row>.count), blocks, blockStride) }
    if rest > 0 { body(sources(blocks, rows: rest), 1, blockStride) }
  }

  /// The scores of some blocks of keys: nothing but an offset changes from one to the next, so that the units that
  /// multiply never wait for addresses.
  @inline(never)
  private static func addScores(
    _ sources: RowBlock<Row>.Sources, blocks: Int, blockStride: Int, step: Int, headSize: Int,
    query: UnsafePointer<Lanes>, scores: UnsafeMutablePointer<Lanes>, highest: UnsafeMutablePointer<Lanes>,
    ahead: inout TileAhead
  ) {
    var largest = Row(loading: highest)
    var target = scores
    var offset = 0
    for _ in 0..<blocks {
      ahead.bring()
      var sums = RowBlock<Row>(repeating: 0)
      accumulate(&sums, sources, from: offset, step: step, panel: query, count: headSize)
      sums.raise(&largest)
      sums.store(to: target)
      target += RowBlock<Row>.count &* Row.vectors
      offset &+= blockStride
    }
    largest.store(to: highest)
  }

  @inline(never)
  private static func addPairedScores(
    _ sources: RowBlock<Row>.Sources, keySums: UnsafePointer<Float>, blocks: Int, blockStride: Int, headSize: Int,
    query: UnsafePointer<Lanes>, querySums: UnsafePointer<Lanes>, scores: UnsafeMutablePointer<Lanes>,
    highest: UnsafeMutablePointer<Lanes>, ahead: inout TileAhead
  ) {
    var largest = Row(loading: highest)
    var target = scores
    var corrections = keySums
    var start = 0
    for _ in 0..<blocks {
      ahead.bring()
      var sums = RowBlock<Row>(repeating: 0)
      sums.correct(by: Row(loading: querySums), corrections)
      var row = query
      let end = query + headSize &* Row.vectors
      var offset = start
      while row < end {
        sums.addFour(sources, at: offset, times: row)
        offset &+= 4
        row += 4 &* Row.vectors
      }
      sums.raise(&largest)
      sums.store(to: target)
      target += RowBlock<Row>.count &* Row.vectors
      corrections += RowBlock<Row>.count
      start &+= blockStride
    }
    largest.store(to: highest)
  }

  /// Sums of the products of neighbouring weights, of which each second counts and each other is taken away; writes zeros as the weights
  /// of keys past the last, up to whole fours.
  ///
  /// Where weights are alike the sum stays small, and loses nothing, only if they are taken away one by one.
  @inline(never)
  static func sumPairs(of weights: UnsafeMutablePointer<Lanes>, count: Int, into sums: UnsafeMutablePointer<Lanes>) {
    let fours = (count &+ 3) / 4 &* 4
    for key in count..<fours { Row(repeating: 0).store(to: weights + key &* Row.vectors) }
    var total = Row(repeating: 0)
    var row = UnsafePointer(weights)
    let end = row + fours &* Row.vectors
    while row < end {
      var four = product(row + 2 &* Row.vectors)
      four.subtract(product(row))
      total.add(four)
      row += 4 &* Row.vectors
    }
    total.store(to: sums)
  }

  /// Of two neighbouring rows.
  @inline(__always)
  private static func product(_ row: UnsafePointer<Lanes>) -> Row {
    var product = Row(loading: row)
    product.multiply(by: Row(loading: row + Row.vectors))
    return product
  }

  @inline(never)
  private static func addPairedValues(
    _ values: UnsafePointer<Float>, valueSums: UnsafePointer<Float>, count: Int, weights: UnsafePointer<Lanes>,
    weightSums: UnsafePointer<Lanes>, rescale: UnsafePointer<Lanes>, output: UnsafeMutablePointer<Lanes>
  ) {
    let unit = PairedTile.columns
    var column = 0
    while column < unit {
      let target = output + column &* Row.vectors
      var sums = RowBlock<Row>(loading: target)
      sums.multiply(by: Row(loading: rescale))
      sums.correct(by: Row(loading: weightSums), valueSums + column)
      var value = values + column
      var row = weights
      let end = weights + count &* Row.vectors
      while row < end {
        sums.addPairs(
          NeighbouringRows(first: value, next: value + unit), times: Row(loading: row),
          Row(loading: row + Row.vectors))
        sums.addOpposedPairs(
          NeighbouringRows(first: value + 2 &* unit, next: value + 3 &* unit),
          times: Row(loading: row + 2 &* Row.vectors), Row(loading: row + 3 &* Row.vectors))
        value += 4 &* unit
        row += 4 &* Row.vectors
      }
      sums.store(to: target)
      column &+= RowBlock<Row>.count
    }
  }

  @inline(never)
  private static func addValues(
    _ sources: RowBlock<Row>.Sources, blocks: Int, blockStride: Int, step: Int, count: Int,
    weights: UnsafePointer<Lanes>, rescale: UnsafePointer<Lanes>, output: UnsafeMutablePointer<Lanes>
  ) {
    let factor = Row(loading: rescale)
    var target = output
    var offset = 0
    for _ in 0..<blocks {
      var sums = RowBlock<Row>(loading: target)
      sums.multiply(by: factor)
      accumulate(&sums, sources, from: offset, step: step, panel: weights, count: count)
      sums.store(to: target)
      target += RowBlock<Row>.count &* Row.vectors
      offset &+= blockStride
    }
  }

  @inline(__always)
  private static func accumulate(
    _ sums: inout RowBlock<Row>, _ sources: RowBlock<Row>.Sources, from start: Int, step: Int,
    panel: UnsafePointer<Lanes>, count: Int
  ) {
    var row = panel
    let end = panel + count &* Row.vectors
    var offset = start
    while row < end {
      sums.add(Terms.self, sources, at: offset, times: Row(loading: row))
      offset &+= step
      row += Row.vectors
    }
  }
}
