import KernelInterface

/// Query rows of a whole panel.
var panelRows: Int {
  @inline(__always) get { 3 &* Lanes.scalarCount }
}

/// The memory that one worker needs for one item, carved out of a single block.
///
/// Its size follows from the tile and the head sizes, not from the lengths.
struct TileScratch {
  /// Query rows, transposed and scaled: per panel `headSize` rows.
  let query: UnsafeMutablePointer<Lanes>
  /// Unnormalised outputs, transposed: per panel `valueSize` rows, rounded up.
  let output: UnsafeMutablePointer<Lanes>
  /// Scores of one key tile against one panel, then their exponentials.
  let scores: UnsafeMutablePointer<Lanes>
  /// What a bias or a mask holds for those scores.
  let modifier: UnsafeMutablePointer<Lanes>
  /// The largest scores of one key tile, then the sums of its weights.
  let highest: UnsafeMutablePointer<Lanes>
  /// The panel's factor for what was accumulated before this tile.
  let rescale: UnsafeMutablePointer<Lanes>
  /// Per query row: running maximum and sum, and the keys `first ..< last` that may be visible.
  let maximum: UnsafeMutablePointer<Lanes>
  let sum: UnsafeMutablePointer<Lanes>
  let first: UnsafeMutablePointer<IntegerLanes>
  let last: UnsafeMutablePointer<IntegerLanes>
  /// Per panel: what its rows see of all keys.
  let visible: UnsafeMutablePointer<KeyRange>
  /// Per query row: its length as a vector, where hidden tiles are measured by it.
  let queryLengths: UnsafeMutablePointer<Lanes>
  /// For products with paired steps.
  let pairs: PairedTile
  /// Per query row: whose it is.
  let positions: UnsafeMutablePointer<RowPosition>
  let transposer: LaneTransposer
  /// One key tile of keys and values, widened to floats.
  let keys: UnsafeMutablePointer<Float>
  let values: UnsafeMutablePointer<Float>

  /// Rows of `output` that a panel takes.
  let outputRows: Int

  init(_ problem: AttentionProblem, in block: UnsafeMutableRawPointer) {
    let sizes = ScratchSizes(problem)
    var offset = 0
    func carve(_ bytes: Int) -> UnsafeMutableRawPointer {
      defer { offset &+= (bytes &+ 63) & ~63 }
      return block + offset
    }
    query = carve(sizes.query).assumingMemoryBound(to: Lanes.self)
    output = carve(sizes.output).assumingMemoryBound(to: Lanes.self)
    scores = carve(sizes.scores).assumingMemoryBound(to: Lanes.self)
    modifier = carve(sizes.modifier).assumingMemoryBound(to: Lanes.self)
    highest = carve(sizes.panelRow).assumingMemoryBound(to: Lanes.self)
    rescale = carve(sizes.panelRow).assumingMemoryBound(to: Lanes.self)
    maximum = carve(sizes.perRow).assumingMemoryBound(to: Lanes.self)
    sum = carve(sizes.perRow).assumingMemoryBound(to: Lanes.self)
    first = carve(sizes.perRow).assumingMemoryBound(to: IntegerLanes.self)
    last = carve(sizes.perRow).assumingMemoryBound(to: IntegerLanes.self)
    visible = carve(sizes.ranges).assumingMemoryBound(to: KeyRange.self)
    queryLengths = carve(sizes.perRow).assumingMemoryBound(to: Lanes.self)
    positions = carve(sizes.positions).assumingMemoryBound(to: RowPosition.self)
    transposer = LaneTransposer(
      rows: carve(sizes.addresses).assumingMemoryBound(to: UnsafeMutableRawPointer.self),
      square: carve(sizes.square).assumingMemoryBound(to: Lanes.self))
    keys = carve(sizes.keys).assumingMemoryBound(to: Float.self)
    values = carve(sizes.values).assumingMemoryBound(to: Float.self)
    pairs = PairedTile(
      querySums: carve(sizes.pairs.perRow).assumingMemoryBound(to: Lanes.self),
      querySquares: carve(sizes.pairs.perRow).assumingMemoryBound(to: Lanes.self),
      keySums: carve(sizes.pairs.keySums).assumingMemoryBound(to: Float.self),
      lastKeySums: carve(sizes.pairs.lastKeySums).assumingMemoryBound(to: Float.self),
      values: carve(sizes.pairs.values).assumingMemoryBound(to: Float.self),
      valueSums: carve(sizes.pairs.valueSums).assumingMemoryBound(to: Float.self),
      weightSums: carve(sizes.pairs.weightSums).assumingMemoryBound(to: Lanes.self),
      facts: carve(sizes.pairs.facts).assumingMemoryBound(to: PairedTile.Facts.self),
      valueStride: sizes.pairs.valueStride)
    outputRows = sizes.outputRows
  }
}

/// The parts of ``TileScratch`` in bytes.
struct ScratchSizes {
  let query: Int
  let output: Int
  let scores: Int
  let modifier: Int
  let panelRow: Int
  let perRow: Int
  let positions: Int
  let ranges: Int
  let addresses: Int
  let square: Int
  let keys: Int
  let values: Int
  let outputRows: Int
  let pairs: PairedTile.Sizes

  init(_ problem: AttentionProblem) {
    let panels = (problem.tiles.queryRows &+ panelRows &- 1) / panelRows
    let block = RowBlock<ThreeVectors>.count
    let keyRows = problem.tiles.keys
    panelRow = panelRows &* 4
    // Whole register tiles when computed, whole squares when transposed back.
    let unit = max(block, Lanes.scalarCount)
    outputRows = (problem.valueSize &+ unit &- 1) / unit &* unit
    query = panels &* problem.headSize &* panelRow
    output = panels &* outputRows &* panelRow
    scores = (keyRows &+ block) &* panelRow
    modifier = problem.hasBias || problem.hasMask ? keyRows &* panelRow : 0
    perRow = panels &* panelRow
    positions = panels &* panelRows &* MemoryLayout<RowPosition>.stride
    ranges = panels &* MemoryLayout<KeyRange>.stride
    addresses = Lanes.scalarCount &* MemoryLayout<UnsafeRawPointer>.stride
    square = Lanes.scalarCount &* Lanes.scalarCount &* 4
    keys = keyRows &* WidenedRows.stride(columns: problem.headSize) &* 4
    values = keyRows &* WidenedRows.stride(columns: problem.valueSize) &* 4
    pairs = PairedTile.Sizes(problem, perRow: perRow, outputRows: outputRows)
  }

  var total: Int {
    func rounded(_ bytes: Int) -> Int { (bytes &+ 63) & ~63 }
    let panelParts =
      rounded(query) &+ rounded(output) &+ rounded(scores) &+ rounded(modifier)
      &+ 2 &* rounded(panelRow)
    return panelParts &+ 5 &* rounded(perRow) &+ rounded(positions) &+ rounded(ranges) &+ rounded(addresses)
      &+ rounded(square)
      &+ rounded(keys) &+ rounded(values) &+ pairs.total
  }
}
