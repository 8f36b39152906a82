import KernelInterface

/// A tile of keys against one panel of query rows.
struct PanelTile {
  let panel: Int
  let vectors: Int
  /// What the panel's rows see of all keys.
  let visible: KeyRange
  /// The first key that was loaded.
  let loadedFrom: Int
  /// The keys `firstKey ..< firstKey + count` are those that some row sees.
  var firstKey: Int
  var count: Int
  /// What mask and bias do in the tile: bits of ``MaskStates``.
  var maskState = MaskStates.anything
  var biasState = MaskStates.anything
}

extension QueryTile {
  /// Which tiles a pass over the keys works on.
  private enum Pass {
    /// Those with something visible; tiles that a mask hides are left for later where they might count.
    case visible
    /// The hidden ones that `visible` left.
    case hidden
  }

  /// Runs over the keys, tile by tile.
  ///
  /// A tile that a mask hides from all rows of a panel adds `e^(maskedScore − maximum)` per key: nothing if
  /// `maskedScore` is −∞; otherwise nothing once every row's maximum is far above it, which may only be known after the
  /// visible tiles. Rows that see nothing else then get their mean of the values. The same goes for tiles that a bias
  /// hides, with the largest score that the lengths of queries and keys allow.
  func attend() {
    guard attendTiles(.visible) else { return }
    _ = attendTiles(.hidden)
  }

  /// Returns whether tiles were left for the pass over hidden ones.
  private func attendTiles(_ pass: Pass) -> Bool {
    var begin = Int.max
    var end = Int.min
    for panel in 0..<panelCount {
      begin = min(begin, scratch.visible[panel].first)
      end = max(end, scratch.visible[panel].last)
    }
    var leavesTiles = false
    let tileCount = begin < end ? (end &- begin &+ problem.tiles.keys &- 1) / problem.tiles.keys : 0
    for index in 0..<tileCount {
      let tileEnd = min(end, begin &+ problem.tiles.keys)
      var isLoaded = false
      for panel in 0..<panelCount {
        if pass == .visible && index == 0 { loadQuery(panel) }
        var ahead = ahead(of: panel, tile: index, of: tileCount, nextKeys: tileEnd..<end)
        // Those that no product asked for.
        defer { ahead.bringAll() }
        let range = scratch.visible[panel]
        var first = max(range.first, begin)
        // Pairs of keys are counted from the tile's first.
        if problem.usesBFloat16Dots { first &-= (first &- begin) & 1 }
        let last = min(range.last, tileEnd)
        guard first < last else { continue }
        var tile = PanelTile(
          panel: panel, vectors: vectors(inPanel: panel), visible: range, loadedFrom: begin,
          firstKey: first, count: last &- first)
        findStates(of: &tile)
        if pass == .visible { leaveOutHiddenEnds(of: &tile) }
        switch decision(on: tile, pass) {
        case .skip: continue
        case .leave: leavesTiles = true
        case .attend:
          if !isLoaded { load(first: begin, count: tileEnd &- begin) }
          isLoaded = true
          attend(tile, loaded: tileEnd &- begin, &ahead)
        }
      }
      begin = tileEnd
    }
    return leavesTiles
  }

  /// What a panel asks for during a tile: its share of the next one, the next panel's queries during the first, and by and
  /// by the rows of the output that it writes after the last.
  private func ahead(of panel: Int, tile: Int, of tileCount: Int, nextKeys: Range<Int>) -> TileAhead {
    let steps = max(problem.tiles.keys / RowBlock<ThreeVectors>.count, 1)
    var ahead = TileAhead()
    let count = min(nextKeys.count, problem.tiles.keys)
    if count > 0 {
      let first = count &* panel / panelCount
      let share = count &* (panel &+ 1) / panelCount &- first
      func rows(_ operand: ResolvedOperand, _ columns: Int) -> RowsAhead {
        let address = operand.address(batch: item.batch, head: item.keyHead, row: nextKeys.lowerBound &+ first)
        return RowsAhead(operand, columns: columns, at: address, count: share, steps: steps)
      }
      ahead.keys = rows(problem.key, problem.headSize)
      ahead.values = rows(problem.value, problem.valueSize)
    }
    if tile == 0 && panel &+ 1 < panelCount { ahead.queries = queryRows(ofPanel: panel &+ 1, steps: steps) }
    ahead.output = outputRows(ofPanel: panel, part: tile, of: tileCount, steps: steps)
    return ahead
  }

