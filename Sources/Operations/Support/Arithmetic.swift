import Foundation

/// A number type that tensors are computed with: integers wrap around, floats follow IEEE 754.
protocol Arithmetic: Comparable, Sendable {
  static var zero: Self { get }
  static var one: Self { get }
  /// The least value, −∞ for floats.
  static var lowest: Self { get }
  /// The greatest value, ∞ for floats.
  static var highest: Self { get }

  func plus(_ other: Self) -> Self
  func minus(_ other: Self) -> Self
  func times(_ other: Self) -> Self
  /// The quotient; integers are cut off towards zero, and a division by zero gives the dividend.
  func divided(by other: Self) -> Self
  /// The remainder with the dividend's sign; that of an integer divided by zero is 0.
  func truncatedRemainder(by other: Self) -> Self
  func raised(to exponent: Double) -> Self
  var negated: Self { get }
  var absolute: Self { get }
  var isNotANumber: Bool { get }
  static var isInteger: Bool { get }
  var double: Double { get }
  /// The number as 64 bits, those of a large unsigned one as they are; that of a float is cut off.
  var wrapped: Int64 { get }
  init(wrapping integer: Int64)
  init(double: Double)
  init(count: Int)
}

extension Arithmetic {
  /// The larger of both; NaN where one is.
  @inline(__always)
  func maximum(_ other: Self) -> Self { self.isNotANumber || self > other ? self : other }

  /// The smaller of both; NaN where one is.
  @inline(__always)
  func minimum(_ other: Self) -> Self { self.isNotANumber || self < other ? self : other }

  /// The remainder with the divisor's sign.
  @inline(__always)
  func flooredRemainder(by other: Self) -> Self {
    let remainder = truncatedRemainder(by: other)
    let rounds = remainder != .zero && (remainder < .zero) != (other < .zero)
    return rounds ? remainder.plus(other) : remainder
  }
}

extension Arithmetic where Self: FixedWidthInteger {
  static var isInteger: Bool { true }
  @inline(__always) var wrapped: Int64 { Int64(truncatingIfNeeded: self) }
  @inline(__always) init(wrapping integer: Int64) { self = Self(truncatingIfNeeded: integer) }
  static var one: Self { 1 }
  static var lowest: Self { .min }
  static var highest: Self { .max }
  @inline(__always) func plus(_ other: Self) -> Self { self &+ other }
  @inline(__always) func minus(_ other: Self) -> Self { self &- other }
  @inline(__always) func times(_ other: Self) -> Self { self &* other }
  @inline(__always) func divided(by other: Self) -> Self { dividedReportingOverflow(by: other).partialValue }
  @inline(__always)
  func truncatedRemainder(by other: Self) -> Self {
    other == 0 ? 0 : remainderReportingOverflow(dividingBy: other).partialValue
  }
  @inline(__always) var negated: Self { 0 &- self }
  @inline(__always) var absolute: Self { self < 0 ? 0 &- self : self }
  @inline(__always) var isNotANumber: Bool { false }
  @inline(__always) var double: Double { Double(self) }
  init(count: Int) { self = Self(truncatingIfNeeded: count) }

  /// Cut off towards zero, NaN as 0, wrapped around where the type is too narrow.
  init(double: Double) {
    let integer = Int64(exactly: double.rounded(.towardZero)) ?? (double.isNaN ? 0 : double > 0 ? .max : .min)
    self = Self(truncatingIfNeeded: integer)
  }

  /// Exact (wrapping around) for whole exponents that are not negative, through `Double` otherwise.
  func raised(to exponent: Double) -> Self {
    guard exponent >= 0, exponent < 4096, var rest = Int(exactly: exponent) else {
      return Self(double: pow(Double(self), exponent))
    }
    var (result, base): (Self, Self) = (1, self)
    while rest > 0 {
      if rest & 1 == 1 { result = result &* base }
      base = base &* base
      rest >>= 1
    }
    return result
  }
}

extension Int64: Arithmetic {}
extension Int32: Arithmetic {}
extension Int16: Arithmetic {}
extension Int8: Arithmetic {}
extension UInt64: Arithmetic {}
extension UInt32: Arithmetic {}
extension UInt16: Arithmetic {}
extension UInt8: Arithmetic {}

extension Arithmetic where Self: BinaryFloatingPoint {
  static var isInteger: Bool { false }
  @inline(__always) var wrapped: Int64 { Int64(double: double) }
  @inline(__always) init(wrapping integer: Int64) { self = Self(integer) }
  static var one: Self { 1 }
  static var lowest: Self { -.infinity }
  static var highest: Self { .infinity }
  @inline(__always) func plus(_ other: Self) -> Self { self + other }
  @inline(__always) func minus(_ other: Self) -> Self { self - other }
  @inline(__always) func times(_ other: Self) -> Self { self * other }
  @inline(__always) func divided(by other: Self) -> Self { self / other }
  @inline(__always)
  func truncatedRemainder(by other: Self) -> Self { truncatingRemainder(dividingBy: other) }
  @inline(__always) var negated: Self { -self }
  @inline(__always) var absolute: Self { magnitude }
  @inline(__always) var isNotANumber: Bool { isNaN }
  @inline(__always) var double: Double { Double(self) }
  @inline(__always) init(double: Double) { self = Self(double) }
  init(count: Int) { self = Self(count) }
}
