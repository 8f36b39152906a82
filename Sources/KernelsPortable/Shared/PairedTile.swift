import KernelInterface

/// What products with paired steps (``StepPair``) take besides queries, keys, values and weights.
struct PairedTile {
  /// Per query row: minus the sum of the products of neighbouring features, each second of which is taken away, and the square of the
  /// length.
  let querySums: UnsafeMutablePointer<Lanes>
  let querySquares: UnsafeMutablePointer<Lanes>
  /// Per key of a tile: minus the same sum.
  let keySums: UnsafeMutablePointer<Float>
  /// Those of the last keys, as many as a register tile has, the last repeated.
  let lastKeySums: UnsafeMutablePointer<Float>
  /// The values of a tile, some columns of all keys after another, with keys of zeros after the last, up to whole fours.
  let values: UnsafeMutablePointer<Float>
  /// Per column of values: the sum of the products of neighbouring keys, of which each second counts and each other is taken away.
  let valueSums: UnsafeMutablePointer<Float>
  /// Per query row of a panel: the same of weights.
  let weightSums: UnsafeMutablePointer<Lanes>
  let facts: UnsafeMutablePointer<Facts>
  /// Numbers of `values` from some columns to the next.
  let valueStride: Int

  /// Columns of values that lie beside each other.
  static var columns: Int {
    @inline(__always) get { max(Lanes.scalarCount, RowBlock<ThreeVectors>.count) }
  }

  /// Whether head sizes are whole vectors.
  static func suits(_ problem: AttentionProblem) -> Bool {
    problem.pairsSteps && problem.headSize.isMultiple(of: Lanes.scalarCount)
      && problem.valueSize.isMultiple(of: columns)
  }

  /// What is known of an item.
  struct Facts {
    /// The power of two that the largest weight of a row is, and its square.
    var weightExponent: Float = 0
    var weightSquare: Float = 1
    var knowsExponent = false
    /// The square of the length of the tile's longest key; not finite where keys cannot be paired.
    var keySquare: Float = .infinity
    /// Whether the values of the tile can be paired.
    var hasEvenValues = false
  }

  /// Bytes of the parts; none where nothing is paired.
  struct Sizes {
    var perRow = 0
    var keySums = 0
    var lastKeySums = 0
    var values = 0
    var valueSums = 0
    var weightSums = 0
    var facts = 0
    var valueStride = 0

    init(_ problem: AttentionProblem, perRow: Int, outputRows: Int) {
      guard PairedTile.suits(problem) else { return }
      self.perRow = perRow
      let unit = PairedTile.columns
      keySums = 4 &* ((problem.tiles.keys &+ unit) / unit &* unit)
      lastKeySums = 4 &* RowBlock<ThreeVectors>.count
      valueStride = (problem.tiles.keys &+ 3) / 4 &* 4 &* unit
      values = 4 &* problem.valueSize / unit &* valueStride
      valueSums = 4 &* outputRows
      weightSums = 4 &* panelRows
      facts = MemoryLayout<Facts>.stride
    }

    var total: Int {
      func rounded(_ bytes: Int) -> Int { (bytes &+ 63) & ~63 }
      return 2 &* rounded(perRow) &+ rounded(keySums) &+ rounded(lastKeySums) &+ rounded(values) &+ rounded(valueSums)
        &+ rounded(weightSums)
        &+ rounded(facts)
    }
  }
}

/// When steps are paired, and what for.
///
/// Both products would lose digits to numbers of different sizes. Scores are powers: what counts is the size of their error, which is
/// that of the squared lengths of query and key. Of a mean of values it is the error in comparison to the mean: weights get a power of two
/// as a factor, columns must be alike in size, and neither may the values of a key be far smaller than others, to which a row's weights may
/// all go, nor the weights of a row.
extension QueryTile {
  /// The squares of lengths that queries and keys may have together: scores are off by some 1e-6 then.
  private var longest: Float { 42 }
  /// The largest weight is this power of two above the root of the values' mean square: single weights are larger than the others,
  /// values are not.
  private var weightsAboveValues: Int { 3 }
  /// In comparison to that mean square, the least and the largest one of a column, and the least one of a key.
  private var smallestColumn: Float { 1 / 8 }
  private var largestColumn: Float { 16 }
  private var smallestKey: Float { 1 / 16 }

