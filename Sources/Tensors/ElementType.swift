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
  /// The type of a value that an operation unknown to flashfuse produces.
  case unknown = "?"

  /// Bytes of one element; 0 for `unknown`.
  public var byteCount: Int {
    switch self {
    case .float64, .int64, .uint64: 8
    case .float32, .int32, .uint32: 4
    case .float16, .bfloat16, .int16, .uint16: 2
    case .int8, .uint8, .bool: 1
    case .unknown: 0
    }
  }

  public var isFloatingPoint: Bool {
    switch self {
    case .float64, .float32, .float16, .bfloat16: true
    default: false
    }
  }

  public var isSignedInteger: Bool {
    switch self {
    case .int64, .int32, .int16, .int8: true
    default: false
    }
  }

  /// Whether the elements are integers, signed or not; a boolean is none.
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
