/// `e^x` for `x` up to 0, to about one unit in the last place; exactly 0 below −88.02, NaN for NaN.
///
/// `2^n · 2^f` with `n` the nearest integer to `x · log₂e`: `2^n` is built from its exponent bits, `2^f` is the
/// polynomial of degree 6 with the least relative error on [−½, ½] that is 1 at 0.
@inline(__always)
func exponentialOfNonpositive(_ value: Lanes) -> Lanes {
  // Below this, `n` is −127 and its exponent bits are all zero.
  let floor = Lanes(repeating: -88.03)
  return exponential(value.replacing(with: floor, where: value .< floor))
}

/// `e^x` for any `x`; below −88.02 it is 0, above 88.37 it is `e^88.37`.
@inline(__always)
func exponentialClamped(_ value: Lanes) -> Lanes {
  let ceiling = Lanes(repeating: 88.37)
  return exponentialOfNonpositive(value.replacing(with: ceiling, where: value .> ceiling))
}

@inline(__always)
private func exponential(_ x: Lanes) -> Lanes {
  // Adding 1.5 · 2²³ leaves the nearest integer in the low bits of the sum.
  let rounder = Lanes(repeating: 12_582_912)
  let logarithm = Lanes(repeating: 1.442_695_04)
  let shifted = multiplyAdd(x, logarithm, rounder)
  let integer = shifted - rounder
  let fraction = multiplyAdd(x, logarithm, -integer)

  var power = Lanes(repeating: 1.535_336_1e-4)
  power = multiplyAdd(power, fraction, Lanes(repeating: 0.001_339_887_4))
  power = multiplyAdd(power, fraction, Lanes(repeating: 0.009_618_437))
  power = multiplyAdd(power, fraction, Lanes(repeating: 0.055_503_324))
  power = multiplyAdd(power, fraction, Lanes(repeating: 0.240_226_48))
  power = multiplyAdd(power, fraction, Lanes(repeating: 0.693_147_18))
  power = multiplyAdd(power, fraction, Lanes(repeating: 1))

  let bits = unsafeBitCast(shifted, to: WordLanes.self) &+ WordLanes(repeating: 127)
  return power * unsafeBitCast(bits &<< WordLanes(repeating: 23), to: Lanes.self)
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