  /// Measures a panel's queries.
  func pairQueries(ofPanel panel: Int) {
    let vectors = vectors(inPanel: panel)
    for vector in 0..<vectors {
      var query = scratch.query + (panel &* 3 &* problem.headSize &+ vector)
      var products = Lanes(repeating: 0)
      var squares = Lanes(repeating: 0)
      var sign = Lanes(repeating: 1)
      for _ in 0..<problem.headSize / 2 {
        let (first, second) = (query[0], query[vectors])
        products = multiplyAdd(first * sign, second, products)
        squares = multiplyAdd(first, first, multiplyAdd(second, second, squares))
        sign = -sign
        query += 2 &* vectors
      }
      scratch.pairs.querySums[panel &* 3 &+ vector] = -products
      scratch.pairs.querySquares[panel &* 3 &+ vector] = squares
    }
  }

  /// Measures a tile of keys and values, and lays out the values.
  ///
  /// Not beside a sink: the largest weight of a row is 1, or its power of two, unless it is a sink's, beside which all others may be small,
  /// and the output with them.
  func pairTile(_ keys: Matrix, _ values: Matrix, count: Int) {
    var facts = scratch.pairs.facts.pointee
    facts.keySquare = keys.columnStride == 1 ? pair(keys, count: count) : .infinity
    facts.hasEvenValues = false
    if values.columnStride == 1, problem.sinks == nil {
      let columns = lay(values, count: count)
      let mean = columns.total / Float(count &* problem.valueSize)
      // Neither zeros nor what is not a number.
      let isUsual = mean > 0x1p-60 && mean < 0x1p60
      if !facts.knowsExponent, isUsual {
        let exponent = ((Int(mean.exponent) + 1) >> 1) + weightsAboveValues
        facts.weightExponent = Float(exponent)
        facts.weightSquare = scale(Lanes(repeating: 1), byTwoTo: Lanes(repeating: Float(2 * exponent)))[0]
        facts.knowsExponent = true
      }
      let square = facts.weightSquare / Float(1 << (2 * weightsAboveValues))
      facts.hasEvenValues =
        isUsual && columns.isOpposed && columns.least >= square * smallestColumn * Float(count)
        && columns.largest <= square * largestColumn * Float(count)
        && leastSquare(values, count: count) >= square * smallestKey * Float(problem.valueSize)
    }
    scratch.pairs.facts.pointee = facts
  }

  /// Returns the square of the longest key's length, or NaN.
  private func pair(_ keys: Matrix, count: Int) -> Float {
    let lanes = Lanes.scalarCount
    var longest = Lanes(repeating: 0)
    // Every product is there twice.
    var halves = Lanes(repeating: -0.5)
    for lane in 0..<lanes where lane & 2 != 0 { halves[lane] = 0.5 }
    withAlignedLanes(2 &* lanes) { sums in
      let unit = PairedTile.columns
      var first = 0
      while first < (count &+ unit &- 1) / unit &* unit {
        for index in 0..<lanes {
          let row = UnsafeRawPointer(keys.base + min(first &+ index, count &- 1) &* keys.rowStride)
          var products = Lanes(repeating: 0)
          var squares = Lanes(repeating: 0)
          for vector in 0..<problem.headSize / lanes {
            let numbers = StoredFloat.lanes(at: row + vector &* StoredFloat.vectorBytes)
            products = multiplyAdd(numbers, neighboursSwapped(numbers), products)
            squares = multiplyAdd(numbers, numbers, squares)
          }
          sums[index] = products * halves
          sums[lanes &+ index] = squares
        }
        UnsafeMutableRawPointer(scratch.pairs.keySums + first).storeBytes(of: sumsOfRows(sums), as: Lanes.self)
        let squares = sumsOfRows(sums + lanes)
        longest = longest.replacing(with: squares, where: (squares .> longest) .| (squares .!= squares))
        first &+= lanes
      }
    }
    return largest(longest)
  }

  /// Returns the least sum of squares of a key's values.
  private func leastSquare(_ values: Matrix, count: Int) -> Float {
    let lanes = Lanes.scalarCount
    var least = Lanes(repeating: .infinity)
    withAlignedLanes(lanes) { sums in
      var first = 0
      while first < count {
        for index in 0..<lanes {
          let row = UnsafeRawPointer(values.base + min(first &+ index, count &- 1) &* values.rowStride)
          var squares = Lanes(repeating: 0)
          for vector in 0..<problem.valueSize / lanes {
            let numbers = StoredFloat.lanes(at: row + vector &* StoredFloat.vectorBytes)
            squares = multiplyAdd(numbers, numbers, squares)
          }
          sums[index] = squares
        }
        let squares = sumsOfRows(sums)
        least.replace(with: squares, where: squares .< least)
        first &+= lanes
      }
    }
    return least.min()
  }

