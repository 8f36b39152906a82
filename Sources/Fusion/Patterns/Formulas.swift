import GraphIR
import Operations
import Rewriting

/// Arithmetic of patterns: they are written as the formulas that they recognise.
///
/// A product fits however its factors are ordered, put in brackets, or divided by; a sum likewise. The numbers in it are what all
/// constants together must come to.
extension Pattern {
  public static func * (left: Pattern, right: Pattern) -> Pattern {
    Combination.pattern(left, right, algebra: .products)
  }

  public static func * (left: Double, right: Pattern) -> Pattern { .constant(left) * right }

  public static func / (left: Pattern, right: Pattern) -> Pattern {
    Combination.pattern(left, right, inverted: true, algebra: .products)
  }

  public static func / (left: Pattern, right: Double) -> Pattern { left / .constant(right) }

  public static func + (left: Pattern, right: Pattern) -> Pattern { Combination.pattern(left, right, algebra: .sums) }

  public static func + (left: Double, right: Pattern) -> Pattern { .constant(left) + right }

  public static func - (left: Pattern, right: Pattern) -> Pattern {
    Combination.pattern(left, right, inverted: true, algebra: .sums)
  }

  /// −x, as the operation or as a product.
  public static prefix func - (pattern: Pattern) -> Pattern { .oneOf([Neg.of(pattern), -1 * pattern]) }

  /// x², as a power or as a product.
  public var squared: Pattern { .oneOf([Pow.of(self, .constant(2)), self * self]) }

  /// x³, as a power or as a product.
  public var cubed: Pattern { .oneOf([Pow.of(self, .constant(3)), self * squared]) }

  /// 1/√x, as a quotient or as a power.
  public var inverseRoot: Pattern { .oneOf([.constant(1) / Sqrt.of(self), Pow.of(self, .constant(-0.5))]) }
}

extension Combination.Algebra {
  static let products = Self(
    joining: Mul.self, separating: Div.self, inverting: Reciprocal.self, identity: 1, join: { $0 * $1 },
    invert: { 1 / $0 })

  static let sums = Self(
    joining: Add.self, separating: Sub.self, inverting: Neg.self, identity: 0, join: { $0 + $1 }, invert: { -$0 })
}
