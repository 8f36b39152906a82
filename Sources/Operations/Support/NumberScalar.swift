import Tensors

/// An element type as it is stored, with the type it is computed with.
protocol NumberScalar: TensorScalar {
  associatedtype Number: Arithmetic
  var number: Number { get }
  init(number: Number)
}

/// A floating-point element type: 64 bits compute in `Double`, all others in `Float`.
protocol RealScalar: NumberScalar where Number: RealArithmetic {}

extension NumberScalar where Number == Self {
  @inline(__always) var number: Self { self }
  @inline(__always) init(number: Self) { self = number }
}

extension Double: RealScalar { typealias Number = Double }
extension Float: RealScalar { typealias Number = Float }

extension Float16: RealScalar {
  /// Widened by bits: where the processor's own conversion can't be assumed, the library's takes ten times as long.
  @inline(__always) var number: Float {
    let bits = UInt32(bitPattern)
    let magnitude = (bits & 0x7FFF) << 13
    // Scaling brings the exponent's bias from 15 to 127, subnormal numbers included.
    let scaled = (Float(bitPattern: magnitude) * 0x1p112).bitPattern
    let special = magnitude >= 0x0F80_0000 ? magnitude | 0x7F80_0000 : scaled
    return Float(bitPattern: special | (bits & 0x8000) << 16)
  }

  /// Rounded to nearest, ties to even.
  @inline(__always) init(number: Float) {
    let bits = number.bitPattern
    let sign = UInt16(truncatingIfNeeded: (bits >> 16) & 0x8000)
    let magnitude = bits & 0x7FFF_FFFF
    // Adding a half lets the float unit round what becomes subnormal.
    let subnormal = (Float(bitPattern: magnitude) + 0.5).bitPattern &- 0x3F00_0000
    let normal = (magnitude &+ 0xC800_0FFF &+ ((magnitude >> 13) & 1)) >> 13
    let finite = magnitude < 0x3880_0000 ? subnormal : normal
    let special: UInt32 = magnitude > 0x7F80_0000 ? 0x7E00 : 0x7C00
    self.init(bitPattern: UInt16(truncatingIfNeeded: magnitude >= 0x4780_0000 ? special : finite) | sign)
  }
}

extension BFloat16: RealScalar {
  @inline(__always) var number: Float { float }
  @inline(__always) init(number: Float) { self.init(number) }
}

extension Int64: NumberScalar { typealias Number = Int64 }
extension Int32: NumberScalar { typealias Number = Int32 }
extension Int16: NumberScalar { typealias Number = Int16 }
extension Int8: NumberScalar { typealias Number = Int8 }
extension UInt64: NumberScalar { typealias Number = UInt64 }
extension UInt32: NumberScalar { typealias Number = UInt32 }
extension UInt16: NumberScalar { typealias Number = UInt16 }
extension UInt8: NumberScalar { typealias Number = UInt8 }

/// A computation that is written once for every numeric element type.
protocol NumberComputation {
  associatedtype Result
  func run<Scalar: NumberScalar>(_ type: Scalar.Type) throws -> Result
}

/// A computation that is written once for every floating-point element type.
protocol RealComputation {
  associatedtype Result
  func run<Scalar: RealScalar>(_ type: Scalar.Type) throws -> Result
}

/// A computation that only moves elements, whose meaning does not matter: written once for every width.
protocol WordComputation {
  associatedtype Result
  func run<Word: TensorScalar & FixedWidthInteger>(_ type: Word.Type) throws -> Result
}

extension NumberComputation {
  /// Runs the computation with the Swift type of `element`.
  func dispatch(on element: ElementType) throws -> Result {
    switch element {
    case .float64: try run(Double.self)
    case .float32: try run(Float.self)
    case .float16: try run(Float16.self)
    case .bfloat16: try run(BFloat16.self)
    case .int64: try run(Int64.self)
    case .int32: try run(Int32.self)
    case .int16: try run(Int16.self)
    case .int8: try run(Int8.self)
    case .uint64: try run(UInt64.self)
    case .uint32: try run(UInt32.self)
    case .uint16: try run(UInt16.self)
    case .uint8: try run(UInt8.self)
    case _ where element.isStorageOnly:
      throw ModelError.unsupported("arithmetic on elements of type \(element.rawValue)")
    default: throw ModelError.invalid("numbers were expected, found \(element.rawValue)")
    }
  }
}

extension RealComputation {
  /// Runs the computation with the Swift type of `element`.
  func dispatch(on element: ElementType) throws -> Result {
    switch element {
    case .float64: try run(Double.self)
    case .float32: try run(Float.self)
    case .float16: try run(Float16.self)
    case .bfloat16: try run(BFloat16.self)
    case _ where element.isStorageOnly:
      throw ModelError.unsupported("arithmetic on elements of type \(element.rawValue)")
    default: throw ModelError.invalid("floating-point numbers were expected, found \(element.rawValue)")
    }
  }
}

extension WordComputation {
  /// Runs the computation with an unsigned integer as wide as `element`.
  func dispatch(on element: ElementType) throws -> Result {
    switch element.byteCount {
    case 1: try run(UInt8.self)
    case 2: try run(UInt16.self)
    case 4: try run(UInt32.self)
    case 8: try run(UInt64.self)
    default: throw ModelError.unsupported("moving elements of type \(element.rawValue)")
    }
  }
}
