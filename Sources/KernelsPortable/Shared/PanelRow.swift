/// One row of a panel: one to three vectors side by side, each lane belonging to one query row.
///
/// Everything per query is laid out along lanes (scores, maxima, transposed outputs), so no step of the softmax
/// needs an operation across lanes.
protocol PanelRow {
  static var vectors: Int { get }

  init(repeating value: Float)
  init(loading pointer: UnsafePointer<Lanes>)

  func store(to pointer: UnsafeMutablePointer<Lanes>)
  mutating func add(_ scalar: Float, times other: Self)
  mutating func add(_ other: Self)
  mutating func multiply(by other: Self)
  mutating func formMaximum(with other: Self)
  mutating func replaceNegativeInfinity(with value: Float)
  /// Replaces every `x` by `e^(x − reference)`.
  mutating func formExponential(below reference: Self)
}

struct OneVector: PanelRow {
  static var vectors: Int { 1 }

  var first: Lanes

  @inline(__always)
  init(repeating value: Float) {
    first = Lanes(repeating: value)
  }

  @inline(__always)
  init(loading pointer: UnsafePointer<Lanes>) {
    first = pointer[0]
  }

  @inline(__always)
  func store(to pointer: UnsafeMutablePointer<Lanes>) {
    pointer[0] = first
  }

  @inline(__always)
  mutating func add(_ scalar: Float, times other: Self) {
    first = multiplyAdd(Lanes(repeating: scalar), other.first, first)
  }

  @inline(__always)
  mutating func multiply(by other: Self) {
    first *= other.first
  }

  @inline(__always)
  mutating func add(_ other: Self) {
    first += other.first
  }

  @inline(__always)
  mutating func formMaximum(with other: Self) {
    first = maximum(first, other.first)
  }

  @inline(__always)
  mutating func formExponential(below reference: Self) {
    first = exponentialOfNonpositive(first - reference.first)
  }

  @inline(__always)
  mutating func replaceNegativeInfinity(with value: Float) {
    let replacement = Lanes(repeating: value)
    let infinity = Lanes(repeating: -.infinity)
    first = first.replacing(with: replacement, where: first .== infinity)
  }
}

struct TwoVectors: PanelRow {
  static var vectors: Int { 2 }

  var first: Lanes
  var second: Lanes

  @inline(__always)
  init(repeating value: Float) {
    first = Lanes(repeating: value)
    second = first
  }

  @inline(__always)
  init(loading pointer: UnsafePointer<Lanes>) {
    first = pointer[0]
    second = pointer[1]
  }

  @inline(__always)
  func store(to pointer: UnsafeMutablePointer<Lanes>) {
    pointer[0] = first
    pointer[1] = second
  }

  @inline(__always)
  mutating func add(_ scalar: Float, times other: Self) {
    let factor = Lanes(repeating: scalar)
    first = multiplyAdd(factor, other.first, first)
    second = multiplyAdd(factor, other.second, second)
  }

  @inline(__always)
  mutating func multiply(by other: Self) {
    first *= other.first
    second *= other.second
  }

  @inline(__always)
  mutating func add(_ other: Self) {
    first += other.first
    second += other.second
  }

  @inline(__always)
  mutating func formMaximum(with other: Self) {
    first = maximum(first, other.first)
    second = maximum(second, other.second)
  }

  @inline(__always)
  mutating func formExponential(below reference: Self) {
    first = exponentialOfNonpositive(first - reference.first)
    second = exponentialOfNonpositive(second - reference.second)
  }

  @inline(__always)
  mutating func replaceNegativeInfinity(with value: Float) {
    let replacement = Lanes(repeating: value)
    let infinity = Lanes(repeating: -.infinity)
    first = first.replacing(with: replacement, where: first .== infinity)
    second = second.replacing(with: replacement, where: second .== infinity)
  }
}

struct ThreeVectors: PanelRow {
  static var vectors: Int { 3 }

  var first: Lanes
  var second: Lanes
  var third: Lanes

  @inline(__always)
  init(repeating value: Float) {
    first = Lanes(repeating: value)
    second = first
    third = first
  }

  @inline(__always)
  init(loading pointer: UnsafePointer<Lanes>) {
    first = pointer[0]
    second = pointer[1]
    third = pointer[2]
  }

  @inline(__always)
  func store(to pointer: UnsafeMutablePointer<Lanes>) {
    pointer[0] = first
    pointer[1] = second
    pointer[2] = third
  }

  @inline(__always)
  mutating func add(_ scalar: Float, times other: Self) {
    let factor = Lanes(repeating: scalar)
    first = multiplyAdd(factor, other.first, first)
    second = multiplyAdd(factor, other.second, second)
    third = multiplyAdd(factor, other.third, third)
  }

  @inline(__always)
  mutating func multiply(by other: Self) {
    first *= other.first
    second *= other.second
    third *= other.third
  }

  @inline(__always)
  mutating func add(_ other: Self) {
    first += other.first
    second += other.second
    third += other.third
  }

  @inline(__always)
  mutating func formMaximum(with other: Self) {
    first = maximum(first, other.first)
    second = maximum(second, other.second)
    third = maximum(third, other.third)
  }

  @inline(__always)
  mutating func formExponential(below reference: Self) {
    first = exponentialOfNonpositive(first - reference.first)
    second = exponentialOfNonpositive(second - reference.second)
    third = exponentialOfNonpositive(third - reference.third)
  }

  @inline(__always)
  mutating func replaceNegativeInfinity(with value: Float) {
    let replacement = Lanes(repeating: value)
    let infinity = Lanes(repeating: -.infinity)
    first = first.replacing(with: replacement, where: first .== infinity)
    second = second.replacing(with: replacement, where: second .== infinity)
    third = third.replacing(with: replacement, where: third .== infinity)
  }
}

/// The larger of each pair of lanes; a NaN in `b` is passed over.
@inline(__always)
func maximum(_ a: Lanes, _ b: Lanes) -> Lanes {
  a.replacing(with: b, where: b .> a)
}
