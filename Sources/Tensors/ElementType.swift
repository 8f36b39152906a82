/// The type of a tensor's elements. The raw value is its name in the text form and in graph JSON.
public enum ElementType: String, Hashable, Sendable, CaseIterable {
  case float64 = "f64"
  case float32 = "f32"
  case float16 = "f16"
  case bfloat16 = "bf16"
  case int64 = "i64"
  case int32 = "i32"
  case int16 = "i16"
  case int8 = "i8"
  case uint64 = "u64"
  case uint32 = "u32"
  case uint16 = "u16"
  case uint8 = "u8"
  case bool = "bool"
  case int4 = "i4"
  case uint4 = "u4"
  case int2 = "i2"
  case uint2 = "u2"
  /// A sign, 2 bits of exponent and 1 of significand.
  case float4e2m1 = "f4e2m1"
  /// One of 16 numbers from −1 to 1, as normally distributed weights need them.
  case normalFloat4 = "nf4"
  /// A sign, 4 bits of exponent and 3 of significand, without infinities.
  case float8e4m3 = "f8e4m3"
  /// A sign, 5 bits of exponent and 2 of significand.
  case float8e5m2 = "f8e5m2"
  /// Powers of 2, without a sign.
  case float8e8m0 = "f8e8m0"
  /// The type of a value that an operation unknown to flashfuse produces.
  case unknown = "?"

  /// Bits of one element; 0 for `unknown`.
  public var bitCount: Int {
    switch self {
    case .float64, .int64, .uint64: 64
    case .float32, .int32, .uint32: 32
    case .float16, .bfloat16, .int16, .uint16: 16
    case .int8, .uint8, .bool, .float8e4m3, .float8e5m2, .float8e8m0: 8
    case .int4, .uint4, .float4e2m1, .normalFloat4: 4
    case .int2, .uint2: 2
    case .unknown: 0
    }
  }

  /// Bytes of one element; 0 for `unknown`, and where it has none of its own.
  public var byteCount: Int { bitCount / 8 }

  /// Bytes of `count` elements, as many as a tensor can have.
  public func byteCount(of count: Int) -> Int {
    guard let sharing = elementsPerByte else { return count * byteCount }
    return count / sharing + (count % sharing == 0 ? 0 : 1)
  }

  /// How many elements share a byte; nil where each has bytes of its own.
  var elementsPerByte: Int? { (1..<8).contains(bitCount) ? 8 / bitCount : nil }

  /// Whether it is a type of floating-point numbers that are computed with.
  public var isFloatingPoint: Bool {
    switch self {
    case .float64, .float32, .float16, .bfloat16: true
    default: false
    }
  }

  /// Whether it is a type of signed integers that are computed with.
  public var isSignedInteger: Bool {
    switch self {
    case .int64, .int32, .int16, .int8: true
    default: false
    }
  }

  /// Whether the elements are integers that are computed with, signed or not; a boolean is none.
  public var isInteger: Bool {
    switch self {
    case .uint64, .uint32, .uint16, .uint8: true
    default: isSignedInteger
    }
  }
}

/// A Swift type whose values are stored in tensors as they are in memory.
public protocol TensorScalar: BitwiseCopyable, Hashable, Sendable {
  static var elementType: ElementType { get }
}

extension Double: TensorScalar { public static var elementType: ElementType { .float64 } }
extension Float: TensorScalar { public static var elementType: ElementType { .float32 } }
extension Float16: TensorScalar { public static var elementType: ElementType { .float16 } }
extension BFloat16: TensorScalar { public static var elementType: ElementType { .bfloat16 } }
extension Int64: TensorScalar { public static var elementType: ElementType { .int64 } }
extension Int32: TensorScalar { public static var elementType: ElementType { .int32 } }
extension Int16: TensorScalar { public static var elementType: ElementType { .int16 } }
extension Int8: TensorScalar { public static var elementType: ElementType { .int8 } }
extension UInt64: TensorScalar { public static var elementType: ElementType { .uint64 } }
extension UInt32: TensorScalar { public static var elementType: ElementType { .uint32 } }
extension UInt16: TensorScalar { public static var elementType: ElementType { .uint16 } }
extension UInt8: TensorScalar { public static var elementType: ElementType { .uint8 } }
extension Bool: TensorScalar { public static var elementType: ElementType { .bool } }

/// A 16-bit float with the exponent range of `Float` and 8 bits of precision.
public struct BFloat16: Hashable, Sendable, BitwiseCopyable {
  public var bitPattern: UInt16

  public init(bitPattern: UInt16) { self.bitPattern = bitPattern }

  /// Rounds to nearest, ties to even; a NaN stays a (quiet) NaN.
  public init(_ value: Float) {
    let bits = value.bitPattern
    if value.isNaN {
      bitPattern = UInt16(truncatingIfNeeded: bits >> 16) | 0x0040
    } else {
      let rounding = 0x7FFF + ((bits >> 16) & 1)
      bitPattern = UInt16(truncatingIfNeeded: (bits &+ rounding) >> 16)
    }
  }

  public var float: Float { Float(bitPattern: UInt32(bitPattern) << 16) }
}
