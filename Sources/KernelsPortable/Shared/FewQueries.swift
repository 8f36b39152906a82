import KernelInterface

/// A work item of so few query rows that it costs more to read keys and values than to compute with them: every key
/// and every value is read once, in the order in which it lies in memory.
///
/// Query rows go by fours. Scores are laid out key after key with the four rows side by side, so that a vector holds
/// the same four rows of some neighbouring keys.
struct FewQueries {
  let problem: AttentionProblem
  let item: AttentionItem
  let scratch: FewQueriesScratch
  private let bias: ScoreOperand?
  private let mask: ScoreOperand?

  /// The rows up to which this is faster than whole panels.
  static var mostRows: Int { 12 }

  /// Keys of a tile: its values are asked for while their weights are computed, not much earlier.
  static func tileKeys(_ problem: AttentionProblem) -> Int { min(problem.tiles.keys, 64) }

  static func suits(_ item: AttentionItem) -> Bool { item.rowCount <= mostRows }

  init(_ problem: AttentionProblem, _ item: AttentionItem, scratch block: UnsafeMutableRawPointer) {
    self.problem = problem
    self.item = item
    scratch = FewQueriesScratch(problem, in: block)
    bias = problem.hasBias ? ScoreOperand(problem.bias, problem.bias.element, problem, item) : nil
    mask = problem.hasMask ? ScoreOperand(problem.mask, nil, problem, item) : nil
  }

  /// Whether scores are products of bfloat16 pairs, which are exact as those of floats are.
  private var multipliesPairs: Bool {
    problem.usesBFloat16Dots && problem.headSize.isMultiple(of: 2 &* Lanes.scalarCount)
  }

  private var fourCount: Int { (item.rowCount &+ 3) / 4 }

  /// Whose row it is; rows past the last repeat it.
  private func position(ofRow row: Int) -> RowPosition {
    let (head, query) = (item.firstRow &+ min(row, item.rowCount &- 1))
      .quotientAndRemainder(dividingBy: problem.queryLength)
    return RowPosition(head: item.firstHead &+ head, query: query)
  }

  /// Computes the item.
  func run() {
    var first = Int.max
    var last = Int.min
    for row in 0..<fourCount &* 4 {
      let position = position(ofRow: row)
      let range = item.visibleKeys(of: position.query, in: problem)
      scratch.ranges[row] = range
      if range.first < range.last {
        first = min(first, range.first)
        last = max(last, range.last)
      }
      let sink = item.sink(ofHead: position.head, in: problem)
      scratch.maximum[row] = sink.maximum
      scratch.sum[row] = sink.sum
      loadQuery(row, position)
    }
    for index in 0..<fourCount &* scratch.outputVectors { scratch.output[index] = Lanes(repeating: 0) }
    while first < last {
      let count = min(FewQueries.tileKeys(problem), last &- first)
      attend(first: first, count: count)
      first &+= count
    }
    for row in 0..<item.rowCount { finish(row) }
  }

  /// Four rows lie side by side, vector by vector.
  private func loadQuery(_ row: Int, _ position: RowPosition) {
    let (four, member) = row.quotientAndRemainder(dividingBy: 4)
    let query = scratch.query + four &* scratch.queryVectors
    let floats = scratch.modifier
    if multipliesPairs {
      let address = problem.query.address(batch: item.batch, head: position.head, row: position.query)
      for vector in 0..<scratch.queryVectors / 8 {
        query[4 &* vector &+ member] = StoredFloat.lanes(at: address + vector &* StoredFloat.vectorBytes)
      }
      return
    }
    let padded = scratch.queryVectors / 4 &* Lanes.scalarCount
    for column in problem.headSize..<padded { floats[column] = 0 }
    copyWidening(
      from: problem.query.address(batch: item.batch, head: position.head, row: position.query),
      problem.query.element, stride: problem.query.columnStride, count: problem.headSize, to: floats)
    for vector in 0..<scratch.queryVectors / 4 {
      let lanes = UnsafeRawPointer(floats + vector &* Lanes.scalarCount).loadUnaligned(as: Lanes.self)
      query[4 &* vector &+ member] = lanes * Lanes(repeating: problem.scale)
    }
  }

