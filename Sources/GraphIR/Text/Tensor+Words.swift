import Tensors

extension Tensor {
  /// The elements as the text form writes them: `1.0`, `-3`, `true`, `inf`, `nan`; floats with the digits that bring back their bits.
  package func words() throws -> [String] {
    switch element {
    case .float64: try values(as: Double.self).map { TextForm.text($0) }
    case .float32: try values(as: Float.self).map { TextForm.text($0) }
    case .float16: try values(as: Float16.self).map { TextForm.text($0) }
    case .bfloat16: try values(as: BFloat16.self).map { TextForm.text($0.float) }
    case .uint64: try values(as: UInt64.self).map { String($0) }
    case .bool: try booleans().map { String($0) }
    case .float4e2m1, .normalFloat4, .float8e4m3, .float8e5m2, .float8e8m0:
      try zip(unpacked().values(as: Float.self), storedBits()).map { value, bits in
        value.isNaN ? "nan(0x\(String(bits, radix: 16)))" : TextForm.text(value)
      }
    default: try integers().map { String($0) }
    }
  }
}

extension BinaryFloatingPoint where Self: LosslessStringConvertible & FloatBits {
  /// Reads what the text form writes, all bits of a NaN included.
  init?(literal text: String) {
    if text.hasPrefix("nan(0x"), text.hasSuffix(")") {
      guard let bits = Bits(text.dropFirst(6).dropLast(), radix: 16), Self(bits: bits).isNaN else { return nil }
      self.init(bits: bits)
    } else {
      self.init(text)
    }
  }
}

extension Tensor {
  /// A tensor of the elements `words`, as `words` of another tensor gives them; as many as `shape` has.
  package init(words: [String], element: ElementType, shape: [Int]) throws {
    func convert<Scalar>(_ read: (String) -> Scalar?) throws -> [Scalar] {
      try words.map { word in
        guard let scalar = read(word) else { throw ModelError.invalid("'\(word)' is no \(element.rawValue)") }
        return scalar
      }
    }
    switch element {
    case .float64: try self.init(convert { Double(literal: $0) }, shape: shape)
    case .float32: try self.init(convert { Float(literal: $0) }, shape: shape)
    case .float16: try self.init(convert { Float16(literal: $0) }, shape: shape)
    case .bfloat16: try self.init(convert { Float(literal: $0).map { BFloat16(keepingNaN: $0) } }, shape: shape)
    case .int64: try self.init(convert { Int64($0) }, shape: shape)
    case .int32: try self.init(convert { Int32($0) }, shape: shape)
    case .int16: try self.init(convert { Int16($0) }, shape: shape)
    case .int8: try self.init(convert { Int8($0) }, shape: shape)
    case .uint64: try self.init(convert { UInt64($0) }, shape: shape)
    case .uint32: try self.init(convert { UInt32($0) }, shape: shape)
    case .uint16: try self.init(convert { UInt16($0) }, shape: shape)
    case .uint8: try self.init(convert { UInt8($0) }, shape: shape)
    case .bool: try self.init(convert { Bool($0) }, shape: shape)
    case .unknown: throw ModelError.invalid("a constant needs an element type")
    default:
      let known = try Tensor(storedBits: element.allStoredBits, element: element, shape: [1 << element.bitCount])
        .words()
      let bits = Dictionary(zip(known, element.allStoredBits)) { first, _ in first }
      try self.init(
        storedBits: convert { bits[$0] ?? Float($0).flatMap { bits[TextForm.text($0)] } }, element: element,
        shape: shape)
    }
  }
}

extension BFloat16 {
  /// As `init(_:)`, but a NaN keeps its upper bits as they are.
  fileprivate init(keepingNaN value: Float) {
    self = value.isNaN ? BFloat16(bitPattern: UInt16(truncatingIfNeeded: value.bitPattern >> 16)) : BFloat16(value)
  }
}

/// A float that can be told bit by bit.
protocol FloatBits {
  associatedtype Bits: FixedWidthInteger
  var bits: Bits { get }
  init(bits: Bits)
}

extension Double: FloatBits {
  var bits: UInt64 { bitPattern }
  init(bits: UInt64) { self.init(bitPattern: bits) }
}

extension Float: FloatBits {
  var bits: UInt32 { bitPattern }
  init(bits: UInt32) { self.init(bitPattern: bits) }
}

extension Float16: FloatBits {
  var bits: UInt16 { bitPattern }
  init(bits: UInt16) { self.init(bitPattern: bits) }
}
