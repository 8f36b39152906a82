typealias TwoVectors = JoinedRow<OneVector, OneVector>
typealias ThreeVectors = JoinedRow<TwoVectors, OneVector>
typealias FourVectors = JoinedRow<TwoVectors, TwoVectors>

/// Two rows side by side.
struct JoinedRow<Left: PanelRow, Right: PanelRow>: PanelRow {
  static var vectors: Int {
    @inline(__always) get { Left.vectors &+ Right.vectors }
  }

  var left: Left
  var right: Right

  @inline(__always)
  init(repeating value: Float) {
    left = Left(repeating: value)
    right = Right(repeating: value)
  }

  @inline(__always)
  init(loading pointer: UnsafePointer<Lanes>) {
    left = Left(loading: pointer)
    right = Right(loading: pointer + Left.vectors)
  }

  @inline(__always)
  init(_ left: Left, _ right: Right) {
    self.left = left
    self.right = right
  }

  @inline(__always)
  func store(to pointer: UnsafeMutablePointer<Lanes>) {
    left.store(to: pointer)
    right.store(to: pointer + Left.vectors)
  }

  @inline(__always)
  mutating func addUnaligned(from address: UnsafeRawPointer) {
    left.addUnaligned(from: address)
    right.addUnaligned(from: address + Left.vectors &* MemoryLayout<Lanes>.size)
  }

  @inline(__always)
  func storeUnaligned(to address: UnsafeMutableRawPointer) {
    left.storeUnaligned(to: address)
    right.storeUnaligned(to: address + Left.vectors &* MemoryLayout<Lanes>.size)
  }

  @inline(__always)
  mutating func add<Terms: ProductTerms>(_: Terms.Type, _ scalar: Float, times other: Self) {
    left.add(Terms.self, scalar, times: other.left)
    right.add(Terms.self, scalar, times: other.right)
  }

  @inline(__always)
  mutating func addPaired(_ pair: StepPair, times y: Self, _ nextY: Self) {
    left.addPaired(pair, times: y.left, nextY.left)
    right.addPaired(pair, times: y.right, nextY.right)
  }

  @inline(__always)
  mutating func addOpposed(_ pair: StepPair, times y: Self, _ nextY: Self) {
    left.addOpposed(pair, times: y.left, nextY.left)
    right.addOpposed(pair, times: y.right, nextY.right)
  }

  @inline(__always)
  mutating func addBoth(_ pair: StepPair, times y: Self, _ nextY: Self) {
    left.addBoth(pair, times: y.left, nextY.left)
    right.addBoth(pair, times: y.right, nextY.right)
  }

  @inline(__always)
  mutating func multiply(by other: Self) {
    left.multiply(by: other.left)
    right.multiply(by: other.right)
  }

  @inline(__always)
  mutating func add(_ other: Self) {
    left.add(other.left)
    right.add(other.right)
  }

  @inline(__always)
  func adding(_ scalar: Float) -> Self { JoinedRow(left.adding(scalar), right.adding(scalar)) }

  @inline(__always)
  mutating func formMaximum(with other: Self) {
    left.formMaximum(with: other.left)
    right.formMaximum(with: other.right)
  }

  @inline(__always)
  mutating func multiply(by other: Self, adding constant: Float) {
    left.multiply(by: other.left, adding: constant)
    right.multiply(by: other.right, adding: constant)
  }

  @inline(__always)
  mutating func subtract(_ other: Self) {
    left.subtract(other.left)
    right.subtract(other.right)
  }

  @inline(__always)
  func nearestIntegers() -> Self {
    JoinedRow(left.nearestIntegers(), right.nearestIntegers())
  }

  @inline(__always)
  mutating func multiplyByTwo(to exponent: Self) {
    left.multiplyByTwo(to: exponent.left)
    right.multiplyByTwo(to: exponent.right)
  }

  @inline(__always)
  func paired(with other: Self) -> Self {
    JoinedRow(left.paired(with: other.left), right.paired(with: other.right))
  }

  @inline(__always)
  mutating func replaceNegativeInfinity(with value: Float) {
    left.replaceNegativeInfinity(with: value)
    right.replaceNegativeInfinity(with: value)
  }
}
