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

  /// Numbers and names are by far the most of what a graph holds, and need no memory of their own.
  enum Form: Hashable, Sendable {
    case number(Int)
    case symbol(String)
    /// Neither of those; coefficients, none of them 0.
    case polynomial([Monomial: Int])
  }

  let form: Form

  /// A polynomial of more terms or factors than this becomes unknown: nothing real has as many, and they explode when nested.
  private static let termLimit = 64
  private static let factorLimit = 256
  /// A maximum or minimum of more becomes unknown too: two are compared argument by argument.
  private static let argumentLimit = 32

  public init(_ value: Int) { form = .number(value) }

  public init(integerLiteral value: Int) { self.init(value) }

  public init(symbol name: String) { form = .symbol(name) }

  init(atom: Atom) { self.init(terms: [[atom]: 1]) }

  private init(terms: [Monomial: Int]) {
    guard terms.count <= 1, let (monomial, coefficient) = terms.first else {
      form = terms.isEmpty ? .number(0) : .polynomial(terms)
      return
    }
    if monomial.isEmpty {
      form = .number(coefficient)
    } else if coefficient == 1, monomial.count == 1, case .symbol(let name) = monomial[0] {
      form = .symbol(name)
    } else {
      form = .polynomial(terms)
    }
  }

  /// Coefficients, none of them 0.
  var terms: [Monomial: Int] {
    switch form {
    case .number(let value): value == 0 ? [:] : [[]: value]
    case .symbol(let name): [[.symbol(name)]: 1]
    case .polynomial(let terms): terms
    }
  }

  /// `terms` as a dimension, or `unknown` where they are too many.
  private init(limiting terms: [Monomial: Int]) {
    self.init(terms: terms)
    if terms.count > Dimension.termLimit || factorCount > Dimension.factorLimit { self = .unknown }
  }

  /// A size of which nothing is known; a graph gives each a symbol of its own. Whatever is computed from it is unknown too.
  public static let unknown = Dimension(symbol: "?")

  /// What arithmetic that overflows gives, and whatever is computed from it. A graph refuses it as a size.
  public static let unrepresentable = Dimension(symbol: "?overflow")

  /// The number, where it is one.
  public var constant: Int? { if case .number(let value) = form { value } else { nil } }

  public var isUnknown: Bool { symbol == "?" }

  /// The name, where it is a symbol alone.
  public var symbol: String? { if case .symbol(let name) = form { name } else { nil } }

  /// Whether it is the maximum of 1 and something else.
  private var isAtLeastOne: Bool { arguments(of: .maximum)?.contains(1) ?? false }

  public var isUnrepresentable: Bool { symbol == "?overflow" }

  /// The number of factors of all terms, those inside functions included.
  private var factorCount: Int {
    terms.keys.joined().reduce(0) { count, atom in
      guard case .function(_, let arguments) = atom else { return count + 1 }
      return arguments.reduce(count + 1) { $0 + $1.factorCount }
    }
  }

  /// What every function of `operands` is, where it follows from one of them alone.
  private static func absorbing(_ operands: [Dimension]) -> Dimension? {
    if operands.contains(where: \.isUnrepresentable) { return .unrepresentable }
    return operands.contains(where: \.isUnknown) ? .unknown : nil
  }

  /// The names of all symbols in it.
  public var symbols: Set<String> {
    if constant != nil { return [] }
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
    if let result = absorbing([left, right]) { return result }
    var terms = left.terms
    for (monomial, coefficient) in right.terms {
      let (sum, overflow) = terms[monomial, default: 0].addingReportingOverflow(coefficient)
      if overflow { return .unrepresentable }
      terms[monomial] = sum == 0 ? nil : sum
    }
    return Dimension(limiting: terms)
  }

  public static func - (left: Dimension, right: Dimension) -> Dimension { left + right * Dimension(-1) }

  public static func * (left: Dimension, right: Dimension) -> Dimension {
    if let a = left.constant, let b = right.constant {
      let (product, overflow) = a.multipliedReportingOverflow(by: b)
      return overflow ? .unrepresentable : Dimension(product)
    }
    if left == 0 || right == 0 { return 0 }
    if left == 1 { return right }
    if right == 1 { return left }
    if let result = absorbing([left, right]) { return result }
    if left.terms.count * right.terms.count > termLimit { return .unknown }
    var terms: [Monomial: Int] = [:]
    for (first, a) in left.terms {
      for (second, b) in right.terms {
        let (product, overflow) = a.multipliedReportingOverflow(by: b)
        let monomial = first.isEmpty ? second : second.isEmpty ? first : (first + second).sorted()
        let (sum, carried) = terms[monomial, default: 0].addingReportingOverflow(product)
        if overflow || carried { return .unrepresentable }
        terms[monomial] = sum == 0 ? nil : sum
      }
    }
    return Dimension(limiting: terms)
  }

  /// `self / divisor` where that is a polynomial without remainder.
  ///
  /// Polynomial long division by leading terms (graded order).
  public func dividedExactly(by divisor: Dimension) -> Dimension? {
    if let a = constant, let b = divisor.constant { return Dimension.quotient(a, b).map { Dimension($0) } }
    guard Dimension.absorbing([self, divisor]) == nil, let (leading, coefficient) = divisor.leadingTerm else {
      return nil
    }
    var remainder = self
    var quotient = Dimension(0)
    for _ in 0..<Dimension.termLimit {
      guard let (monomial, value) = remainder.leadingTerm else { return quotient }
      guard let factor = Dimension.quotient(value, coefficient) else { return nil }
      guard let rest = Dimension.removing(leading, from: monomial) else { return nil }
      let term = Dimension(terms: [rest: factor])
      quotient = quotient + term
      remainder = remainder - term * divisor
    }
    return nil
  }

  private static func quotient(_ left: Int, _ right: Int) -> Int? {
    guard right != 0 else { return nil }
    let (quotient, overflow) = left.dividedReportingOverflow(by: right)
    return !overflow && quotient * right == left ? quotient : nil
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
    if let result = absorbing(arguments) { return result }
    switch function {
    case .maximum, .minimum:
      let distinct = Set(arguments.flatMap { $0.arguments(of: function) ?? [$0] }).sorted {
        $0.description < $1.description
      }
      if distinct.count > argumentLimit { return .unknown }
      return distinct.count == 1 ? distinct[0] : Dimension(limiting: [[.function(function, distinct)]: 1])
    case .floorDivision, .modulo:
      return Dimension(limiting: [[.function(function, arguments)]: 1])
    }
  }

  /// The arguments where this is nothing but a call of `function`.
  func arguments(of function: Function) -> [Dimension]? {
    guard case .polynomial(let terms) = form, terms.count == 1, let (monomial, coefficient) = terms.first,
      coefficient == 1, monomial.count == 1, case .function(function, let arguments) = monomial[0]
    else { return nil }
    return arguments
  }

  /// The size of an axis that broadcasts `left` with `right`; nil where two numbers don't.
  public static func broadcast(_ left: Dimension, _ right: Dimension) -> Dimension? {
    if left == right || right.constant == 1 { return left }
    if left.constant == 1 { return right }
    // max(1, size) is 1 only where the size is 0, and 0 with 1 gives 0.
    if right.isAtLeastOne, right == maximum(1, left) { return left }
    if left.isAtLeastOne, left == maximum(1, right) { return right }
    switch (left.constant, right.constant) {
    case (.some, .some): return nil
    case (.some, nil): return left
    case (nil, .some): return right
    case (nil, nil): return left.isUnknown || right.isUnknown ? .unknown : maximum(left, right)
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

  /// The term of highest degree, ties broken factor by factor: an order that multiplication keeps, so that division terminates.
  private var leadingTerm: (Monomial, Int)? {
    terms.max { left, right in
      left.key.count == right.key.count
        ? left.key.lexicographicallyPrecedes(right.key) : left.key.count < right.key.count
    }.map { ($0.key, $0.value) }
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

extension Dimension.Atom: Comparable {
  /// Symbols by name, then functions by their text.
  public static func < (left: Dimension.Atom, right: Dimension.Atom) -> Bool {
    switch (left, right) {
    case (.symbol(let first), .symbol(let second)): first < second
    case (.symbol, .function): true
    case (.function, .symbol): false
    case (.function, .function): left.description < right.description
    }
  }
}
