import KernelInterface

/// Whether a hidden tile can be left out: whether all its weights are exactly 0, as they would be without fusion.
extension QueryTile {
  /// `e^x` is 0 in 32 bits from here on.
  private var leastExponent: Float { -105 }

  /// Whether `e^(maskedScore − maximum)` is zero for every row of the panel.
  func maskedScoresVanish(in tile: PanelTile) -> Bool {
    let limit = Lanes(repeating: problem.maskedScore - leastExponent)
    return areBelowMaxima(of: tile) { _, _ in limit }
  }

  /// Whether `e^(score + bias − maximum)` is zero for every row of the panel and every key of a tile, given that no bias
  /// is above `MaskStates.leastHiding`: no score is larger than the lengths of its query and of the longest key
  /// multiplied.
  ///
  /// NaN and infinite numbers, and rows that have seen nothing yet, make it false.
  func biasedScoresVanish(in tile: PanelTile) -> Bool {
    // The thousandths are more than what rounding adds to any of the terms.
    guard let longestKeys = problem.longestKeys else { return false }
    let longest = longestKeys[item.batch &* problem.keyHeads &+ item.keyHead]
    let keyLength = Lanes(repeating: longest * 1.001 * unit.natural)
    let bias = Lanes(repeating: MaskStates.leastHiding * 0.999 - leastExponent)
    return areBelowMaxima(of: tile) { row, maximum in
      let slack = absolute(maximum) * Lanes(repeating: 0.001)
      return multiplyAdd(scratch.queryLengths[row], keyLength, bias + slack)
    }
  }

  /// Whether bounds are below the maxima of all rows of a panel; the bounds of a vector of rows may depend on their maxima.
  @inline(__always)
  private func areBelowMaxima(of tile: PanelTile, _ bounds: (_ row: Int, _ maximum: Lanes) -> Lanes) -> Bool {
    var failed = Lanes(repeating: 0)
    for row in tile.panel &* 3..<tile.panel &* 3 &+ tile.vectors {
      let maximum =
        scratch.maximum[row] * Lanes(repeating: maximumUnit) + Lanes(repeating: weightExponent / binaryLogarithmOfE)
      failed = Lanes(repeating: 1).replacing(with: failed, where: bounds(row, maximum) .< maximum)
    }
    for lane in 0..<Lanes.scalarCount where failed[lane] != 0 { return false }
    return true
  }

  /// Finds the lengths of a panel's queries.
  func measureQueries(ofPanel panel: Int) {
    let vectors = vectors(inPanel: panel)
    for vector in 0..<vectors {
      var query = scratch.query + (panel &* 3 &* problem.headSize &+ vector)
      var sum = Lanes(repeating: 0)
      for _ in 0..<(problem.usesBFloat16Dots ? problem.headSize / 2 : problem.headSize) {
        let numbers = query.pointee
        sum = problem.usesBFloat16Dots ? addDot(numbers, numbers, sum) : multiplyAdd(numbers, numbers, sum)
        query += vectors
      }
      scratch.queryLengths[panel &* 3 &+ vector] = sum.squareRoot()
    }
  }
}

/// The lengths of keys as vectors, which bound the scores.
enum KeyLengths {
  /// The largest length among some keys of a head; NaN or infinite if one is.
  static func longest(_ problem: AttentionProblem, batch: Int, head: Int, keys: Range<Int>) -> Float {
    let vectors = (problem.headSize &+ Lanes.scalarCount &- 1) / Lanes.scalarCount
    var largest = Lanes(repeating: 0)
    withAlignedLanes(vectors &+ Lanes.scalarCount) { sums in
      let row = sums + Lanes.scalarCount
      for index in 0..<vectors &+ Lanes.scalarCount { sums[index] = Lanes(repeating: 0) }
      let floats = UnsafeMutableRawPointer(row).assumingMemoryBound(to: Float.self)
      // As many keys at a time as a vector has lanes; past the last, sums of earlier ones stay.
      var first = keys.lowerBound
      while first < keys.upperBound {
        for index in 0..<min(Lanes.scalarCount, keys.upperBound &- first) {
          copyWidening(
            from: problem.key.address(batch: batch, head: head, row: first &+ index), problem.key.element,
            stride: problem.key.columnStride, count: problem.headSize, to: floats)
          var sum = Lanes(repeating: 0)
          for vector in 0..<vectors { sum = multiplyAdd(row[vector], row[vector], sum) }
          sums[index] = sum
        }
        let squares = sumsOfRows(sums)
        largest = largest.replacing(with: squares, where: (squares .> largest) .| (squares .!= squares))
        first &+= Lanes.scalarCount
      }
    }
    var square: Float = 0
    for lane in 0..<Lanes.scalarCount where !(largest[lane] <= square) {
      if largest[lane].isNaN { return largest[lane] }
      square = largest[lane]
    }
    return square.squareRoot()
  }
}
