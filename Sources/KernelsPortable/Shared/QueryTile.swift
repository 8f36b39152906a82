import KernelInterface

/// One work item in progress: some query rows, their running softmax state and their unnormalised outputs.
struct QueryTile {
  let problem: AttentionProblem
  let item: AttentionItem
  let scratch: TileScratch
  let bias: ScoreOperand?
  let mask: ScoreOperand?
  /// What the products give scores in.
  let unit: ScoreUnit
  /// What running maxima are counted in: scores of the graph, or scores of bfloat16 pairs where nothing changes these.
  let maximumUnit: Float
  let pairsSteps: Bool

  init(_ problem: AttentionProblem, _ item: AttentionItem, scratch block: UnsafeMutableRawPointer) {
    self.problem = problem
    self.item = item
    scratch = TileScratch(problem, in: block)
    bias =
      problem.hasBias ? ScoreOperand(problem.bias, problem.bias.element, problem, item) : nil
    mask = problem.hasMask ? ScoreOperand(problem.mask, nil, problem, item) : nil
    unit = ScoreUnit(problem)
    maximumUnit = problem.usesBFloat16Dots && !problem.changesScores ? problem.scale : 1
    pairsSteps = PairedTile.suits(problem)
    if pairsSteps { scratch.pairs.facts.initialize(to: PairedTile.Facts()) }
  }

  private var vectorCount: Int { (item.rowCount &+ Lanes.scalarCount &- 1) / Lanes.scalarCount }

  var panelCount: Int { (vectorCount &+ 2) / 3 }

  /// The panels from here on are one vector short of three.
  private var firstNarrowPanel: Int { vectorCount &- 2 &* panelCount }

  /// Vectors that a panel's rows need: three, or in the last one or two panels two, as one is slow; a single one only
  /// where there is no other.
  func vectors(inPanel panel: Int) -> Int {
    if vectorCount == 1 { return 1 }
    return panel < firstNarrowPanel ? 3 : 2
  }

  /// The row of the item that is a panel's first.
  private func firstRow(ofPanel panel: Int) -> Int {
    (3 &* panel &- max(0, panel &- max(0, firstNarrowPanel))) &* Lanes.scalarCount
  }

  /// Finds out whose the rows are, and sets maxima, sums, outputs and key bounds to their start.
  func start() {
    for panel in 0..<panelCount {
      let vectors = vectors(inPanel: panel)
      for lane in 0..<vectors &* Lanes.scalarCount {
        setRow(firstRow(ofPanel: panel) &+ lane, place: panel &* panelRows &+ lane)
      }
      scratch.visible[panel] = keyRange(ofPanel: panel)
      let output = scratch.output + panel &* scratch.outputRows &* 3
      for index in 0..<scratch.outputRows &* vectors { output[index] = Lanes(repeating: 0) }
    }
    var first = queryRows(ofPanel: 0, steps: 1)
    first?.bringAll()
  }

  /// Finds out whose row it is and sets its state at `place`; rows past the last repeat it.
  private func setRow(_ row: Int, place: Int) {
    let (head, query) = (item.firstRow &+ min(row, item.rowCount &- 1))
      .quotientAndRemainder(dividingBy: problem.queryLength)
    let position = RowPosition(head: item.firstHead &+ head, query: query)
    scratch.positions[place] = position
    setBounds(place: place, query: query)
    setSink(place: place, head: position.head)
  }

  /// Lays the query rows of a panel out along lanes, scaled.
  func loadQuery(_ panel: Int) {
    let vectors = vectors(inPanel: panel)
    let target = scratch.query + panel &* problem.headSize &* 3
    for vector in 0..<vectors {
      setAddresses(panel, vector, of: problem.query)
      if problem.usesBFloat16Dots {
        // A pair of bfloat16 moves like a float.
        scratch.transposer.load(
          .float32, stride: 1, count: problem.headSize / 2, to: target + vector, vectors: vectors)
        continue
      }
      scratch.transposer.load(
        problem.query.element, stride: problem.query.columnStride, count: problem.headSize,
        to: target + vector, vectors: vectors)
    }
    if !problem.usesBFloat16Dots {
      let factor = Lanes(repeating: problem.scale / unit.natural)
      for index in 0..<problem.headSize &* vectors { target[index] *= factor }
    }
    if pairsSteps { pairQueries(ofPanel: panel) }
    if problem.longestKeys != nil { measureQueries(ofPanel: panel) }
  }

  /// The queries of a panel as rows to ask for, where they lie in one head.
  func queryRows(ofPanel panel: Int, steps: Int) -> RowsAhead? {
    guard let (head, queries) = queries(ofPanel: panel) else { return nil }
    return RowsAhead(
      problem.query, columns: problem.headSize,
      at: problem.query.address(batch: item.batch, head: head, row: queries.lowerBound), count: queries.count,
      steps: steps)
  }

  /// One of `parts` shares of the output's rows that a panel writes as rows to ask for, where they lie in one head.
  func outputRows(ofPanel panel: Int, part: Int, of parts: Int, steps: Int) -> RowsAhead? {
    guard item.partial == nil, let (head, queries) = queries(ofPanel: panel) else { return nil }
    let first = queries.count &* part / parts
    let count = queries.count &* (part &+ 1) / parts &- first
    return RowsAhead(
      problem.output, columns: problem.valueSize,
      at: problem.output.address(batch: item.batch, head: head, row: queries.lowerBound &+ first), count: count,
      steps: steps, isForWriting: true)
  }

  private func queries(ofPanel panel: Int) -> (head: Int, queries: Range<Int>)? {
    let positions = scratch.positions + panel &* panelRows
    let (first, last) = (positions[0], positions[vectors(inPanel: panel) &* Lanes.scalarCount &- 1])
    return first.head == last.head ? (first.head, first.query..<last.query &+ 1) : nil
  }

