/// One row of a panel: one to three vectors side by side, each lane belonging to one query row.
///
/// Everything per query is laid out along lanes (scores, maxima, transposed outputs), so no step of the softmax
/// needs an operation across lanes.
protocol PanelRow {
  static var vectors: Int { get }

  init(repeating value: Float)
  init(loading pointer: UnsafePointer<Lanes>)
  /// Loads neighbouring numbers of any element type.
  init<Element: StoredElement>(_: Element.Type, at address: UnsafeRawPointer)

  func store(to pointer: UnsafeMutablePointer<Lanes>)
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
  init<Element: StoredElement>(_: Element.Type, at address: UnsafeRawPointer) {
    first = Element.lanes(at: address)
  }

  @inline(__always)
  func store(to pointer: UnsafeMutablePointer<Lanes>) {
    pointer[0] = first
  }

  @inline(__always)
  mutating func add<Terms: ProductTerms>(_: Terms.Type, _ scalar: Float, times other: Self) {
    first = Terms.add(Lanes(repeating: scalar), other.first, first)
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
  mutating func formPower(below reference: Self, unit: Float) {
    first = powerOfTwo((first - reference.first) * Lanes(repeating: unit))
  }

  @inline(__always)
  mutating func formRoughPower(below reference: Self, unit: Float) {
    first = roughPowerOfTwo((first - reference.first) * Lanes(repeating: unit))
  }

  @inline(__always)
  func paired(with other: Self) -> Self {
    var result = self
    result.first = pairs(first, other.first)
    return result
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
  init<Element: StoredElement>(_: Element.Type, at address: UnsafeRawPointer) {
    first = Element.lanes(at: address)
    second = Element.lanes(at: address + Element.vectorBytes)
  }

  @inline(__always)
  func store(to pointer: UnsafeMutablePointer<Lanes>) {
    pointer[0] = first
    pointer[1] = second
  }

  @inline(__always)
  mutating func add<Terms: ProductTerms>(_: Terms.Type, _ scalar: Float, times other: Self) {
    let factor = Lanes(repeating: scalar)
    first = Terms.add(factor, other.first, first)
    second = Terms.add(factor, other.second, second)
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
  mutating func formPower(below reference: Self, unit: Float) {
    first = powerOfTwo((first - reference.first) * Lanes(repeating: unit))
    second = powerOfTwo((second - reference.second) * Lanes(repeating: unit))
  }

  @inline(__always)
  mutating func formRoughPower(below reference: Self, unit: Float) {
    first = roughPowerOfTwo((first - reference.first) * Lanes(repeating: unit))
    second = roughPowerOfTwo((second - reference.second) * Lanes(repeating: unit))
  }

  @inline(__always)
  func paired(with other: Self) -> Self {
    var result = self
    result.first = pairs(first, other.first)
    result.second = pairs(second, other.second)
    return result
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
  init<Element: StoredElement>(_: Element.Type, at address: UnsafeRawPointer) {
    first = Element.lanes(at: address)
    second = Element.lanes(at: address + Element.vectorBytes)
    third = Element.lanes(at: address + 2 &* Element.vectorBytes)
  }

  @inline(__always)
  func store(to pointer: UnsafeMutablePointer<Lanes>) {
    pointer[0] = first
    pointer[1] = second
    pointer[2] = third
  }

  @inline(__always)
  mutating func add<Terms: ProductTerms>(_: Terms.Type, _ scalar: Float, times other: Self) {
    let factor = Lanes(repeating: scalar)
    first = Terms.add(factor, other.first, first)
    second = Terms.add(factor, other.second, second)
    third = Terms.add(factor, other.third, third)
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
  mutating func formPower(below reference: Self, unit: Float) {
    first = powerOfTwo((first - reference.first) * Lanes(repeating: unit))
    second = powerOfTwo((second - reference.second) * Lanes(repeating: unit))
    third = powerOfTwo((third - reference.third) * Lanes(repeating: unit))
  }

  @inline(__always)
  mutating func formRoughPower(below reference: Self, unit: Float) {
    first = roughPowerOfTwo((first - reference.first) * Lanes(repeating: unit))
    second = roughPowerOfTwo((second - reference.second) * Lanes(repeating: unit))
    third = roughPowerOfTwo((third - reference.third) * Lanes(repeating: unit))
  }

  @inline(__always)
  func paired(with other: Self) -> Self {
    var result = self
    result.first = pairs(first, other.first)
    result.second = pairs(second, other.second)
    result.third = pairs(third, other.third)
    return result
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
