import GraphIR
import Tensors

/// The product; integers wrap around.
public struct Mul: BinaryOperation {
  public init() {}

  public static let schema = Schema<Self>(
    "Mul", inputs: ["left", "right"], spellings: [.onnx("Mul", since: 7), .openVINO("Multiply")])

  func combine<Number: Arithmetic>(_ left: Number, _ right: Number) -> Number { left.times(right) }

  func combine(symbols left: Dimension, _ right: Dimension) -> Dimension { left * right }
}

/// The quotient; that of integers is cut off towards zero.
///
/// OpenVINO's `Divide` of integers rounds down unless its `m_pythondiv` is false.
public struct Div: BinaryOperation {
  public init() {}

  public static let schema = Schema<Self>(
    "Div", inputs: ["left", "right"], spellings: [.onnx("Div", since: 7), .openVINO("Divide")])

  func combine<Number: Arithmetic>(_ left: Number, _ right: Number) -> Number { left.divided(by: right) }

  func combine(symbols left: Dimension, _ right: Dimension) -> Dimension {
    if let a = left.constant, let b = right.constant {
      return b == 0 || (a == .min && b == -1) ? .unknown : Dimension(a / b)
    }
    if let exact = left.dividedExactly(by: right) { return exact }
    // Cutting off is rounding down only where nothing is negative.
    return left.isAtLeast(0) && right.isAtLeast(1) ? .floorDivision(left, right) : .unknown
  }

  func check(divisor: Tensor) throws {
    if divisor.element.isInteger, try containsZero(divisor) { throw ModelError.invalid("an integer is divided by 0") }
  }
}

/// The remainder of a division.
///
/// With `fmod` it has the dividend's sign (as C's `fmod` and `%`), without it the divisor's (as Python's `%`).
public struct Mod: BinaryOperation {
  public var fmod = false

  public init() {}

  public init(fmod: Bool) { self.fmod = fmod }

  public static let schema = Schema<Self>(
    "Mod", inputs: ["left", "right"], attributes: [.init("fmod", \.fmod)],
    spellings: [.onnx("Mod", since: 10), .openVINO("FloorMod")])

  func combine<Number: Arithmetic>(_ left: Number, _ right: Number) -> Number {
    fmod ? left.truncatedRemainder(by: right) : left.flooredRemainder(by: right)
  }

  func combine(symbols left: Dimension, _ right: Dimension) -> Dimension {
    guard right.isAtLeast(1), !fmod || left.isAtLeast(0) else { return .unknown }
    return left.dividedExactly(by: right) != nil ? 0 : .apply(.modulo, [left, right])
  }

  func check(divisor: Tensor) throws {
    if divisor.element.isInteger, try containsZero(divisor) { throw ModelError.invalid("an integer is divided by 0") }
  }
}
