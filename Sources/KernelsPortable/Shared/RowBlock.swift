/// The accumulators of a register tile: some rows of a product, one panel wide.
protocol AccumulatorRows {
  associatedtype Row: PanelRow
  associatedtype Sources: RowSources

  static var count: Int { get }

  init(repeating value: Float)
  init(loading pointer: UnsafePointer<Lanes>)
  /// A number for each row, less `row` in those of `isPaired`.
  init(startingAt starts: UnsafePointer<Float>, less row: Row)

  func store(to pointer: UnsafeMutablePointer<Lanes>)
  mutating func add<Terms: ProductTerms>(_: Terms.Type, _ sources: Sources, at offset: Int, times row: Row)
  /// Adds two steps, most rows' by ``StepPair``: those of `isPaired`.
  mutating func addPairs(_ sources: some PairSources, times row: Row, _ next: Row)
  /// The same by opposed pairs.
  mutating func addOpposedPairs(_ sources: some PairSources, times row: Row, _ next: Row)
  /// Whether two steps of a row are added as one product.
  static func isPaired(_ row: Int) -> Bool
  /// Adds `row + numbers[index]` to the paired rows.
  mutating func correct(by row: Row, _ numbers: UnsafePointer<Float>)
  mutating func multiply(by row: Row)
  /// Multiplies each row by a number.
  mutating func multiply(byEach factors: UnsafePointer<Float>)
  func forEachRow(_ body: (_ index: Int, _ row: Row) -> Void)
  /// Adds the rows to some that are `stride` apart.
  func put(to target: TileTarget, stride: Int)
  /// Raises `row` to the largest of the rows.
  func raise(_ row: inout Row)
}

extension AccumulatorRows {
  /// Adds four steps whose numbers in `sources` are neighbours: a pair, and an opposed one.
  @inline(__always)
  mutating func addFour(_ sources: Sources, at offset: Int, times row: UnsafePointer<Lanes>) {
    addPairs(NeighbouringSteps(sources, at: offset), times: Row(loading: row), Row(loading: row + Row.vectors))
    addOpposedPairs(
      NeighbouringSteps(sources, at: offset &+ 2), times: Row(loading: row + 2 &* Row.vectors),
      Row(loading: row + 3 &* Row.vectors))
  }
}

/// Where the scalars of each row of a register tile are read from.
protocol RowSources {
  /// Reads rows `first…` of `base`; rows past `last` repeat it, so that every address is one of the matrix.
  init(_ base: UnsafePointer<Float>, first: Int, last: Int, stride: Int)

  func base(ofRow row: Int) -> UnsafePointer<Float>
}

struct FourSources: RowSources {
  let first: UnsafePointer<Float>
  let second: UnsafePointer<Float>
  let third: UnsafePointer<Float>
  let fourth: UnsafePointer<Float>

  @inline(__always)
  init(_ base: UnsafePointer<Float>, first: Int, last: Int, stride: Int) {
    self.first = base + Swift.min(first, last) &* stride
    second = base + Swift.min(first &+ 1, last) &* stride
    third = base + Swift.min(first &+ 2, last) &* stride
    fourth = base + Swift.min(first &+ 3, last) &* stride
  }

  @inline(__always)
  func base(ofRow row: Int) -> UnsafePointer<Float> {
    switch row {
    case 0: first
    case 1: second
    case 2: third
    default: fourth
    }
  }
}

struct FourRows<Row: PanelRow>: AccumulatorRows {
  static var count: Int { 4 }

  var first: Row
  var second: Row
  var third: Row
  var fourth: Row

  @inline(__always)
  init(repeating value: Float) {
    first = Row(repeating: value)
    second = first
    third = first
    fourth = first
  }

  @inline(__always)
  init(loading pointer: UnsafePointer<Lanes>) {
    first = Row(loading: pointer)
    second = Row(loading: pointer + Row.vectors)
    third = Row(loading: pointer + 2 &* Row.vectors)
    fourth = Row(loading: pointer + 3 &* Row.vectors)
  }

  @inline(__always)
  init(startingAt starts: UnsafePointer<Float>, less row: Row) {
    self.init(eachRepeating: starts)
    first.subtract(row)
    third.subtract(row)
  }

  @inline(__always)
  init(eachRepeating values: UnsafePointer<Float>) {
    first = Row(repeating: values[0])
    second = Row(repeating: values[1])
    third = Row(repeating: values[2])
    fourth = Row(repeating: values[3])
  }

  @inline(__always)
  mutating func multiply(byEach factors: UnsafePointer<Float>) {
    first.multiply(by: Row(repeating: factors[0]))
    second.multiply(by: Row(repeating: factors[1]))
    third.multiply(by: Row(repeating: factors[2]))
    fourth.multiply(by: Row(repeating: factors[3]))
  }

  @inline(__always)
  func store(to pointer: UnsafeMutablePointer<Lanes>) {
    first.store(to: pointer)
    second.store(to: pointer + Row.vectors)
    third.store(to: pointer + 2 &* Row.vectors)
    fourth.store(to: pointer + 3 &* Row.vectors)
  }

  @inline(__always)
  mutating func add<Terms: ProductTerms>(_: Terms.Type, _ sources: FourSources, at offset: Int, times row: Row) {
    first.add(Terms.self, sources.first[offset], times: row)
    second.add(Terms.self, sources.second[offset], times: row)
    third.add(Terms.self, sources.third[offset], times: row)
    fourth.add(Terms.self, sources.fourth[offset], times: row)
  }

  @inline(__always)
  static func isPaired(_ row: Int) -> Bool { row & 1 == 0 }

  @inline(__always)
  mutating func correct(by row: Row, _ numbers: UnsafePointer<Float>) {
    first.add(row.adding(numbers[0]))
    third.add(row.adding(numbers[2]))
  }