  private enum Decision {
    case skip
    /// To be looked at again once all visible tiles have been attended to.
    case leave
    case attend
  }

  private func decision(on tile: PanelTile, _ pass: Pass) -> Decision {
    let isHiddenByMask = tile.maskState == MaskStates.hides
    // Where there is a mask as well, its score may be above what the bias leaves.
    let isHiddenByBias = tile.biasState == MaskStates.hides && !problem.hasMask && problem.longestKeys != nil
    if isHiddenByMask {
      if problem.maskedScore == -Float.infinity || maskedScoresVanish(in: tile) { return .skip }
    } else if isHiddenByBias, biasedScoresVanish(in: tile) {
      return .skip
    }
    switch pass {
    case .visible:
      if let bias, !problem.hasMask, bias.holdsOnly(-.infinity, in: tile, of: self) { return .skip }
      return isHiddenByMask || isHiddenByBias ? .leave : .attend
    case .hidden:
      return isHiddenByMask || isHiddenByBias ? .attend : .skip
    }
  }

  /// Shortens a tile that some mask or bias hides in part by the blocks at its ends whose weights are 0 in all rows.
  private func leaveOutHiddenEnds(of tile: inout PanelTile) {
    guard problem.maskStates != nil || problem.biasStates != nil else { return }
    func isMixed(_ state: UInt8) -> Bool { state & MaskStates.hides != 0 && state != MaskStates.hides }
    guard isMixed(tile.maskState) || isMixed(tile.biasState) else { return }
    var first = tile.firstKey
    var last = first &+ tile.count
    while first < last {
      let block = part(of: tile, from: first, to: min(last, (first / MaskStates.keys &+ 1) &* MaskStates.keys))
      guard decision(on: block, .visible) == .skip else { break }
      first &+= block.count
    }
    while first < last {
      let block = part(of: tile, from: max(first, (last &- 1) / MaskStates.keys &* MaskStates.keys), to: last)
      guard decision(on: block, .visible) == .skip else { break }
      last &-= block.count
    }
    guard last &- first < tile.count, first < last else { return }
    if problem.usesBFloat16Dots { first &-= (first &- tile.loadedFrom) & 1 }
    tile = part(of: tile, from: first, to: last)
  }

  private func part(of tile: PanelTile, from first: Int, to last: Int) -> PanelTile {
    var part = tile
    (part.firstKey, part.count) = (first, last &- first)
    findStates(of: &part)
    return part
  }

  private func findStates(of tile: inout PanelTile) {
    if problem.hasMask { tile.maskState = maskState(of: tile) }
    if let states = problem.biasStates { tile.biasState = state(of: tile, in: states) }
  }

  /// Brings keys and values into the form in which the products read them.
  private func load(first: Int, count: Int) {
    if problem.usesBFloat16Dots {
      pairValues(first: first, count: count)
    } else {
      widen(problem.key, columns: problem.headSize, first: first, count: count, to: scratch.keys)
      widen(problem.value, columns: problem.valueSize, first: first, count: count, to: scratch.values)
      if pairsSteps {
        pairTile(keys(from: first, loadedFrom: first), values(from: first, loadedFrom: first), count: count)
      }
    }
  }

