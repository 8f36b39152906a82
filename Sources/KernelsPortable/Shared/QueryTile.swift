import KernelInterface

/// One work item in progress: some query rows, their running softmax state and their unnormalised outputs.
struct QueryTile {
  let problem: AttentionProblem
  let item: AttentionItem
  let scratch: TileScratch
  let bias: ScoreOperand?
  let mask: ScoreOperand?

  init(_ problem: AttentionProblem, _ item: AttentionItem, scratch block: UnsafeMutableRawPointer) {
    self.problem = problem
    self.item = item
    scratch = TileScratch(problem, in: block)
    bias =
      problem.hasBias ? ScoreOperand(problem.bias, elementBytes: problem.bias.element.byteCount, problem, item) : nil
    mask = problem.hasMask ? ScoreOperand(problem.mask, elementBytes: 1, problem, item) : nil
  }

  var panelCount: Int { (item.rowCount &+ panelRows &- 1) / panelRows }

  /// Vectors that a panel's rows need: three, or fewer in the last panel.
  func vectors(inPanel panel: Int) -> Int {
    min(3, (item.rowCount &- panel &* panelRows &+ Lanes.scalarCount &- 1) / Lanes.scalarCount)
  }

  /// The head and the query behind a lane; lanes past the last row repeat it.
  func position(ofRow row: Int) -> (head: Int, query: Int) {
    let clamped = item.firstRow &+ min(row, item.rowCount &- 1)
    return (item.firstHead &+ clamped / problem.queryLength, clamped % problem.queryLength)
  }

  /// Lays the query rows out along lanes, scaled, and sets maxima, sums, outputs and key bounds to their start.
  func start() {
    for panel in 0..<panelCount {
      let width = vectors(inPanel: panel) &* Lanes.scalarCount
      let lanes = vectors(inPanel: panel)
      let query = scratch.query + panel &* problem.headSize &* 3
      let output = scratch.output + panel &* scratch.outputRows &* 3
      let queryFloats = UnsafeMutableRawPointer(query).assumingMemoryBound(to: Float.self)
      for lane in 0..<width {
        let row = panel &* panelRows &+ lane
        let (head, index) = position(ofRow: row)
        copyWidening(
          from: problem.query.address(batch: item.batch, head: head, row: index), problem.query.element,
          stride: problem.query.columnStride, count: problem.headSize, to: queryFloats + lane, targetStride: width)
        setBounds(row: row, query: index)
        setSink(row: row, head: head)
      }
      let scale = Lanes(repeating: problem.scale)
      for index in 0..<problem.headSize &* lanes { query[index] *= scale }
      for index in 0..<scratch.outputRows &* lanes { output[index] = Lanes(repeating: 0) }
    }
  }

  /// The keys that row may see by causality, window, valid length and the item's own range.
  ///
  /// A row that sees none gets bounds that no key satisfies and that widen no panel's range.
  private func setBounds(row: Int, query: Int) {
    let diagonal = query &+ problem.diagonal
    var first = item.firstKey
    var last = item.lastKey
    if problem.isCausal { last = min(last, diagonal &+ 1) }
    if problem.windowRight >= 0 { last = min(last, diagonal.addingClamped(problem.windowRight).addingClamped(1)) }
    if problem.windowLeft >= 0 { first = max(first, diagonal.addingClamped(0 &- problem.windowLeft)) }
    if let lengths = problem.validKeyLengths { last = min(last, lengths[item.batch]) }
    let isEmpty = first >= last
    let firsts = UnsafeMutableRawPointer(scratch.first).assumingMemoryBound(to: Int32.self)
    let lasts = UnsafeMutableRawPointer(scratch.last).assumingMemoryBound(to: Int32.self)
    firsts[row] = isEmpty ? Int32.max : Int32(truncatingIfNeeded: first)
    lasts[row] = isEmpty ? Int32.min : Int32(truncatingIfNeeded: last)
  }

  /// A sink is a score without a value: it starts the row's maximum and sum.
  private func setSink(row: Int, head: Int) {
    let maxima = UnsafeMutableRawPointer(scratch.maximum).assumingMemoryBound(to: Float.self)
    let sums = UnsafeMutableRawPointer(scratch.sum).assumingMemoryBound(to: Float.self)
    maxima[row] = -Float.infinity
    sums[row] = 0
    guard item.firstKey == 0, let sinks = problem.sinks else { return }
    let sink = sinks[head]
    maxima[row] = sink.isNaN ? -Float.infinity : sink
    // As in plain softmax, a sink of +∞ makes the row NaN, one of −∞ counts nothing.
    sums[row] = sink == -Float.infinity ? 0 : sink - sink + 1
  }

  /// The keys that some row of the panel sees, and those that all of its rows see.
  func keyRange(ofPanel panel: Int) -> KeyRange {
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
    let sums = UnsafeMutableRawPointer(scratch.sum).assumingMemoryBound(to: Float.self)
    let maxima = UnsafeMutableRawPointer(scratch.maximum).assumingMemoryBound(to: Float.self)
    for row in 0..<item.rowCount {
      let panel = row / panelRows
      let width = vectors(inPanel: panel) &* Lanes.scalarCount
      let panelOutput = scratch.output + panel &* scratch.outputRows &* 3
      let output = UnsafeMutableRawPointer(panelOutput).assumingMemoryBound(to: Float.self) + row % panelRows
      if let partial = item.partial {
        let target = partial + row &* (problem.valueSize &+ 2)
        target[0] = maxima[row]
        target[1] = sums[row]
        for column in 0..<problem.valueSize { target[column &+ 2] = output[column &* width] }
      } else {
        normalize(output, width: width, sum: sums[row])
        let (head, query) = position(ofRow: row)
        let offset =
          item.batch &* problem.output.batchStride &+ head &* problem.output.headStride
          &+ query &* problem.output.rowStride
        copyNarrowing(
          from: output, sourceStride: width, count: problem.valueSize,
          to: problem.outputBase + offset &* problem.output.element.byteCount, problem.output.element,
          stride: problem.output.columnStride)
      }
    }
  }

  private func normalize(_ output: UnsafeMutablePointer<Float>, width: Int, sum: Float) {
    let isSoftmaxUndefined = !(sum > 0)
    if problem.keyLength == 0 || (problem.guardsNaN && isSoftmaxUndefined) {
      for column in 0..<problem.valueSize { output[column &* width] = 0 }
    } else {
      let factor = isSoftmaxUndefined ? Float.nan : 1 / sum
      for column in 0..<problem.valueSize { output[column &* width] *= factor }
    }
  }
}

/// Keys `first ..< last`, of which `openFirst ..< openLast` need no check per row.
struct KeyRange {
  var first: Int
  var last: Int
  var openFirst: Int
  var openLast: Int
}

extension Int {
  /// The sum, or the nearest number that an `Int` can hold.
  func addingClamped(_ other: Int) -> Int {
    let (sum, overflow) = addingReportingOverflow(other)
    guard overflow else { return sum }
    return other > 0 ? .max : .min
  }
}
