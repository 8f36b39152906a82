/// The value of a bfloat16.
@inline(__always)
package func float(fromBFloat16 bits: UInt16) -> Float {
  Float(bitPattern: UInt32(bits) &<< 16)
}

/// The nearest bfloat16, ties to even; NaN stays NaN.
@inline(__always)
package func bfloat16(from value: Float) -> UInt16 {
  let bits = value.bitPattern
  guard bits & 0x7fff_ffff <= 0x7f80_0000 else { return UInt16(truncatingIfNeeded: bits &>> 16) | 0x40 }
  return UInt16(truncatingIfNeeded: (bits &+ 0x7fff &+ (bits &>> 16 & 1)) &>> 16)
}

/// The value of an IEEE half-precision number.
@inline(__always)
package func float(fromFloat16 bits: UInt16) -> Float {
  let sign = UInt32(bits & 0x8000) &<< 16
  let magnitude = UInt32(bits & 0x7fff) &<< 13
  guard magnitude < 0x0f80_0000 else { return Float(bitPattern: sign | magnitude | 0x7f80_0000) }
  // Moves the exponent's bias from 15 to 127, subnormal numbers included.
  return Float(bitPattern: sign | (Float(bitPattern: magnitude) * 0x1p112).bitPattern)
}

/// The nearest IEEE half-precision number, ties to even; NaN stays NaN, what is too large becomes infinite.
@inline(__always)
package func float16(from value: Float) -> UInt16 {
  let sign = UInt16(truncatingIfNeeded: value.bitPattern &>> 16) & 0x8000
  let magnitude = value.bitPattern & 0x7fff_ffff
  if magnitude > 0x7f80_0000 { return sign | 0x7e00 }
  if magnitude >= 0x4780_0000 { return sign | 0x7c00 }
  if magnitude < 0x3880_0000 {
    // The spacing of floats at ½ is that of subnormal halves, so the addition rounds.
    let rounded = Float(bitPattern: magnitude) + 0.5
    return sign | UInt16(truncatingIfNeeded: rounded.bitPattern &- Float(0.5).bitPattern)
  }
  let rounded = magnitude &+ 0xfff &+ (magnitude &>> 13 & 1)
  return sign | UInt16(truncatingIfNeeded: (rounded &- 0x3800_0000) &>> 13)
}

/// The values of some bfloat16.
@inline(__always)
func floats(fromBFloat16 bits: HalfLanes) -> Lanes {
  unsafeBitCast(widen(bits) &<< WordLanes(repeating: 16), to: Lanes.self)
}