  /// Takes one tile of keys into one panel.
  private func attend(_ tile: PanelTile, loaded count: Int, _ ahead: inout TileAhead) {
    switch tile.vectors {
    case 1: attend(OneVector.self, tile, loaded: count, &ahead)
    case 2: attend(TwoVectors.self, tile, loaded: count, &ahead)
    default: attend(ThreeVectors.self, tile, loaded: count, &ahead)
    }
  }

  /// What the mask does to the panel's rows in a tile.
  private func maskState(of tile: PanelTile) -> UInt8 {
    if let states = problem.maskStates { return state(of: tile, in: states) }
    let isHidden = mask?.holdsOnly(0, in: tile, of: self) ?? false
    return isHidden ? MaskStates.hides : MaskStates.anything
  }

  /// What was found for the panel's rows in a tile.
  private func state(of tile: PanelTile, in states: MaskStates) -> UInt8 {
    let positions = scratch.positions + tile.panel &* panelRows
    var state: UInt8 = 0
    var lane = 0
    while lane < tile.vectors &* Lanes.scalarCount {
      let (head, query) = (positions[lane].head, positions[lane].query)
      state |= states.state(
        batch: item.batch, head: head, query: query, firstKey: tile.firstKey, count: tile.count)
      // On to the next block or the next head.
      let blockEnd =
        states.rowStride == 0 ? problem.queryLength : (query / MaskStates.queries &+ 1) &* MaskStates.queries
      lane &+= min(blockEnd, problem.queryLength) &- query
    }
    return state
  }

  private func attend<Row: PanelRow>(_: Row.Type, _ tile: PanelTile, loaded count: Int, _ ahead: inout TileAhead) {
    if problem.usesBFloat16Dots { return attendPairs(Row.self, tile, &ahead) }
    let rows = tile.panel &* 3
    let query = UnsafePointer(scratch.query + rows &* problem.headSize)
    let keys = keys(from: tile.firstKey, loadedFrom: tile.loadedFrom)
    if hasPairedScores(tile) {
      Products<Row, FloatTerms>.pairedScores(
        keys, keySums: scratch.pairs.keySums + (tile.firstKey &- tile.loadedFrom),
        lastKeySums: scratch.pairs.lastKeySums, count: tile.count, headSize: problem.headSize, query: query,
        querySums: scratch.pairs.querySums + rows, scores: scratch.scores,
        highest: scratch.highest, ahead: &ahead)
    } else {
      Products<Row, FloatTerms>.scores(
        keys, count: tile.count, headSize: problem.headSize, query: query, scores: scratch.scores,
        highest: scratch.highest, ahead: &ahead)
    }
    let scoreUnit = modify(tile)
    OnlineSoftmax<Row>.update(
      scores: scratch.scores, count: tile.count, unit: scoreUnit, highest: isModified(tile) ? nil : scratch.highest,
      state(Row.self, of: tile))
    let output = scratch.output + rows &* scratch.outputRows
    if hasPairedValues(Row.self, tile, loaded: count) {
      Products<Row, FloatTerms>.pairedValues(
        scratch.pairs, count: tile.count, valueSize: problem.valueSize, weights: scratch.scores,
        rescale: scratch.rescale, output: output)
    } else {
      Products<Row, FloatTerms>.weightedValues(
        values(from: tile.firstKey, loadedFrom: tile.loadedFrom), count: tile.count, valueSize: problem.valueSize,
        weights: scratch.scores, rescale: scratch.rescale, output: output)
    }
  }

  func state<Row: PanelRow>(_: Row.Type, of tile: PanelTile) -> OnlineSoftmax<Row>.State {
    let rows = tile.panel &* 3
    return OnlineSoftmax<Row>.State(
      maximum: scratch.maximum + rows, sum: scratch.sum + rows, rescale: scratch.rescale,
      tileSum: scratch.highest, exponent: maximumUnit * binaryLogarithmOfE, weightExponent: weightExponent)
  }

  /// The power of two that the largest weight of a row is.
  var weightExponent: Float { pairsSteps ? scratch.pairs.facts.pointee.weightExponent : 0 }

