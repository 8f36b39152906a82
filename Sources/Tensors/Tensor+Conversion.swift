extension Tensor {
  /// The elements of any numeric type as doubles (booleans as 0 and 1); 64-bit integers beyond 2⁵³ are rounded.
  public func doubles() throws -> [Double] {
    switch element {
    case .float64: try values(as: Double.self)
    case .float32: try values(as: Float.self).map { Double($0) }
    case .float16: try values(as: Float16.self).map { Double($0) }
    case .bfloat16: try values(as: BFloat16.self).map { Double($0.float) }
    case .int64: try values(as: Int64.self).map { Double($0) }
    case .int32: try values(as: Int32.self).map { Double($0) }
    case .int16: try values(as: Int16.self).map { Double($0) }
    case .int8: try values(as: Int8.self).map { Double($0) }
    case .uint64: try values(as: UInt64.self).map { Double($0) }
    case .uint32: try values(as: UInt32.self).map { Double($0) }
    case .uint16: try values(as: UInt16.self).map { Double($0) }
    case .uint8: try values(as: UInt8.self).map { Double($0) }
    case .bool: try booleans().map { $0 ? 1 : 0 }
    case _ where element.isStorageOnly: try unpacked().doubles()
    default: throw ModelError.unsupported("elements of an unknown type")
    }
  }

  /// The elements of an integer or boolean tensor; throws where one does not fit into `Int`.
  public func integers() throws -> [Int] {
    switch element {
    case .int64: return try values(as: Int64.self).map { Int($0) }
    case .int32: return try values(as: Int32.self).map { Int($0) }
    case .int16: return try values(as: Int16.self).map { Int($0) }
    case .int8: return try values(as: Int8.self).map { Int($0) }
    case .uint64:
      return try values(as: UInt64.self).map { value in
        guard let integer = Int(exactly: value) else {
          throw ModelError.unsupported("the integer \(value) is too large")
        }
        return integer
      }
    case .uint32: return try values(as: UInt32.self).map { Int($0) }
    case .uint16: return try values(as: UInt16.self).map { Int($0) }
    case .uint8: return try values(as: UInt8.self).map { Int($0) }
    case .bool: return try booleans().map { $0 ? 1 : 0 }
    case .int4, .uint4, .int2, .uint2: return try unpacked().integers()
    default: throw ModelError.invalid("a tensor of integers was expected, this is \(element.rawValue)\(shape)")
    }
  }

  /// The elements of a boolean tensor. Any byte but 0 is true, whatever a file may hold.
  public func booleans() throws -> [Bool] {
    guard element == .bool else {
      throw ModelError.invalid("a tensor of booleans was expected, this is \(element.rawValue)\(shape)")
    }
    return withBytes { bytes in bytes.map { $0 != 0 } }
  }

  /// A tensor of `element` made of `doubles`, rounded to nearest where the type is narrower and towards zero where it is integral.
  /// Elements that are only stored must be exact.
  public init(doubles: [Double], element: ElementType, shape: [Int]) throws {
    switch element {
    case .float64: try self.init(doubles, shape: shape)
    case .float32: try self.init(doubles.map { Float($0) }, shape: shape)
    case .float16: try self.init(doubles.map { Float16($0) }, shape: shape)
    case .bfloat16: try self.init(doubles.map { BFloat16(Float($0)) }, shape: shape)
    case .bool: try self.init(doubles.map { $0 != 0 }, shape: shape)
    case .unknown: throw ModelError.unsupported("elements of an unknown type")
    case _ where element.isStorageOnly: try self.init(storing: doubles, element: element, shape: shape)
    default:
      let integers = doubles.map { value in
        Int(exactly: value.rounded(.towardZero)) ?? (value.isNaN ? 0 : value > 0 ? Int.max : Int.min)
      }
      try self.init(integers: integers, element: element, shape: shape)
    }
  }

  /// A tensor of `element` made of `integers`, which wrap around where the type is narrower.
  public init(integers: [Int], element: ElementType = .int64, shape: [Int]) throws {
    switch element {
    case .int64: try self.init(integers.map { Int64($0) }, shape: shape)
    case .int32: try self.init(integers.map { Int32(truncatingIfNeeded: $0) }, shape: shape)
    case .int16: try self.init(integers.map { Int16(truncatingIfNeeded: $0) }, shape: shape)
    case .int8: try self.init(integers.map { Int8(truncatingIfNeeded: $0) }, shape: shape)
    case .uint64: try self.init(integers.map { UInt64(truncatingIfNeeded: $0) }, shape: shape)
    case .uint32: try self.init(integers.map { UInt32(truncatingIfNeeded: $0) }, shape: shape)
    case .uint16: try self.init(integers.map { UInt16(truncatingIfNeeded: $0) }, shape: shape)
    case .uint8: try self.init(integers.map { UInt8(truncatingIfNeeded: $0) }, shape: shape)
    case .bool: try self.init(integers.map { $0 != 0 }, shape: shape)
    default: try self.init(doubles: integers.map { Double($0) }, element: element, shape: shape)
    }
  }
}