  /// Points the transposer at an operand's rows that belong to the lanes of a vector.
  private func setAddresses(_ panel: Int, _ vector: Int, of operand: ResolvedOperand) {
    let positions = scratch.positions + (panel &* panelRows &+ vector &* Lanes.scalarCount)
    for lane in 0..<Lanes.scalarCount {
      let address = operand.address(batch: item.batch, head: positions[lane].head, row: positions[lane].query)
      scratch.transposer.rows[lane] = UnsafeMutableRawPointer(mutating: address)
    }
  }

  /// The keys that row may see by causality, window, valid length and the item's own range.
  ///
  /// A row that sees none gets bounds that no key satisfies and that widen no panel's range.
  private func setBounds(place: Int, query: Int) {
    let (first, last) = item.visibleKeys(of: query, in: problem)
    let isEmpty = first >= last
    let firsts = UnsafeMutableRawPointer(scratch.first).assumingMemoryBound(to: Int32.self)
    let lasts = UnsafeMutableRawPointer(scratch.last).assumingMemoryBound(to: Int32.self)
    firsts[place] = isEmpty ? Int32.max : Int32(truncatingIfNeeded: first)
    lasts[place] = isEmpty ? Int32.min : Int32(truncatingIfNeeded: last)
  }

  private func setSink(place: Int, head: Int) {
    let maxima = UnsafeMutableRawPointer(scratch.maximum).assumingMemoryBound(to: Float.self)
    let sums = UnsafeMutableRawPointer(scratch.sum).assumingMemoryBound(to: Float.self)
    let sink = item.sink(ofHead: head, in: problem)
    (maxima[place], sums[place]) = (sink.maximum / maximumUnit, sink.sum)
  }

  /// The keys that some row of the panel sees, and those that all of its rows see.
  private func keyRange(ofPanel panel: Int) -> KeyRange {
    let offset = panel &* panelRows
    let firsts = UnsafeMutableRawPointer(scratch.first).assumingMemoryBound(to: Int32.self) + offset
    let lasts = UnsafeMutableRawPointer(scratch.last).assumingMemoryBound(to: Int32.self) + offset
    var range = KeyRange(first: Int.max, last: Int.min, openFirst: Int.min, openLast: Int.max)
    for lane in 0..<vectors(inPanel: panel) &* Lanes.scalarCount {
      range.first = min(range.first, Int(firsts[lane]))
      range.openFirst = max(range.openFirst, Int(firsts[lane]))
      range.last = max(range.last, Int(lasts[lane]))
      range.openLast = min(range.openLast, Int(lasts[lane]))
    }
    return range
  }

  /// Divides by the sums and writes the rows of the output, or stores the unfinished state where keys are split.
  func finish() {
    for panel in 0..<panelCount {
      let vectors = vectors(inPanel: panel)
      for vector in 0..<vectors {
        let firstRow = firstRow(ofPanel: panel) &+ vector &* Lanes.scalarCount
        let rowCount = min(Lanes.scalarCount, item.rowCount &- firstRow)
        let output = scratch.output + panel &* scratch.outputRows &* 3 + vector
        if let partial = item.partial {
          storeState(
            place: panel &* panelRows &+ vector &* Lanes.scalarCount, firstRow: firstRow, rowCount: rowCount,
            to: partial)
          scratch.transposer.store(
            output, vectors: vectors, count: problem.valueSize, .float32, stride: 1, rowCount: rowCount)
        } else {
          normalize(output, vectors: vectors, sum: scratch.sum[panel &* 3 &+ vector])
          setAddresses(panel, vector, of: problem.output)
          scratch.transposer.store(
            output, vectors: vectors, count: problem.valueSize, problem.output.element,
            stride: problem.output.columnStride, rowCount: rowCount)
        }
      }
    }
  }

  private func normalize(_ output: UnsafeMutablePointer<Lanes>, vectors: Int, sum: Lanes) {
    // Where nothing or NaN was summed, the quotient is NaN as in plain softmax.
    let factor = Lanes(repeating: 1) / sum
    for column in 0..<problem.valueSize { output[column &* vectors] *= factor }
    guard problem.keyLength == 0 || problem.guardsNaN else { return }
    let zero = Lanes(repeating: 0)
    let isDefined = sum .> zero
    for column in 0..<problem.valueSize {
      output[column &* vectors] = zero.replacing(with: output[column &* vectors], where: isDefined)
    }
  }

  /// Stores maxima and sums, and points the transposer behind them.
  private func storeState(place: Int, firstRow: Int, rowCount: Int, to partial: UnsafeMutablePointer<Float>) {
    let maxima = UnsafeRawPointer(scratch.maximum).assumingMemoryBound(to: Float.self)
    let sums = UnsafeRawPointer(scratch.sum).assumingMemoryBound(to: Float.self)
    for lane in 0..<rowCount {
      let target = partial + (firstRow &+ lane) &* (problem.valueSize &+ 2)
      target[0] = maxima[place &+ lane] * maximumUnit
      target[1] = sums[place &+ lane]
      scratch.transposer.rows[lane] = UnsafeMutableRawPointer(target + 2)
    }
  }
}

/// Which query a row belongs to.
struct RowPosition {
  let head: Int
  let query: Int
}

/// Keys `first ..< last`, of which `openFirst ..< openLast` need no check per row.
struct KeyRange {
  var first: Int
  var last: Int
  var openFirst: Int
  var openLast: Int
}

extension AttentionProblem {
  /// Whether something is done with the size of some scores.
  var changesScores: Bool { softcap > 0 || hasBias || hasMask }
}
