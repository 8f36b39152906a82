/// The size of an axis: a number, or a polynomial over named symbols and functions of them, in canonical form.
///
/// Two dimensions are equal when their polynomials are; symbols stand for sizes that a run binds, so they are at least 0.
/// `floordiv`, `max` and the like stay as opaque atoms with canonical arguments.
public struct Dimension: Hashable, Sendable, ExpressibleByIntegerLiteral {
  /// A factor that is no number.
  public enum Atom: Hashable, Sendable {
    case symbol(String)
    indirect case function(Function, [Dimension])
  }

  /// What an atom may compute; the raw value is its name in the text form.
  public enum Function: String, Hashable, Sendable, CaseIterable {
    /// Division rounded towards negative infinity.
    case floorDivision = "floordiv"
    /// The remainder that goes with `floorDivision`.
    case modulo = "mod"
    case maximum = "max"
    case minimum = "min"
  }

  /// Atoms in ascending order, with repetition; empty for the constant term.
  typealias Monomial = [Atom]

  /// Coefficients, none of them 0.
  private(set) var terms: [Monomial: Int]

  /// A polynomial with more terms than this is given up: nothing real has as many, and products of them explode.
  private static let termLimit = 64

  public init(_ value: Int) { terms = value == 0 ? [:] : [[]: value] }

  public init(integerLiteral value: Int) { self.init(value) }

  public init(symbol name: String) { terms = [[.symbol(name)]: 1] }

  init(atom: Atom) { terms = [[atom]: 1] }

  private init(terms: [Monomial: Int]) { self.terms = terms }

  /// A size of which nothing is known; a graph gives each a symbol of its own.
  public static let unknown = Dimension(symbol: "?")

  /// What arithmetic that overflows gives; it never evaluates.
  public static let unrepresentable = Dimension(symbol: "?overflow")

  /// The number, where it is one.
  public var constant: Int? {
    switch terms.count {
    case 0: 0
    case 1: terms[[]]
    default: nil
    }
  }

  public var isUnknown: Bool { self == .unknown }

  /// The name, where it is a symbol alone.
  public var symbol: String? {
    guard terms.count == 1, let (monomial, coefficient) = terms.first, coefficient == 1, monomial.count == 1,
      case .symbol(let name) = monomial[0]
    else { return nil }
    return name
  }

  /// The names of all symbols in it.
  public var symbols: Set<String> {
    var names: Set<String> = []
    for atom in terms.keys.joined() {
      switch atom {
      case .symbol(let name): names.insert(name)
      case .function(_, let arguments): for argument in arguments { names.formUnion(argument.symbols) }
      }
    }
    return names
  }

  public static func + (left: Dimension, right: Dimension) -> Dimension {
    if let a = left.constant, let b = right.constant {
      let (sum, overflow) = a.addingReportingOverflow(b)
      return overflow ? .unrepresentable : Dimension(sum)
    }
    var terms = left.terms
    for (monomial, coefficient) in right.terms {
      let (sum, overflow) = terms[monomial, default: 0].addingReportingOverflow(coefficient)
      if overflow { return .unrepresentable }
      terms[monomial] = sum == 0 ? nil : sum
    }
    return terms.count > termLimit ? .unrepresentable : Dimension(terms: terms)
  }

  public static func - (left: Dimension, right: Dimension) -> Dimension { left + right * Dimension(-1) }

  public static func * (left: Dimension, right: Dimension) -> Dimension {
    if let a = left.constant, let b = right.constant {
      let (product, overflow) = a.multipliedReportingOverflow(by: b)
      return overflow ? .unrepresentable : Dimension(product)
    }
    if left.terms.count * right.terms.count > termLimit { return .unrepresentable }
    var terms: [Monomial: Int] = [:]
    for (first, a) in left.terms {
      for (second, b) in right.terms {
        let (product, overflow) = a.multipliedReportingOverflow(by: b)
        let monomial = (first + second).sorted { $0.sortKey < $1.sortKey }
        let (sum, carried) = terms[monomial, default: 0].addingReportingOverflow(product)
        if overflow || carried { return .unrepresentable }
        terms[monomial] = sum == 0 ? nil : sum
      }
    }
    return Dimension(terms: terms)
  }

