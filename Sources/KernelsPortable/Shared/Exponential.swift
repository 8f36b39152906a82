/// Powers of two of whole rows, step by step for all vectors of a row: each step of one vector waits for the one before.
extension PanelRow {
  /// `2^x` for `x` up to 127, to about one unit in the last place; 0 below −150, NaN for NaN.
  ///
  /// `2^n · 2^f` with `n` the nearest integer to `x`.
  @inline(__always)
  mutating func formPowerOfTwo() {
    let whole = nearestIntegers()
    // −∞ less −∞ is NaN, which `scale` makes 0.
    subtract(whole)
    formPowerOfFraction()
    multiplyByTwo(to: whole)
  }

  /// `2^f` on [−½, ½]: the polynomial of degree 5 with the least relative error there (9.1e-8) that is 1 at 0.
  @inline(__always)
  mutating func formPowerOfFraction() {
    var power = Self(repeating: 0.001_326_472_7)
    power.multiply(by: self, adding: 0.009_671_513)
    power.multiply(by: self, adding: 0.055_507_336)
    power.multiply(by: self, adding: 0.240_222_42)
    power.multiply(by: self, adding: 0.693_147)
    power.multiply(by: self, adding: 1)
    self = power
  }

  /// `2^x` to a relative error of 1e-4: enough for what is rounded to bfloat16.
  @inline(__always)
  mutating func formRoughPowerOfTwo() {
    let whole = nearestIntegers()
    subtract(whole)
    var power = Self(repeating: 0.055_008_933)
    power.multiply(by: self, adding: 0.242_210_97)
    power.multiply(by: self, adding: 0.693_282_9)
    power.multiply(by: self, adding: 1)
    power.multiplyByTwo(to: whole)
    self = power
  }
}

/// `2^x` for `x` up to 127, to about one unit in the last place; 0 below −150, NaN for NaN.
@inline(__always)
func powerOfTwo(_ x: Lanes) -> Lanes {
  var power = OneVector(x)
  power.formPowerOfTwo()
  return power.lanes
}

/// `2^f` on [−½, ½].
@inline(__always)
func powerOfFraction(_ fraction: Lanes) -> Lanes {
  var power = OneVector(fraction)
  power.formPowerOfFraction()
  return power.lanes
}

/// The binary logarithm of e.
let binaryLogarithmOfE: Float = 1.442_695_04

/// `e^x` for `x` up to 0.
@inline(__always)
func exponentialOfNonpositive(_ value: Lanes) -> Lanes {
  powerOfTwo(value * Lanes(repeating: binaryLogarithmOfE))
}

/// `e^x` for any `x`; above 87 it is `e^87`.
@inline(__always)
func exponentialClamped(_ value: Lanes) -> Lanes {
  let ceiling = Lanes(repeating: 87)
  return exponentialOfNonpositive(value.replacing(with: ceiling, where: value .> ceiling))
}

/// `tanh x`, accurate relative to its size: the method of Cephes' `tanhf`, an odd polynomial below 0.625 and
/// `1 − 2 / (e^2x + 1)` above.
@inline(__always)
func hyperbolicTangent(_ value: Lanes) -> Lanes {
  let zero = Lanes(repeating: 0)
  let square = value * value
  var series = Lanes(repeating: -5.704_988_73e-3)
  series = multiplyAdd(series, square, Lanes(repeating: 2.063_908_87e-2))
  series = multiplyAdd(series, square, Lanes(repeating: -5.373_971_55e-2))
  series = multiplyAdd(series, square, Lanes(repeating: 1.333_144_22e-1))
  series = multiplyAdd(series, square, Lanes(repeating: -3.333_328_19e-1))
  let small = multiplyAdd(series * square, value, value)

  let magnitude = value.replacing(with: -value, where: value .< zero)
  let ratio = Lanes(repeating: 2) / (exponentialClamped(magnitude + magnitude) + Lanes(repeating: 1))
  let positive = Lanes(repeating: 1) - ratio
  let large = positive.replacing(with: -positive, where: value .< zero)
  return large.replacing(with: small, where: magnitude .< Lanes(repeating: 0.625))
}