  /// Whether keys of the tile are outside the bounds of some rows.
  private func hasHiddenKeys(_ tile: PanelTile) -> Bool {
    tile.firstKey < tile.visible.openFirst || tile.firstKey &+ tile.count > tile.visible.openLast
  }

  private func isBiased(_ tile: PanelTile) -> Bool { problem.hasBias && tile.biasState != MaskStates.keeps }

  private func isMasked(_ tile: PanelTile) -> Bool { problem.hasMask && tile.maskState != MaskStates.keeps }

  /// Whether something is done with the scores' size.
  private func needsNaturalScores(_ tile: PanelTile) -> Bool {
    problem.softcap > 0 || isBiased(tile) || isMasked(tile) || (problem.usesBFloat16Dots && problem.changesScores)
  }

  /// Whether `modify` changes scores.
  func isModified(_ tile: PanelTile) -> Bool { needsNaturalScores(tile) || hasHiddenKeys(tile) }

  /// Soft cap, bias, mask, key bounds, in this order; returns what the scores are counted in then.
  func modify(_ tile: PanelTile) -> ScoreUnit {
    let modifiers = ScoreModifiers(scores: scratch.scores, count: tile.count, vectors: tile.vectors)
    if needsNaturalScores(tile) { modifiers.multiply(by: unit.natural) }
    if problem.softcap > 0 { modifiers.cap(problem.softcap) }
    if let bias, isBiased(tile) {
      bias.copy(in: tile, of: self, to: scratch.modifier)
      modifiers.add(scratch.modifier, isShared: bias.isShared)
    }
    if let mask, tile.maskState != MaskStates.keeps {
      mask.copy(in: tile, of: self, to: scratch.modifier)
      modifiers.mask(scratch.modifier, isShared: mask.isShared, replacement: problem.maskedScore)
    }
    if hasHiddenKeys(tile) {
      modifiers.hide(
        outside: tile.visible, firstKey: tile.firstKey,
        first: scratch.first + tile.panel &* 3, last: scratch.last + tile.panel &* 3)
    }
    return needsNaturalScores(tile) ? .natural : unit
  }

  /// Whether the products can read the operand where it lies.
  private func isReadInPlace(_ operand: ResolvedOperand) -> Bool {
    guard case .float32 = operand.element else { return false }
    return UInt(bitPattern: operand.base) & 3 == 0
  }

  /// Copies the rows of a tile to contiguous floats, unless they can be read in place.
  private func widen(
    _ operand: ResolvedOperand, columns: Int, first: Int, count: Int, to target: UnsafeMutablePointer<Float>
  ) {
    if isReadInPlace(operand) { return }
    WidenedRows(operand: operand, columns: columns)
      .copy(batch: item.batch, head: item.keyHead, first: first, count: count, to: target, by: scratch.transposer)
  }

  private func keys(from first: Int, loadedFrom: Int) -> Matrix {
    matrix(problem.key, columns: problem.headSize, widened: scratch.keys, first: first, loadedFrom: loadedFrom)
  }

  private func values(from first: Int, loadedFrom: Int) -> Matrix {
    matrix(problem.value, columns: problem.valueSize, widened: scratch.values, first: first, loadedFrom: loadedFrom)
  }

  private func matrix(
    _ operand: ResolvedOperand, columns: Int, widened: UnsafeMutablePointer<Float>, first: Int, loadedFrom: Int
  ) -> Matrix {
    guard isReadInPlace(operand) else {
      let stride = WidenedRows.stride(columns: columns)
      return Matrix(base: widened + (first &- loadedFrom) &* stride, rowStride: stride, columnStride: 1)
    }
    let address = operand.address(batch: item.batch, head: item.keyHead, row: first)
    return Matrix(
      base: address.assumingMemoryBound(to: Float.self),
      rowStride: operand.rowStride, columnStride: operand.columnStride)
  }
}
