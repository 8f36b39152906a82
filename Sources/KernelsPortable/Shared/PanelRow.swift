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
  mutating func add(_ other: Self)
  mutating func multiply(by other: Self)
  mutating func formMaximum(with other: Self)
  mutating func replaceNegativeInfinity(with value: Float)
  /// Replaces every `x` by `2^(unit · (x − reference))`.
  mutating func formPower(below reference: Self, unit: Float)
  /// The same to the accuracy of bfloat16.
  mutating func formRoughPower(below reference: Self, unit: Float)
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
  mutating func multiply(by other: Self) {
    lanes *= other.lanes
  }

  @inline(__always)
  mutating func add(_ other: Self) {
    lanes += other.lanes
  }

  @inline(__always)
  mutating func formMaximum(with other: Self) {
    lanes = maximum(lanes, other.lanes)
  }

  @inline(__always)
  mutating func formPower(below reference: Self, unit: Float) {
    lanes = powerOfTwo((lanes - reference.lanes) * Lanes(repeating: unit))
  }

  @inline(__always)
  mutating func formRoughPower(below reference: Self, unit: Float) {
    lanes = roughPowerOfTwo((lanes - reference.lanes) * Lanes(repeating: unit))
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

/// The larger of each pair of lanes; a NaN in `b` is passed over.
@inline(__always)
func maximum(_ a: Lanes, _ b: Lanes) -> Lanes {
  a.replacing(with: b, where: b .> a)
}
