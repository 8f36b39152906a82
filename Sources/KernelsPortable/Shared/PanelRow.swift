/// One row of a panel: vectors side by side, each lane belonging to one query row.
///
/// Everything per query is laid out along lanes (scores, maxima, transposed outputs), so no step of the softmax
/// needs an operation across lanes.
protocol PanelRow {
  static var vectors: Int { get }

  init(repeating value: Float)
  init(loading pointer: UnsafePointer<Lanes>)

  func store(to pointer: UnsafeMutablePointer<Lanes>)
  /// Adds neighbouring floats, at any address, to the row.
  mutating func addUnaligned(from address: UnsafeRawPointer)
  /// Writes neighbouring floats at any address.
  func storeUnaligned(to address: UnsafeMutableRawPointer)
  mutating func add<Terms: ProductTerms>(_: Terms.Type, _ scalar: Float, times other: Self)
  /// Adds the product `(x + nextY) · (nextX + y)`, which stands for two (``StepPair``).
  mutating func addPaired(_ pair: StepPair, times y: Self, _ nextY: Self)
  /// Adds the product `(x − nextY) · (y − nextX)`, which stands for two as well.
  mutating func addOpposed(_ pair: StepPair, times y: Self, _ nextY: Self)
  /// Adds `x · y + nextX · nextY`.
  mutating func addBoth(_ pair: StepPair, times y: Self, _ nextY: Self)
  mutating func add(_ other: Self)
  func adding(_ scalar: Float) -> Self
  mutating func multiply(by other: Self)
  /// Replaces every `x` by `x · other + constant`.
  mutating func multiply(by other: Self, adding constant: Float)
  mutating func subtract(_ other: Self)
  mutating func formMaximum(with other: Self)
  mutating func replaceNegativeInfinity(with value: Float)
  /// The nearest integers.
  func nearestIntegers() -> Self
  /// Replaces every `x` by `x · 2^exponent`, or 0 where the exponent is below −150.
  mutating func multiplyByTwo(to exponent: Self)
  /// Pairs of bfloat16, the first from this row.
  func paired(with other: Self) -> Self
}

/// What is multiplied and added: lanes of floats, or of pairs of bfloat16.
protocol ProductTerms {
  /// `a · b + c`
  static func add(_ a: Lanes, _ b: Lanes, _ c: Lanes) -> Lanes
}

enum FloatTerms: ProductTerms {
  @inline(__always)
  static func add(_ a: Lanes, _ b: Lanes, _ c: Lanes) -> Lanes { multiplyAdd(a, b, c) }
}

enum BFloat16PairTerms: ProductTerms {
  @inline(__always)
  static func add(_ a: Lanes, _ b: Lanes, _ c: Lanes) -> Lanes { addDot(a, b, c) }
}

struct OneVector: PanelRow {
  static var vectors: Int { 1 }

  var lanes: Lanes

  @inline(__always)
  init(_ lanes: Lanes) {
    self.lanes = lanes
  }

  @inline(__always)
  init(repeating value: Float) {
    lanes = Lanes(repeating: value)
  }

  @inline(__always)
  init(loading pointer: UnsafePointer<Lanes>) {
    lanes = pointer[0]
  }

  @inline(__always)
  func store(to pointer: UnsafeMutablePointer<Lanes>) {
    pointer[0] = lanes
  }

  @inline(__always)
  mutating func addUnaligned(from address: UnsafeRawPointer) {
    lanes += address.loadUnaligned(as: Lanes.self)
  }

  @inline(__always)
  func storeUnaligned(to address: UnsafeMutableRawPointer) {
    address.storeBytes(of: lanes, as: Lanes.self)
  }

  @inline(__always)
  mutating func add<Terms: ProductTerms>(_: Terms.Type, _ scalar: Float, times other: Self) {
    lanes = Terms.add(Lanes(repeating: scalar), other.lanes, lanes)
  }

  @inline(__always)
  mutating func addPaired(_ pair: StepPair, times y: Self, _ nextY: Self) {
    lanes = addPairedProduct(pair, y.lanes, nextY.lanes, lanes)
  }

  @inline(__always)
  mutating func addOpposed(_ pair: StepPair, times y: Self, _ nextY: Self) {
    lanes = addOpposedProduct(pair, y.lanes, nextY.lanes, lanes)
  }

  @inline(__always)
  mutating func addBoth(_ pair: StepPair, times y: Self, _ nextY: Self) {
    lanes = addBothProducts(pair, y.lanes, nextY.lanes, lanes)
  }

  @inline(__always)
  mutating func multiply(by other: Self) {
    lanes *= other.lanes
  }

  @inline(__always)
  mutating func add(_ other: Self) {
    lanes += other.lanes
  }

  @inline(__always)
  func adding(_ scalar: Float) -> Self { OneVector(lanes + Lanes(repeating: scalar)) }

  @inline(__always)
  mutating func formMaximum(with other: Self) {
    lanes = maximum(lanes, other.lanes)
  }

  @inline(__always)
  mutating func multiply(by other: Self, adding constant: Float) {
    lanes = multiplyAdd(lanes, other.lanes, Lanes(repeating: constant))
  }

  @inline(__always)
  mutating func subtract(_ other: Self) {
    lanes -= other.lanes
  }

  @inline(__always)
  func nearestIntegers() -> Self {
    OneVector(whole(of: lanes))
  }

  @inline(__always)
  mutating func multiplyByTwo(to exponent: Self) {
    lanes = scale(lanes, byTwoTo: exponent.lanes)
  }

  @inline(__always)
  func paired(with other: Self) -> Self {
    OneVector(pairs(lanes, other.lanes))
  }

  @inline(__always)
  mutating func replaceNegativeInfinity(with value: Float) {
    lanes = lanes.replacing(with: Lanes(repeating: value), where: lanes .== Lanes(repeating: -.infinity))
  }
}