  /// The sums of squares of the columns.
  private struct ColumnSquares {
    var least: Float
    var largest: Float
    var total: Float
    /// Whether the products of neighbouring keys make up for each other.
    var isOpposed: Bool
  }

  private func lay(_ values: Matrix, count: Int) -> ColumnSquares {
    let lanes = Lanes.scalarCount
    let unit = PairedTile.columns
    var least = Lanes(repeating: .infinity)
    var (largest, total) = (Lanes(repeating: 0), Lanes(repeating: 0))
    // Four times what they come to among random numbers.
    let mostlyLess = Lanes(repeating: 8 / Float(count))
    var isOpposed = true
    for vector in 0..<problem.valueSize / lanes {
      let (block, column) = (vector &* lanes).quotientAndRemainder(dividingBy: unit)
      var source = UnsafeRawPointer(values.base + vector &* lanes)
      var target = UnsafeMutableRawPointer(scratch.pairs.values + (block &* scratch.pairs.valueStride &+ column))
      var products = Lanes(repeating: 0)
      var (squares, otherSquares) = (products, products)
      var key = 0
      var sign: Float = -1
      while key < (count &+ 3) / 4 &* 4 {
        let first = key < count ? StoredFloat.lanes(at: source) : Lanes(repeating: 0)
        source += 4 &* values.rowStride
        let second = key &+ 1 < count ? StoredFloat.lanes(at: source) : Lanes(repeating: 0)
        source += 4 &* values.rowStride
        target.storeBytes(of: first, as: Lanes.self)
        target.storeBytes(of: second, toByteOffset: 4 &* unit, as: Lanes.self)
        products = multiplyAdd(first * Lanes(repeating: sign), second, products)
        sign = -sign
        squares = multiplyAdd(first, first, squares)
        otherSquares = multiplyAdd(second, second, otherSquares)
        target += 8 &* unit
        key &+= 2
      }
      UnsafeMutableRawPointer(scratch.pairs.valueSums + vector &* lanes).storeBytes(of: products, as: Lanes.self)
      squares += otherSquares
      least.replace(with: squares, where: squares .< least)
      largest.replace(with: squares, where: squares .> largest)
      total += squares
      let shares = products / squares
      isOpposed = isOpposed && all(shares * shares .<= mostlyLess)
    }
    return ColumnSquares(least: least.min(), largest: largest.max(), total: total.sum(), isOpposed: isOpposed)
  }

  private func largest(_ lanes: Lanes) -> Float {
    var largest: Float = 0
    for lane in 0..<Lanes.scalarCount where !(lanes[lane] <= largest) {
      if lanes[lane].isNaN { return .nan }
      largest = lanes[lane]
    }
    return largest
  }

  /// Whether the scores of a tile can be summed by pairs of features.
  func hasPairedScores(_ tile: PanelTile) -> Bool {
    guard pairsSteps, scratch.pairs.facts.pointee.keySquare <= longest / unit.natural else { return false }
    var peaks = Lanes(repeating: 0)
    for row in tile.panel &* 3..<tile.panel &* 3 &+ tile.vectors {
      let squares = scratch.pairs.querySquares[row]
      peaks = peaks.replacing(with: squares, where: (squares .> peaks) .| (squares .!= squares))
    }
    return largest(peaks) + scratch.pairs.facts.pointee.keySquare <= longest / unit.natural
  }

  /// Whether the values of a tile can be summed by pairs of keys; then the weights have their sums.
  ///
  /// Only where in every row the tile's weights are, together, no less than half of the largest, which another tile may have, and pairs
  /// make up for each other.
  func hasPairedValues<Row: PanelRow>(_: Row.Type, _ tile: PanelTile, loaded count: Int) -> Bool {
    guard pairsSteps, scratch.pairs.facts.pointee.hasEvenValues, tile.firstKey == tile.loadedFrom, tile.count == count
    else { return false }
    let square = Lanes(repeating: scratch.pairs.facts.pointee.weightSquare)
    for vector in 0..<Row.vectors {
      let sum = scratch.highest[vector]
      guard all(sum * sum .>= square * 0.25) else { return false }
    }
    Products<Row, FloatTerms>.sumPairs(of: scratch.scores, count: tile.count, into: scratch.pairs.weightSums)
    for vector in 0..<Row.vectors {
      guard all(absolute(scratch.pairs.weightSums[vector]) .<= square * 4) else { return false }
    }
    return true
  }
}
