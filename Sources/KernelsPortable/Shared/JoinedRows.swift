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
  mutating func formMaximum(with other: Self) {
    left.formMaximum(with: other.left)
    right.formMaximum(with: other.right)
  }

  @inline(__always)
  mutating func formPower(below reference: Self, unit: Float) {
    left.formPower(below: reference.left, unit: unit)
    right.formPower(below: reference.right, unit: unit)
  }

  @inline(__always)
  mutating func formRoughPower(below reference: Self, unit: Float) {
    left.formRoughPower(below: reference.left, unit: unit)
    right.formRoughPower(below: reference.right, unit: unit)
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
