/// `e^x` for any `x`, to about two units in the last place; 0 below the smallest normal number.
@inline(__always)
func exponential(_ value: Lanes) -> Lanes {
  let ceiling = Lanes(repeating: 89)
  let floor = Lanes(repeating: -104)
  var bounded = value.replacing(with: ceiling, where: value .> ceiling)
  bounded = bounded.replacing(with: floor, where: bounded .< floor)
  let product = bounded * Lanes(repeating: binaryLogarithmOfE)
  let exponent = whole(of: product)
  // ln 2 in two parts, the first of so few bits that its product with a whole number is exact.
  var rest = multiplyAdd(exponent, Lanes(repeating: -0.693_359_375), bounded)
  rest = multiplyAdd(exponent, Lanes(repeating: 2.121_944_4e-4), rest) * Lanes(repeating: binaryLogarithmOfE)
  // One power of two less, doubled: the largest finite results have an exponent that `scale` does not reach.
  let half = scale(powerOfFraction(rest), byTwoTo: exponent - Lanes(repeating: 1))
  return half + half
}

/// `erf x`: x · p(x²) below 1 and `1 − 2^(−x · q(x))` above, with the polynomials of degree 5 that have the least relative and
/// absolute error there (4e-8 and 2.4e-9).
@inline(__always)
func errorFunction(_ value: Lanes) -> Lanes {
  let zero = Lanes(repeating: 0)
  let square = value * value
  var series = Lanes(repeating: -5.631_422e-4)
  series = multiplyAdd(series, square, Lanes(repeating: 4.917_551_4e-3))
  series = multiplyAdd(series, square, Lanes(repeating: -2.671_131_1e-2))
  series = multiplyAdd(series, square, Lanes(repeating: 1.128_018_0e-1))
  series = multiplyAdd(series, square, Lanes(repeating: -3.761_232_6e-1))
  series = multiplyAdd(series, square, Lanes(repeating: 1.128_379_12))
  let small = series * value

  var magnitude = value.replacing(with: -value, where: value .< zero)
  // Further out the result rounds to 1.
  let end = Lanes(repeating: 4)
  magnitude = magnitude.replacing(with: end, where: magnitude .> end)
  var exponent = Lanes(repeating: -3.032_287_8e-4)
  exponent = multiplyAdd(exponent, magnitude, Lanes(repeating: 4.592_268_4e-3))
  exponent = multiplyAdd(exponent, magnitude, Lanes(repeating: -3.287_337_6e-2))
  exponent = multiplyAdd(exponent, magnitude, Lanes(repeating: 1.516_224_5e-1))
  exponent = multiplyAdd(exponent, magnitude, Lanes(repeating: 9.173_324_5e-1))
  exponent = multiplyAdd(exponent, magnitude, Lanes(repeating: 1.628_046_1))
  let positive = Lanes(repeating: 1) - powerOfTwo(-exponent * magnitude)
  let large = positive.replacing(with: -positive, where: value .< zero)
  return large.replacing(with: small, where: magnitude .< Lanes(repeating: 1))
}

/// `1 / (1 + e⁻ˣ)`, without overflow for any `x`.
@inline(__always)
func sigmoid(_ value: Lanes) -> Lanes {
  let zero = Lanes(repeating: 0)
  let one = Lanes(repeating: 1)
  let decay = exponential(value.replacing(with: -value, where: value .> zero))
  return one.replacing(with: decay, where: value .< zero) / (one + decay)
}

/// `½·x·(1 + erf(x/√2))` as `½·(x + |x| − |x|·erfc(|x|/√2))`.
///
/// `erfc(u/√2)` is `2^(−u · q(u))` with the polynomial of degree 7 that has the least error of the result for `u` up to 5.8: 1.3e-7 of
/// `x`, rounding included. Further out it is what it is there, 7e-9.
@inline(__always)
func gelu(_ value: Lanes) -> Lanes {
  let half = Lanes(repeating: 0.5)
  let magnitude = absolute(value)
  let end = Lanes(repeating: 5.8)
  let bounded = magnitude.replacing(with: end, where: magnitude .> end)
  var exponent = Lanes(repeating: 1.902_034_4e-6)
  exponent = multiplyAdd(exponent, bounded, Lanes(repeating: -2.805_652_5e-5))
  exponent = multiplyAdd(exponent, bounded, Lanes(repeating: 1.314_710_1e-4))
  exponent = multiplyAdd(exponent, bounded, Lanes(repeating: 2.720_818_1e-4))
  exponent = multiplyAdd(exponent, bounded, Lanes(repeating: -7.245_430_4e-3))
  exponent = multiplyAdd(exponent, bounded, Lanes(repeating: 5.262_761_8e-2))
  exponent = multiplyAdd(exponent, bounded, Lanes(repeating: 4.591_621_4e-1))
  exponent = multiplyAdd(exponent, bounded, Lanes(repeating: 1.151_111_05))
  let complement = powerOfTwo(-exponent * bounded)
  return (value * half + magnitude * half) - bounded * half * complement
}

/// `|x|`
@inline(__always)
func absolute(_ value: Lanes) -> Lanes {
  unsafeBitCast(unsafeBitCast(value, to: WordLanes.self) & WordLanes(repeating: 0x7fff_ffff), to: Lanes.self)
}

/// `½·x·(1 + tanh(√(2/π)·(x + 0.044715·x³)))`
@inline(__always)
func tanhGelu(_ value: Lanes) -> Lanes {
  let cube = value * value * value
  let inner = multiplyAdd(cube, Lanes(repeating: 0.044715), value) * Lanes(repeating: 0.797_884_56)
  return value * Lanes(repeating: 0.5) * (Lanes(repeating: 1) + hyperbolicTangent(inner))
}
