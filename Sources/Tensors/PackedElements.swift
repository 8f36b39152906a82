/// Elements of 2 and 4 bits and floats of 8: weights are stored in them, and converted to another type before anything is computed.
///
/// Several elements of fewer than 8 bits share a byte, the first in its lowest bits.
extension ElementType {
  /// What each pattern of bits stands for, as 8-bit integers or 32-bit floats; nil for types that are computed with.
  public var storedValues: Tensor? {
    switch self {
    case .int4: Tensor((0..<16).map { Int8($0 < 8 ? $0 : $0 - 16) })
    case .uint4: Tensor((0..<16).map { UInt8($0) })
    case .int2: Tensor([0, 1, -2, -1] as [Int8])
    case .uint2: Tensor([0, 1, 2, 3] as [UInt8])
    case .float4e2m1: Tensor(Self.halfSteps + Self.halfSteps.map { -$0 })
    case .normalFloat4: Tensor(Self.normalQuantiles)
    case .float8e4m3: Tensor((0...255).map { Self.float8e4m3(UInt8($0)) })
    case .float8e5m2: Tensor((0...255).map { Float(Float16(bitPattern: UInt16($0) << 8)) })
    case .float8e8m0:
      Tensor((0...255).map { $0 == 255 ? Float.nan : Float(sign: .plus, exponent: $0 - 127, significand: 1) })
    default: nil
    }
  }

  /// Whether its elements are only stored: there is no arithmetic on them.
  public var isStorageOnly: Bool {
    switch self {
    case .int4, .uint4, .int2, .uint2, .float4e2m1, .normalFloat4, .float8e4m3, .float8e5m2, .float8e8m0: true
    default: false
    }
  }

  /// All patterns of bits that an element which is only stored can have.
  package var allStoredBits: [UInt8] { isStorageOnly ? (0..<1 << bitCount).map { UInt8($0) } : [] }

  private static let halfSteps: [Float] = [0, 0.5, 1, 1.5, 2, 3, 4, 6]

  /// The quantiles of a normal distribution that QLoRA (Dettmers et al. 2023, appendix E) gives for NF4.
  private static let normalQuantiles: [Float] = [
    -1, -0.6961928009986877, -0.5250730514526367, -0.39491748809814453, -0.28444138169288635, -0.18477343022823334,
    -0.09105003625154495, 0, 0.07958029955625534, 0.16093020141124725, 0.24611230194568634, 0.33791524171829224,
    0.44070982933044434, 0.5626170039176941, 0.7229568362236023, 1,
  ]

  /// A sign, 4 bits of exponent and 3 of significand, without infinities (Micikevicius et al. 2022).
  private static func float8e4m3(_ bits: UInt8) -> Float {
    let (exponent, fraction) = (Int(bits >> 3 & 15), Float(bits & 7))
    let magnitude: Float =
      switch (exponent, fraction) {
      case (15, 7): .nan
      case (0, _): fraction * 0x1p-9
      default: Float(sign: .plus, exponent: exponent - 7, significand: 1 + fraction / 8)
      }
    return bits < 128 ? magnitude : -magnitude
  }
}

extension Tensor {
  /// The elements as 8-bit integers or 32-bit floats where they are only stored; else the tensor itself.
  public func unpacked() throws -> Tensor {
    guard let values = element.storedValues else { return self }
    return try lookedUp(in: values)
  }

  /// A tensor of what `values` has for the pattern of bits of each element; `values` must have one for every pattern.
  package func lookedUp(in values: Tensor) throws -> Tensor {
    try require(
      element.isStorageOnly && values.rank == 1 && values.count == 1 << element.bitCount,
      "there is no table of \(element.rawValue) in \(values.count) elements")
    return try Tensor(element: values.element, shape: shape) { target in
      values.withBytes { table in
        switch values.element.byteCount {
        case 1: look(up: UInt8.self, in: table, into: target)
        case 2: look(up: UInt16.self, in: table, into: target)
        case 4: look(up: UInt32.self, in: table, into: target)
        default: look(up: UInt64.self, in: table, into: target)
        }
      }
    }
  }

  private func look<Word: BitwiseCopyable>(
    up word: Word.Type, in table: UnsafeRawBufferPointer, into target: UnsafeMutableRawBufferPointer
  ) {
    let (words, results) = (table.assumingMemoryBound(to: Word.self), target.assumingMemoryBound(to: Word.self))
    withUnalignedBytes { codes in
      let sharing = element.elementsPerByte ?? 1
      let mask = UInt8((1 << element.bitCount) - 1)
      for index in 0..<count {
        let (byte, place) = index.quotientAndRemainder(dividingBy: sharing)
        results[index] = words[Int(codes[byte] >> UInt8(place * element.bitCount) & mask)]
      }
    }
  }

  /// The pattern of bits of each element of a type that is only stored.
  package func storedBits() throws -> [UInt8] {
    try lookedUp(in: Tensor(element.allStoredBits)).values(as: UInt8.self)
  }

  /// A tensor of elements that are only stored, given by their patterns of bits.
  package init(storedBits: [UInt8], element: ElementType, shape: [Int]) throws {
    let count = try Tensor.elementCount(of: shape, element: element)
    try require(
      element.isStorageOnly && storedBits.count == count && storedBits.allSatisfy { Int($0) < 1 << element.bitCount },
      "\(storedBits.count) patterns of bits are no \(element.rawValue)\(shape)")
    try self.init(element: element, shape: shape) { bytes in
      for (index, bits) in storedBits.enumerated() {
        let (byte, place) = index.quotientAndRemainder(dividingBy: element.elementsPerByte ?? 1)
        bytes[byte] |= bits << UInt8(place * element.bitCount)
      }
    }
  }

  /// A tensor of elements that are only stored, which must have every one of `values`; nothing is rounded.
  init(storing values: [Double], element: ElementType, shape: [Int]) throws {
    let known = try element.storedValues?.doubles() ?? []
    let codes = try values.map { value in
      guard let code = known.firstIndex(where: { value.isNaN ? $0.isNaN : $0 == value }) else {
        throw ModelError.unsupported("\(value) as an element of type \(element.rawValue)")
      }
      return UInt8(code)
    }
    try self.init(storedBits: codes, element: element, shape: shape)
  }
}