  @inline(__always)
  mutating func addPairs(_ sources: some PairSources, times row: Row, _ next: Row) {
    first.addPaired(sources.pair(0), times: row, next)
    second.addBoth(sources.pair(1), times: row, next)
    third.addPaired(sources.pair(2), times: row, next)
    fourth.addBoth(sources.pair(3), times: row, next)
  }

  @inline(__always)
  mutating func addOpposedPairs(_ sources: some PairSources, times row: Row, _ next: Row) {
    first.addOpposed(sources.pair(0), times: row, next)
    second.addBoth(sources.pair(1), times: row, next)
    third.addOpposed(sources.pair(2), times: row, next)
    fourth.addBoth(sources.pair(3), times: row, next)
  }

  @inline(__always)
  func forEachRow(_ body: (_ index: Int, _ row: Row) -> Void) {
    body(0, first)
    body(1, second)
    body(2, third)
    body(3, fourth)
  }

  @inline(__always)
  func put(to target: TileTarget, stride: Int) {
    target.put(first, 0)
    target.put(second, stride)
    target.put(third, 2 &* stride)
    target.put(fourth, 3 &* stride)
  }

  @inline(__always)
  mutating func add(_ other: Self) {
    first.add(other.first)
    second.add(other.second)
    third.add(other.third)
    fourth.add(other.fourth)
  }

  @inline(__always)
  func raise(_ row: inout Row) {
    row.formMaximum(with: first)
    row.formMaximum(with: second)
    row.formMaximum(with: third)
    row.formMaximum(with: fourth)
  }

  @inline(__always)
  mutating func multiply(by row: Row) {
    first.multiply(by: row)
    second.multiply(by: row)
    third.multiply(by: row)
    fourth.multiply(by: row)
  }
}

struct EightSources: RowSources {
  let upper: FourSources
  let lower: FourSources

  @inline(__always)
  init(_ base: UnsafePointer<Float>, first: Int, last: Int, stride: Int) {
    upper = FourSources(base, first: first, last: last, stride: stride)
    lower = FourSources(base, first: first &+ 4, last: last, stride: stride)
  }

  @inline(__always)
  func base(ofRow row: Int) -> UnsafePointer<Float> {
    row < 4 ? upper.base(ofRow: row) : lower.base(ofRow: row &- 4)
  }
}

struct EightRows<Row: PanelRow>: AccumulatorRows {
  static var count: Int { 8 }

  var upper: FourRows<Row>
  var lower: FourRows<Row>

  @inline(__always)
  init(repeating value: Float) {
    upper = FourRows(repeating: value)
    lower = upper
  }

  @inline(__always)
  init(loading pointer: UnsafePointer<Lanes>) {
    upper = FourRows(loading: pointer)
    lower = FourRows(loading: pointer + 4 &* Row.vectors)
  }

  @inline(__always)
  init(startingAt starts: UnsafePointer<Float>, less row: Row) {
    upper = FourRows(startingAt: starts, less: row)
    lower = FourRows(startingAt: starts + 4, less: row)
    lower.fourth.subtract(row)
  }

  @inline(__always)
  mutating func multiply(byEach factors: UnsafePointer<Float>) {
    upper.multiply(byEach: factors)
    lower.multiply(byEach: factors + 4)
  }

  @inline(__always)
  func store(to pointer: UnsafeMutablePointer<Lanes>) {
    upper.store(to: pointer)
    lower.store(to: pointer + 4 &* Row.vectors)
  }

  @inline(__always)
  mutating func add<Terms: ProductTerms>(_: Terms.Type, _ sources: EightSources, at offset: Int, times row: Row) {
    upper.add(Terms.self, sources.upper, at: offset, times: row)
    lower.add(Terms.self, sources.lower, at: offset, times: row)
  }

  @inline(__always)
  static func isPaired(_ row: Int) -> Bool { row & 1 == 0 || row == 7 }

  @inline(__always)
  mutating func correct(by row: Row, _ numbers: UnsafePointer<Float>) {
    upper.correct(by: row, numbers)
    lower.correct(by: row, numbers + 4)
    lower.fourth.add(row.adding(numbers[7]))
  }

  @inline(__always)
  mutating func addPairs(_ sources: some PairSources, times row: Row, _ next: Row) {
    upper.addPairs(sources, times: row, next)
    lower.first.addPaired(sources.pair(4), times: row, next)
    lower.second.addBoth(sources.pair(5), times: row, next)
    lower.third.addPaired(sources.pair(6), times: row, next)
    lower.fourth.addPaired(sources.pair(7), times: row, next)
  }

  @inline(__always)
  mutating func addOpposedPairs(_ sources: some PairSources, times row: Row, _ next: Row) {
    upper.addOpposedPairs(sources, times: row, next)
    lower.first.addOpposed(sources.pair(4), times: row, next)
    lower.second.addBoth(sources.pair(5), times: row, next)
    lower.third.addOpposed(sources.pair(6), times: row, next)
    lower.fourth.addOpposed(sources.pair(7), times: row, next)
  }

  @inline(__always)
  func forEachRow(_ body: (_ index: Int, _ row: Row) -> Void) {
    upper.forEachRow(body)
    lower.forEachRow { body(4 &+ $0, $1) }
  }

  @inline(__always)
  func put(to target: TileTarget, stride: Int) {
    upper.put(to: target, stride: stride)
    lower.put(to: target.moved(4 &* stride), stride: stride)
  }

  @inline(__always)
  func raise(_ row: inout Row) {
    upper.raise(&row)
    lower.raise(&row)
  }

  @inline(__always)
  mutating func multiply(by row: Row) {
    upper.multiply(by: row)
    lower.multiply(by: row)
  }
}