  /// `self / divisor` where that is a polynomial without remainder.
  ///
  /// Polynomial long division by leading terms (graded order).
  public func dividedExactly(by divisor: Dimension) -> Dimension? {
    if let a = constant, let b = divisor.constant { return b != 0 && b != -1 && a % b == 0 ? Dimension(a / b) : nil }
    guard let (leading, coefficient) = divisor.leadingTerm else { return nil }
    var remainder = self
    var quotient = Dimension(0)
    for _ in 0..<Dimension.termLimit {
      guard let (monomial, value) = remainder.leadingTerm else { return quotient }
      guard coefficient != 0, coefficient != -1, value % coefficient == 0 else { return nil }
      guard let rest = Dimension.removing(leading, from: monomial) else { return nil }
      let term = Dimension(terms: [rest: value / coefficient])
      quotient = quotient + term
      remainder = remainder - term * divisor
    }
    return nil
  }

  /// The quotient rounded towards negative infinity.
  public static func floorDivision(_ left: Dimension, _ right: Dimension) -> Dimension {
    left.dividedExactly(by: right) ?? apply(.floorDivision, [left, right])
  }

  /// The quotient rounded towards positive infinity.
  public static func ceilingDivision(_ left: Dimension, _ right: Dimension) -> Dimension {
    left.dividedExactly(by: right) ?? floorDivision(left + right - 1, right)
  }

  /// `function` of `arguments`, computed where all are numbers.
  public static func apply(_ function: Function, _ arguments: [Dimension]) -> Dimension {
    let numbers = arguments.compactMap(\.constant)
    if numbers.count == arguments.count {
      guard let value = function.evaluate(numbers) else { return .unrepresentable }
      return Dimension(value)
    }
    switch function {
    case .maximum, .minimum:
      let distinct = Set(arguments).sorted { $0.description < $1.description }
      return distinct.count == 1 ? distinct[0] : Dimension(atom: .function(function, distinct))
    case .floorDivision, .modulo:
      return Dimension(atom: .function(function, arguments))
    }
  }

  /// The size of an axis that broadcasts `left` with `right`; nil where two numbers don't.
  public static func broadcast(_ left: Dimension, _ right: Dimension) -> Dimension? {
    if left == right || right.constant == 1 { return left }
    if left.constant == 1 { return right }
    switch (left.constant, right.constant) {
    case (.some, .some): return nil
    case (.some, nil): return left
    case (nil, .some): return right
    case (nil, nil): return left.isUnknown || right.isUnknown ? .unknown : apply(.maximum, [left, right])
    }
  }

  /// The number that results when every symbol has the value `bindings` gives it; nil where one is missing or it overflows.
  public func evaluate(_ bindings: [String: Int]) -> Int? {
    substituting(bindings.mapValues { Dimension($0) }).constant
  }

  /// The dimension with symbols replaced.
  public func substituting(_ bindings: [String: Dimension]) -> Dimension {
    if constant != nil { return self }
    var result = Dimension(0)
    for (monomial, coefficient) in terms {
      var product = Dimension(coefficient)
      for atom in monomial {
        switch atom {
        case .symbol(let name): product = product * (bindings[name] ?? Dimension(atom: atom))
        case .function(let function, let arguments):
          product = product * Dimension.apply(function, arguments.map { $0.substituting(bindings) })
        }
      }
      result = result + product
    }
    return result
  }

  /// The term of highest degree, ties broken by name, so that division terminates.
  private var leadingTerm: (Monomial, Int)? {
    terms.max { ($0.key.count, $0.key.sortKey) < ($1.key.count, $1.key.sortKey) }.map { ($0.key, $0.value) }
  }

  private static func removing(_ factors: Monomial, from monomial: Monomial) -> Monomial? {
    var rest = monomial
    for factor in factors {
      guard let index = rest.firstIndex(of: factor) else { return nil }
      rest.remove(at: index)
    }
    return rest
  }
}

extension Dimension.Function {
  fileprivate func evaluate(_ arguments: [Int]) -> Int? {
    switch self {
    case .maximum: return arguments.max()
    case .minimum: return arguments.min()
    case .floorDivision, .modulo:
      guard arguments.count == 2, arguments[1] != 0, arguments != [Int.min, -1] else { return nil }
      let (quotient, remainder) = arguments[0].quotientAndRemainder(dividingBy: arguments[1])
      let rounds = remainder != 0 && (remainder < 0) != (arguments[1] < 0)
      return self == .floorDivision ? quotient - (rounds ? 1 : 0) : remainder + (rounds ? arguments[1] : 0)
    }
  }
}

extension Dimension.Atom {
  fileprivate var sortKey: String { description }
}

extension [Dimension.Atom] {
  fileprivate var sortKey: String { map(\.description).joined(separator: "*") }
}
