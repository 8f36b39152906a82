import Foundation

/// A floating-point type with the functions of the C library.
protocol RealArithmetic: Arithmetic, BinaryFloatingPoint {
  static func exponential(_ x: Self) -> Self
  static func logarithm(_ x: Self) -> Self
  static func logarithmOfOnePlus(_ x: Self) -> Self
  static func sine(_ x: Self) -> Self
  static func cosine(_ x: Self) -> Self
  static func hyperbolicTangent(_ x: Self) -> Self
  static func errorFunction(_ x: Self) -> Self
  static func tangent(_ x: Self) -> Self
  static func arcSine(_ x: Self) -> Self
  static func arcCosine(_ x: Self) -> Self
  static func arcTangent(_ x: Self) -> Self
  static func hyperbolicSine(_ x: Self) -> Self
  static func hyperbolicCosine(_ x: Self) -> Self
  static func inverseHyperbolicSine(_ x: Self) -> Self
  static func inverseHyperbolicCosine(_ x: Self) -> Self
  static func inverseHyperbolicTangent(_ x: Self) -> Self
  static func power(_ x: Self, _ y: Self) -> Self
}

extension Float: RealArithmetic {
  @inline(__always) static func exponential(_ x: Float) -> Float { exp(x) }
  @inline(__always) static func logarithm(_ x: Float) -> Float { log(x) }
  @inline(__always) static func logarithmOfOnePlus(_ x: Float) -> Float { log1p(x) }
  @inline(__always) static func sine(_ x: Float) -> Float { sin(x) }
  @inline(__always) static func cosine(_ x: Float) -> Float { cos(x) }
  @inline(__always) static func hyperbolicTangent(_ x: Float) -> Float { tanh(x) }
  @inline(__always) static func errorFunction(_ x: Float) -> Float { erf(x) }
  static func tangent(_ x: Float) -> Float { tan(x) }
  static func arcSine(_ x: Float) -> Float { asin(x) }
  static func arcCosine(_ x: Float) -> Float { acos(x) }
  static func arcTangent(_ x: Float) -> Float { atan(x) }
  static func hyperbolicSine(_ x: Float) -> Float { sinh(x) }
  static func hyperbolicCosine(_ x: Float) -> Float { cosh(x) }
  static func inverseHyperbolicSine(_ x: Float) -> Float { asinh(x) }
  static func inverseHyperbolicCosine(_ x: Float) -> Float { acosh(x) }
  static func inverseHyperbolicTangent(_ x: Float) -> Float { atanh(x) }
  @inline(__always) static func power(_ x: Float, _ y: Float) -> Float { pow(x, y) }
  func raised(to exponent: Double) -> Float { Float(pow(Double(self), exponent)) }
}

extension Double: RealArithmetic {
  @inline(__always) static func exponential(_ x: Double) -> Double { exp(x) }
  @inline(__always) static func logarithm(_ x: Double) -> Double { log(x) }
  @inline(__always) static func logarithmOfOnePlus(_ x: Double) -> Double { log1p(x) }
  @inline(__always) static func sine(_ x: Double) -> Double { sin(x) }
  @inline(__always) static func cosine(_ x: Double) -> Double { cos(x) }
  @inline(__always) static func hyperbolicTangent(_ x: Double) -> Double { tanh(x) }
  @inline(__always) static func errorFunction(_ x: Double) -> Double { erf(x) }
  static func tangent(_ x: Double) -> Double { tan(x) }
  static func arcSine(_ x: Double) -> Double { asin(x) }
  static func arcCosine(_ x: Double) -> Double { acos(x) }
  static func arcTangent(_ x: Double) -> Double { atan(x) }
  static func hyperbolicSine(_ x: Double) -> Double { sinh(x) }
  static func hyperbolicCosine(_ x: Double) -> Double { cosh(x) }
  static func inverseHyperbolicSine(_ x: Double) -> Double { asinh(x) }
  static func inverseHyperbolicCosine(_ x: Double) -> Double { acosh(x) }
  static func inverseHyperbolicTangent(_ x: Double) -> Double { atanh(x) }
  @inline(__always) static func power(_ x: Double, _ y: Double) -> Double { pow(x, y) }
  func raised(to exponent: Double) -> Double { pow(self, exponent) }
}
