/// One register tile of a matrix product.
enum ProductTile<Row: PanelRow> {
  static var rows: Int { RowBlock<Row>.count }

  /// `target[row] = Σ left[row][step] · panel[step]`, added to what is there with `accumulates`.
  ///
  /// Only `rows` rows of `left` are read, and of `target` written, each a whole panel wide.
  @inline(never)
  static func multiply(
    _ left: Matrix, rows: Int, depth: Int, panel: UnsafePointer<Float>, target: UnsafeMutablePointer<Float>,
    targetStride: Int, accumulates: Bool, ahead: Ahead
  ) {
    let target = TileTarget(base: target, accumulates: accumulates)
    target.prefetch(Row.self, rows: rows, stride: targetStride)
    if rows == RowBlock<Row>.count {
      sums(RowBlock<Row>.self, left, rows: rows, depth: depth, panel: panel, ahead: ahead)
        .put(to: target, stride: targetStride)
    } else if rows > FourRows<Row>.count {
      let sums = sums(RowBlock<Row>.self, left, rows: rows, depth: depth, panel: panel, ahead: ahead)
      put(sums, rows: rows, to: target, stride: targetStride)
    } else {
      // Rows that are not there would take as long as others.
      let sums = sums(FourRows<Row>.self, left, rows: rows, depth: depth, panel: panel, ahead: ahead)
      put(sums, rows: rows, to: target, stride: targetStride)
    }
  }

  /// Adds the first rows of a block to some of a target.
  @inline(__always)
  private static func put<Block: AccumulatorRows>(_ sums: Block, rows: Int, to target: TileTarget, stride: Int)
  where Block.Row == Row {
    withAlignedLanes(Block.count &* Row.vectors) { base in
      sums.store(to: base)
      for index in 0..<rows { target.put(Row(loading: base + index &* Row.vectors), index &* stride) }
    }
  }

  /// Computes a whole tile of rows that ``PairedStrip`` has copied, two steps at a time, each second pair opposed.
  ///
  /// - Parameter pairSums: Of each column, the sum of the products of its pairs, of which each second is taken away.
  @inline(never)
  static func multiply(
    _ strip: PairedStrip, depth: Int, panel: UnsafePointer<Float>, pairSums: UnsafePointer<Float>,
    target: UnsafeMutablePointer<Float>, targetStride: Int, accumulates: Bool, ahead: Ahead
  ) {
    let target = TileTarget(base: target, accumulates: accumulates)
    target.prefetch(Row.self, rows: rows, stride: targetStride)
    let left = strip.matrix
    let sources = RowBlock<Row>.Sources(left.base, first: 0, last: rows &- 1, stride: left.rowStride)
    var row = UnsafeRawPointer(panel).assumingMemoryBound(to: Lanes.self)
    var sums = RowBlock<Row>(
      startingAt: strip.starts, less: Row(loading: UnsafeRawPointer(pairSums).assumingMemoryBound(to: Lanes.self)))
    let end = row + (depth & ~3) &* Row.vectors
    var offset = 0
    var ahead = ahead
    while row < end {
      ahead.bring()
      let stop = min(row + Ahead.steps &* Row.vectors, end)
      repeat {
        sums.addFour(sources, at: offset, times: row)
        let near = UnsafeRawPointer(row + 8 &* Row.vectors)
        for vector in 0..<(4 &* Row.vectors) { prefetchNear(near + vector &* MemoryLayout<Lanes>.size) }
        offset &+= 4
        row += 4 &* Row.vectors
      } while row < stop
    }
    if depth & 2 != 0 {
      sums.addPairs(NeighbouringSteps(sources, at: offset), times: Row(loading: row), Row(loading: row + Row.vectors))
      offset &+= 2
      row += 2 &* Row.vectors
    }
    if depth & 1 != 0 { sums.add(FloatTerms.self, sources, at: offset, times: Row(loading: row)) }
    sums.multiply(byEach: strip.factors)
    sums.put(to: target, stride: targetStride)
  }

  @inline(__always)
  private static func sums<Block: AccumulatorRows>(
    _: Block.Type, _ left: Matrix, rows: Int, depth: Int, panel: UnsafePointer<Float>, ahead: Ahead
  ) -> Block where Block.Row == Row {
    let sources = Block.Sources(left.base, first: 0, last: rows &- 1, stride: left.rowStride)
    var sums = Block(repeating: 0)
    // A pointer to vectors would promise an alignment that views of a panel needn't have; panels are whole vectors.
    var row = UnsafeRawPointer(panel).assumingMemoryBound(to: Lanes.self)
    let end = row + depth &* Row.vectors
    var offset = 0
    var ahead = ahead
    while row < end {
      ahead.bring()
      let stop = min(row + Ahead.steps &* Row.vectors, end)
      repeat {
        sums.add(FloatTerms.self, sources, at: offset, times: Row(loading: row))
        // The next stretch of the panel comes from the second-level cache.
        let near = UnsafeRawPointer(row + 8 &* Row.vectors)
        prefetchNear(near)
        if Row.vectors > 1 { prefetchNear(near + MemoryLayout<Lanes>.size) }
        if Row.vectors > 2 { prefetchNear(near + 2 &* MemoryLayout<Lanes>.size) }
        offset &+= left.columnStride
        row += Row.vectors
      } while row < stop
    }
    return sums
  }
}

/// Where a tile's sums go.
struct TileTarget {
  var base: UnsafeMutablePointer<Float>
  /// Whether they are added to what is there.
  var accumulates: Bool

  @inline(__always)
  func moved(_ offset: Int) -> TileTarget { TileTarget(base: base + offset, accumulates: accumulates) }

  /// The sums are written long after this, when the target has come from wherever it is.
  @inline(__always)
  func prefetch<Row: PanelRow>(_: Row.Type, rows: Int, stride: Int) {
    for index in 0..<rows {
      let line = UnsafeRawPointer(base + index &* stride)
      for vector in 0..<Row.vectors { prefetchForWriting(line + vector &* MemoryLayout<Lanes>.size) }
    }
  }

  @inline(__always)
  func put<Row: PanelRow>(_ row: Row, _ offset: Int) {
    var row = row
    if accumulates { row.addUnaligned(from: UnsafeRawPointer(base + offset)) }
    row.storeUnaligned(to: UnsafeMutableRawPointer(base + offset))
  }
}
