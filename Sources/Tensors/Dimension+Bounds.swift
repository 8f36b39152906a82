extension Dimension {
  /// The marker of symbols that stand for contents of unknown sign, not for sizes.
  package static let contentPrefix = "?v"

  /// How many `min`, `max`, … `lowerBound` looks into, one after the other.
  private static let depthLimit = 4

  /// A symbol for an integer that a run computes: unlike a size it may be negative.
  public init(content name: String) { self.init(symbol: Dimension.contentPrefix + name) }

  /// Whether it is a number, or an expression over nothing but sizes.
  public var isSizeExpression: Bool {
    constant != nil
      || (!isUnknown && !isUnrepresentable && symbols.allSatisfy { !$0.hasPrefix(Dimension.contentPrefix) })
  }

  /// The dimension where it can be an axis' size, `unknown` where it is a negative number.
  public var asSize: Dimension { constant.map { $0 < 0 } ?? false ? .unknown : self }

  /// A number that the dimension is never less than, whatever sizes its symbols stand for; nil where none is found.
  public var lowerBound: Int? { lowerBound(depth: Dimension.depthLimit) }

  private func lowerBound(depth: Int) -> Int? {
    if let bound = termwiseLowerBound { return bound }
    guard depth > 0 else { return nil }
    var best: Int?
    for (monomial, coefficient) in terms {
      guard monomial.count == 1, let atom = monomial.first else { continue }
      // What is subtracted is replaced with something larger, what is added with something smaller.
      for replacement in coefficient < 0 ? atom.upperBounds : atom.lowerBounds {
        let difference = (replacement - Dimension(atom: atom)) * Dimension(coefficient)
        guard let bound = (self + difference).lowerBound(depth: depth - 1) else { continue }
        best = Swift.max(best ?? bound, bound)
      }
    }
    return best
  }

  /// The sum of what each term is at least.
  private var termwiseLowerBound: Int? {
    var bound = 0
    for (monomial, coefficient) in terms {
      var least = coefficient
      if !monomial.isEmpty {
        guard coefficient > 0 else { return nil }
        for atom in monomial {
          guard let factor = atom.lowerBound, factor >= 0 else { return nil }
          let (product, overflow) = least.multipliedReportingOverflow(by: factor)
          if overflow { return nil }
          least = product
        }
      }
      let (sum, overflow) = bound.addingReportingOverflow(least)
      if overflow { return nil }
      bound = sum
    }
    return bound
  }

  /// Whether the dimension is at least `other` for all sizes its symbols stand for. False where it is not known.
  public func isAtLeast(_ other: Dimension) -> Bool {
    switch (form, other.form) {
    case (.number(let own), .number(let number)): own >= number
    case (.number, .symbol): false
    case (.symbol(let name), .number(let number)): Atom.symbol(name).lowerBound.map { $0 >= number } ?? false
    case (.symbol(let name), .symbol(let symbol)): name == symbol && !isUnknown && !isUnrepresentable
    default: (self - other).lowerBound.map { $0 >= 0 } ?? false
    }
  }

  /// The larger of both, `left` or `right` itself where one is known to be.
  public static func maximum(_ left: Dimension, _ right: Dimension) -> Dimension {
    let (first, second) = (left.arguments(of: .maximum) ?? [left], right.arguments(of: .maximum) ?? [right])
    if second.allSatisfy(first.contains) { return left }
    if first.allSatisfy(second.contains) { return right }
    if left.isAtLeast(right) { return left }
    return right.isAtLeast(left) ? right : apply(.maximum, [left, right])
  }

  /// The smaller of both, `left` or `right` itself where one is known to be.
  public static func minimum(_ left: Dimension, _ right: Dimension) -> Dimension {
    if left.isAtLeast(right) { return right }
    return right.isAtLeast(left) ? left : apply(.minimum, [left, right])
  }

  /// Whether the two are equal for all sizes, or for none; nil where neither is known.
  public func equals(_ other: Dimension) -> Bool? {
    if isUnknown || isUnrepresentable { return nil }
    if self == other { return true }
    if let a = constant, let b = other.constant { return a == b }
    return isAtLeast(other + 1) || other.isAtLeast(self + 1) ? false : nil
  }
}

extension Dimension.Atom {
  /// A number that the atom is never less than.
  fileprivate var lowerBound: Int? {
    switch self {
    case .symbol(let name):
      // What is computed from the unknown is unknown, and may be negative.
      return name.hasPrefix(Dimension.contentPrefix) || name == "?" || name == "?overflow" ? nil : 0
    case .function(let function, let arguments):
      let bounds = arguments.map(\.lowerBound)
      switch function {
      case .maximum: return bounds.compactMap { $0 }.max()
      case .minimum: return bounds.contains(nil) ? nil : bounds.compactMap { $0 }.min()
      case .floorDivision, .modulo:
        guard arguments.count == 2, let divisor = bounds[1], divisor > 0 else { return nil }
        // A modulo has its divisor's sign, a quotient of numbers that are not negative has none.
        return function == .modulo ? 0 : bounds[0].flatMap { $0 >= 0 ? 0 : nil }
      }
    }
  }

  /// Dimensions that the atom is never greater than.
  fileprivate var upperBounds: [Dimension] {
    guard case .function(let function, let arguments) = self else { return [] }
    switch function {
    case .minimum: return arguments
    case .maximum: return []
    case .floorDivision, .modulo:
      guard arguments.count == 2, arguments[0].isAtLeast(0), arguments[1].isAtLeast(1) else { return [] }
      return function == .modulo ? [arguments[0], arguments[1] - 1] : [arguments[0]]
    }
  }

  /// Dimensions that the atom is never less than.
  fileprivate var lowerBounds: [Dimension] {
    guard case .function(.maximum, let arguments) = self else { return [] }
    return arguments
  }
}
