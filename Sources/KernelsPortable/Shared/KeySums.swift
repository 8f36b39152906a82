/// Sums in progress of some neighbouring keys against four query rows, lanes along features.
protocol KeySums {
  static var count: Int { get }

  /// Keys `first…` of rows at `base`; those past `last` repeat it, so that every address is one of the operand.
  init(_ base: UnsafeRawPointer, first: Int, last: Int, stride: Int)

  /// Adds the products of the vectors at `offset` in the keys' rows with a vector of each query row.
  mutating func add<Element: StoredElement, Terms: ProductTerms>(
    _: Element.Type, _: Terms.Type, at offset: Int, times query: FourRows<OneVector>)
  /// Writes the four vectors of each key.
  func store(to target: UnsafeMutablePointer<Lanes>)
}

struct OneKey: KeySums {
  static var count: Int { 1 }

  private let address: UnsafeRawPointer
  private var sums = FourRows<OneVector>(repeating: 0)

  @inline(__always)
  init(_ base: UnsafeRawPointer, first: Int, last: Int, stride: Int) {
    address = base + min(first, last) &* stride
  }

  @inline(__always)
  mutating func add<Element: StoredElement, Terms: ProductTerms>(
    _: Element.Type, _: Terms.Type, at offset: Int, times query: FourRows<OneVector>
  ) {
    let lanes = Element.lanes(at: address + offset)
    sums.first.lanes = Terms.add(lanes, query.first.lanes, sums.first.lanes)
    sums.second.lanes = Terms.add(lanes, query.second.lanes, sums.second.lanes)
    sums.third.lanes = Terms.add(lanes, query.third.lanes, sums.third.lanes)
    sums.fourth.lanes = Terms.add(lanes, query.fourth.lanes, sums.fourth.lanes)
  }

  @inline(__always)
  func store(to target: UnsafeMutablePointer<Lanes>) {
    sums.store(to: target)
  }
}

/// Twice as many keys as `Half` has.
struct TwiceKeys<Half: KeySums>: KeySums {
  static var count: Int { 2 &* Half.count }

  private var upper: Half
  private var lower: Half

  @inline(__always)
  init(_ base: UnsafeRawPointer, first: Int, last: Int, stride: Int) {
    upper = Half(base, first: first, last: last, stride: stride)
    lower = Half(base, first: first &+ Half.count, last: last, stride: stride)
  }

  @inline(__always)
  mutating func add<Element: StoredElement, Terms: ProductTerms>(
    _: Element.Type, _: Terms.Type, at offset: Int, times query: FourRows<OneVector>
  ) {
    upper.add(Element.self, Terms.self, at: offset, times: query)
    lower.add(Element.self, Terms.self, at: offset, times: query)
  }

  @inline(__always)
  func store(to target: UnsafeMutablePointer<Lanes>) {
    upper.store(to: target)
    lower.store(to: target + 4 &* Half.count)
  }
}
