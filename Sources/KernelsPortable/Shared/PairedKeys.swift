import KernelInterface

/// Both products with pairs of bfloat16: neighbouring features of queries and keys, and neighbouring keys of weights
/// and values.
extension QueryTile {
  /// Lays two rows of values side by side, element by element; where the last has no partner, zeros.
  func pairValues(first: Int, count: Int) {
    let operand = problem.value
    let rowBytes = operand.rowStride &* 2
    var row = operand.address(batch: item.batch, head: item.keyHead, row: first)
    var target = scratch.values
    var key = 0
    while key < count {
      pair(row, key &+ 1 < count ? row + rowBytes : nil, to: target)
      target += problem.valueSize
      row += 2 &* rowBytes
      key &+= 2
    }
  }

  @inline(__always)
  private func pair(
    _ first: UnsafeRawPointer, _ second: UnsafeRawPointer?, to target: UnsafeMutablePointer<Float>
  ) {
    let output = UnsafeMutableRawPointer(target)
    let vectorBytes = 2 &* Lanes.scalarCount
    let whole = problem.valueSize / Lanes.scalarCount
    for vector in 0..<whole {
      let low = widen(first.loadUnaligned(fromByteOffset: vector &* vectorBytes, as: HalfLanes.self))
      let high =
        second.map { widen($0.loadUnaligned(fromByteOffset: vector &* vectorBytes, as: HalfLanes.self)) }
        ?? WordLanes(repeating: 0)
      output.storeBytes(
        of: low | high &<< WordLanes(repeating: 16), toByteOffset: 2 &* vector &* vectorBytes, as: WordLanes.self)
    }
    for column in whole &* Lanes.scalarCount..<problem.valueSize {
      let low = UInt32(first.loadUnaligned(fromByteOffset: 2 &* column, as: UInt16.self))
      let high = UInt32(second?.loadUnaligned(fromByteOffset: 2 &* column, as: UInt16.self) ?? 0)
      output.storeBytes(of: low | high &<< 16, toByteOffset: 4 &* column, as: UInt32.self)
    }
  }

  /// Takes one tile of keys into one panel.
  func attendPairs<Row: PanelRow>(_: Row.Type, _ tile: PanelTile, _ ahead: inout TileAhead) {
    let rows = tile.panel &* 3
    let address = problem.key.address(batch: item.batch, head: item.keyHead, row: tile.firstKey)
    Products<Row, BFloat16PairTerms>.scores(
      Matrix(
        base: address.assumingMemoryBound(to: Float.self), rowStride: problem.key.rowStride / 2, columnStride: 1),
      count: tile.count, headSize: problem.headSize / 2,
      query: scratch.query + rows &* problem.headSize, scores: scratch.scores,
      highest: scratch.highest, ahead: &ahead)
    let scoreUnit = modify(tile)
    let pairs = (tile.count &+ 1) / 2
    for index in tile.count &* Row.vectors..<2 &* pairs &* Row.vectors {
      scratch.scores[index] = Lanes(repeating: -.infinity)
    }
    OnlineSoftmax<Row>.updatePairs(
      scores: scratch.scores, count: 2 &* pairs, unit: scoreUnit, highest: isModified(tile) ? nil : scratch.highest,
      state(Row.self, of: tile))
    let firstPair = (tile.firstKey &- tile.loadedFrom) / 2
    Products<Row, BFloat16PairTerms>.weightedValues(
      Matrix(
        base: scratch.values + firstPair &* problem.valueSize, rowStride: problem.valueSize, columnStride: 1),
      count: pairs, valueSize: problem.valueSize,
      weights: scratch.scores, rescale: scratch.rescale, output: scratch.output + rows &* scratch.outputRows)
  }
}