  private func attend(first: Int, count: Int) {
    let keys = rows(of: problem.key, columns: problem.headSize, first: first, count: count, widened: scratch.keys)
    let values = rows(
      of: problem.value, columns: problem.valueSize, first: first, count: count, widened: scratch.values)
    var nextKeys = keys.rows
    nextKeys.base += count &* nextKeys.stride
    for four in 0..<fourCount {
      let query = scratch.query + four &* scratch.queryVectors
      writeScores(keys.rows, keys.element, count: count, next: values.rows, query: query)
      modify(four: four, first: first, count: count)
      updateSoftmax(four: four, count: count)
      let weights = UnsafePointer(scratch.scoreFloats)
      let output = scratch.output + four &* scratch.outputVectors
      let rescale = scratch.rescale
      switch values.element {
      case .bfloat16:
        FeatureProducts<StoredBFloat16>.weightedValues(
          values.rows, count: count, next: nextKeys, weights: weights, rescale: rescale, output: output)
      case .float16:
        FeatureProducts<StoredFloat16>.weightedValues(
          values.rows, count: count, next: nextKeys, weights: weights, rescale: rescale, output: output)
      default:
        FeatureProducts<StoredFloat>.weightedValues(
          values.rows, count: count, next: nextKeys, weights: weights, rescale: rescale, output: output)
      }
    }
  }

  private func writeScores(
    _ keys: FeatureRows, _ element: KernelElement, count: Int, next: FeatureRows, query: UnsafePointer<Lanes>
  ) {
    let (square, scores) = (scratch.transposer.square, scratch.scores)
    if multipliesPairs {
      var pairs = keys
      pairs.vectors /= 2
      FeatureProducts<StoredFloat>.scores(
        BFloat16PairTerms.self, pairs, count: count, next: next, query: query, square: square, to: scores)
      let scale = Lanes(repeating: problem.scale)
      for index in 0..<(4 &* count &+ Lanes.scalarCount &- 1) / Lanes.scalarCount { scores[index] *= scale }
      return
    }
    switch element {
    case .bfloat16:
      FeatureProducts<StoredBFloat16>.scores(
        FloatTerms.self, keys, count: count, next: next, query: query, square: square, to: scores)
    case .float16:
      FeatureProducts<StoredFloat16>.scores(
        FloatTerms.self, keys, count: count, next: next, query: query, square: square, to: scores)
    default:
      FeatureProducts<StoredFloat>.scores(
        FloatTerms.self, keys, count: count, next: next, query: query, square: square, to: scores)
    }
  }

  /// Whether rows can be read where they lie: whole vectors without gaps.
  private func readsInPlace(_ operand: ResolvedOperand, columns: Int) -> Bool {
    operand.columnStride == 1 && columns.isMultiple(of: Lanes.scalarCount) && operand.element != .float64
  }

  /// Some rows of keys or values: where they lie, or widened to floats and padded where they are not whole vectors.
  private func rows(
    of operand: ResolvedOperand, columns: Int, first: Int, count: Int, widened: UnsafeMutablePointer<Float>
  ) -> (rows: FeatureRows, element: KernelElement) {
    let vectors = (columns &+ Lanes.scalarCount &- 1) / Lanes.scalarCount
    let address = operand.address(batch: item.batch, head: item.keyHead, row: first)
    if readsInPlace(operand, columns: columns) {
      let stride = operand.rowStride &* operand.element.byteCount
      return (
        FeatureRows(
          base: address, stride: stride, vectors: vectors, rowBytes: columns &* operand.element.byteCount),
        operand.element
      )
    }
    let padded = vectors &* Lanes.scalarCount
    WidenedRows(operand: operand, columns: columns)
      .copy(batch: item.batch, head: item.keyHead, first: first, count: count, to: widened, by: scratch.transposer)
    for row in 0..<count {
      for column in columns..<padded { widened[row &* padded &+ column] = 0 }
    }
    return (FeatureRows(base: widened, stride: 4 &* padded, vectors: vectors, rowBytes: 0), .float32)
  }

