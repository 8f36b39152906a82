import KernelInterface

/// What products with paired steps (``StepPair``) take besides queries, keys, values and weights.
struct PairedTile {
  /// Per query row: minus the sum of the products of neighbouring features, and the square of the length.
  let querySums: UnsafeMutablePointer<Lanes>
  let querySquares: UnsafeMutablePointer<Lanes>
  /// Per key of a tile: minus the sum of the products of neighbouring features.
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
    /// The weights' power of two: that of the values.
    var weightExponent: Float = 0
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
/// that of the squared lengths of query and key. Of a mean of values it is the error in comparison to the values of its own column, so
/// that all columns must be about as large as the largest weight, for which weights get a power of two as a factor.
extension QueryTile {
  /// The squares of lengths that queries and keys may have together, in exponents of two: they are off by some 4e-6 then.
  private var longest: Float { 64 }
  /// How many times as small as the values' power of two a column's largest may be, and how many times as large.
  private var smallestColumn: Float { 1 / 8 }
  private var largestColumn: Float { 4 }

  /// Measures a panel's queries.
  func pairQueries(ofPanel panel: Int) {
    let vectors = vectors(inPanel: panel)
    for vector in 0..<vectors {
      var query = scratch.query + (panel &* 3 &* problem.headSize &+ vector)
      var products = Lanes(repeating: 0)
      var squares = Lanes(repeating: 0)
      for _ in 0..<problem.headSize / 2 {
        let (first, second) = (query[0], query[vectors])
        products = multiplyAdd(first, second, products)
        squares = multiplyAdd(first, first, multiplyAdd(second, second, squares))
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
      let (least, largest) = lay(values, count: count)
      if !facts.knowsExponent, largest.isNormal, abs(largest.exponent) < 32 {
        facts.weightExponent = Float(largest.exponent)
        facts.knowsExponent = true
      }
      let unit = scale(Lanes(repeating: 1), byTwoTo: Lanes(repeating: facts.weightExponent))[0]
      facts.hasEvenValues = least >= unit * smallestColumn && largest <= unit * largestColumn
    }
    scratch.pairs.facts.pointee = facts
  }

  /// Returns the square of the longest key's length, or NaN.
  private func pair(_ keys: Matrix, count: Int) -> Float {
    let lanes = Lanes.scalarCount
    var longest = Lanes(repeating: 0)
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
          sums[index] = products
          sums[lanes &+ index] = squares
        }
        // Every product is there twice.
        let halves = sumsOfRows(sums) * Lanes(repeating: -0.5)
        UnsafeMutableRawPointer(scratch.pairs.keySums + first).storeBytes(of: halves, as: Lanes.self)
        let squares = sumsOfRows(sums + lanes)
        longest = longest.replacing(with: squares, where: (squares .> longest) .| (squares .!= squares))
        first &+= lanes
      }
    }
    return largest(longest)
  }

  /// Returns the largest magnitudes of the columns: the least and the largest of them.
  private func lay(_ values: Matrix, count: Int) -> (least: Float, largest: Float) {
    let lanes = Lanes.scalarCount
    let unit = PairedTile.columns
    var least = WordLanes(repeating: .max)
    var largest = WordLanes(repeating: 0)
    for vector in 0..<problem.valueSize / lanes {
      let (block, column) = (vector &* lanes).quotientAndRemainder(dividingBy: unit)
      var source = UnsafeRawPointer(values.base + vector &* lanes)
      var target = UnsafeMutableRawPointer(scratch.pairs.values + (block &* scratch.pairs.valueStride &+ column))
      var products = Lanes(repeating: 0)
      var peaks = WordLanes(repeating: 0)
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
        raise(&peaks, to: UnsafeRawPointer(target))
        raise(&peaks, to: UnsafeRawPointer(target) + 4 &* unit)
        target += 8 &* unit
        key &+= 2
      }
      UnsafeMutableRawPointer(scratch.pairs.valueSums + vector &* lanes).storeBytes(of: products, as: Lanes.self)
      least.replace(with: peaks, where: peaks .< least)
      largest.replace(with: peaks, where: peaks .> largest)
    }
    return (Float(bitPattern: least.min()), Float(bitPattern: largest.max()))
  }

  /// Magnitudes are compared as bits, by which NaN is above all.
  @inline(__always)
  private func raise(_ peaks: inout WordLanes, to numbers: UnsafeRawPointer) {
    let magnitudes = numbers.loadUnaligned(as: WordLanes.self) & WordLanes(repeating: 0x7fff_ffff)
    peaks.replace(with: magnitudes, where: magnitudes .> peaks)
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

  /// Whether the values of a tile can be summed by pairs of keys.
  func hasPairedValues(_ tile: PanelTile, loaded count: Int) -> Bool {
    pairsSteps && scratch.pairs.facts.pointee.hasEvenValues && tile.firstKey == tile.loadedFrom
      && tile.count == count
  }
}