  /// Soft cap, bias, mask, key bounds, in this order.
  private func modify(four: Int, first: Int, count: Int) {
    if problem.softcap > 0 {
      let vectors = (4 &* count &+ Lanes.scalarCount &- 1) / Lanes.scalarCount
      ScoreModifiers(scores: scratch.scores, count: vectors, vectors: 1).cap(problem.softcap)
    }
    for member in 0..<4 {
      let row = 4 &* four &+ member
      let scores = scratch.scoreFloats + member
      let numbers = scratch.modifier
      if let bias {
        bias.copyRow(position(ofRow: row), firstKey: first, count: count, to: numbers)
        for key in 0..<count { scores[4 &* key] += numbers[key] }
      }
      if let mask {
        mask.copyRow(position(ofRow: row), firstKey: first, count: count, to: numbers)
        for key in 0..<count where numbers[key] == 0 { scores[4 &* key] = problem.maskedScore }
      }
      let range = scratch.ranges[row]
      for key in 0..<min(max(range.first &- first, 0), count) { scores[4 &* key] = -Float.infinity }
      for key in min(max(range.last &- first, 0), count)..<count { scores[4 &* key] = -Float.infinity }
    }
  }

  /// As ``OnlineSoftmax``, with the four rows' lanes gathered in the end.
  private func updateSoftmax(four: Int, count: Int) {
    let vectors = (4 &* count &+ Lanes.scalarCount &- 1) / Lanes.scalarCount
    for index in 4 &* count..<vectors &* Lanes.scalarCount { scratch.scoreFloats[index] = -Float.infinity }
    var largest = scratch.scores[0]
    for index in 1..<max(vectors, 1) { largest = maximum(largest, scratch.scores[index]) }
    var reference = Lanes(repeating: 0)
    for member in 0..<4 {
      var new = scratch.maximum[4 &* four &+ member]
      var lane = member
      while lane < Lanes.scalarCount {
        if largest[lane] > new { new = largest[lane] }
        lane &+= 4
      }
      // Rows that have seen nothing but −∞ would subtract −∞ from −∞.
      let finite = new == -Float.infinity ? 0 : new
      lane = member
      while lane < Lanes.scalarCount {
        reference[lane] = finite
        lane &+= 4
      }
      let old = Lanes(repeating: scratch.maximum[4 &* four &+ member] - finite)
      scratch.rescale[member] = exponentialOfNonpositive(old)[0]
      scratch.maximum[4 &* four &+ member] = new
    }
    var total = Lanes(repeating: 0)
    for index in 0..<vectors {
      let weight = exponentialOfNonpositive(scratch.scores[index] - reference)
      scratch.scores[index] = weight
      total += weight
    }
    for member in 0..<4 {
      var sum = scratch.sum[4 &* four &+ member] * scratch.rescale[member]
      var lane = member
      while lane < Lanes.scalarCount {
        sum += total[lane]
        lane &+= 4
      }
      scratch.sum[4 &* four &+ member] = sum
    }
  }

  /// Divides by the sum and writes the row of the output, or stores the unfinished state where keys are split.
  private func finish(_ row: Int) {
    let (four, member) = row.quotientAndRemainder(dividingBy: 4)
    let floats = scratch.modifier
    let splitsPairs = problem.value.element == .bfloat16 && readsInPlace(problem.value, columns: problem.valueSize)
    FeatureColumns(vectors: scratch.outputVectors / 4, splitsPairs: splitsPairs)
      .copyRow(member, of: scratch.output + four &* scratch.outputVectors, to: floats)
    let sum = scratch.sum[row]
    if let partial = item.partial {
      let state = partial + row &* (problem.valueSize &+ 2)
      state[0] = scratch.maximum[row]
      state[1] = sum
      for column in 0..<problem.valueSize { state[column &+ 2] = floats[column] }
      return
    }
    let isZero = (problem.keyLength == 0 || problem.guardsNaN) && !(sum > 0)
    for column in 0..<problem.valueSize { floats[column] = isZero ? 0 : floats[column] / sum }
    let position = position(ofRow: row)
    let address = problem.output.address(batch: item.batch, head: position.head, row: position.query)
    copyNarrowing(
      from: floats, count: problem.valueSize, to: UnsafeMutableRawPointer(mutating: address),
      problem.output.element, stride: problem.output.columnStride)
  }
}
