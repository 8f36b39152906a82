/// How numbers are stored, with loads that give floats.
protocol StoredElement {
  static var byteCount: Int { get }

  static func number(at address: UnsafeRawPointer) -> Float
  /// As many neighbouring numbers as a vector has lanes.
  static func lanes(at address: UnsafeRawPointer) -> Lanes
  /// Twice as many: the first half and the second, or with ``splitsPairs`` every other number and those between.
  static func twoVectors(at address: UnsafeRawPointer) -> TwoVectors
  static var splitsPairs: Bool { get }
}

extension StoredElement {
  /// The bytes that ``lanes(at:)`` reads.
  static var vectorBytes: Int {
    @inline(__always) get { byteCount &* Lanes.scalarCount }
  }

  @inline(__always)
  static func twoVectors(at address: UnsafeRawPointer) -> TwoVectors {
    TwoVectors(OneVector(lanes(at: address)), OneVector(lanes(at: address + vectorBytes)))
  }

  static var splitsPairs: Bool { false }
}

enum StoredFloat: StoredElement {
  static var byteCount: Int { 4 }

  @inline(__always)
  static func number(at address: UnsafeRawPointer) -> Float {
    address.loadUnaligned(as: Float.self)
  }

  @inline(__always)
  static func lanes(at address: UnsafeRawPointer) -> Lanes {
    address.loadUnaligned(as: Lanes.self)
  }
}

enum StoredDouble: StoredElement {
  static var byteCount: Int { 8 }

  @inline(__always)
  static func number(at address: UnsafeRawPointer) -> Float {
    Float(address.loadUnaligned(as: Double.self))
  }

  @inline(__always)
  static func lanes(at address: UnsafeRawPointer) -> Lanes {
    var lanes = Lanes()
    for lane in 0..<Lanes.scalarCount { lanes[lane] = number(at: address + 8 &* lane) }
    return lanes
  }
}

enum StoredBFloat16: StoredElement {
  static var byteCount: Int { 2 }

  @inline(__always)
  static func number(at address: UnsafeRawPointer) -> Float {
    float(fromBFloat16: address.loadUnaligned(as: UInt16.self))
  }

  @inline(__always)
  static func lanes(at address: UnsafeRawPointer) -> Lanes {
    floats(fromBFloat16: address.loadUnaligned(as: HalfLanes.self))
  }

  /// Both halves of a word widen without moving to other lanes.
  @inline(__always)
  static func twoVectors(at address: UnsafeRawPointer) -> TwoVectors {
    let words = address.loadUnaligned(as: WordLanes.self)
    let low = words &<< WordLanes(repeating: 16)
    let high = words & WordLanes(repeating: 0xffff_0000)
    return TwoVectors(
      OneVector(unsafeBitCast(low, to: Lanes.self)), OneVector(unsafeBitCast(high, to: Lanes.self)))
  }

  static var splitsPairs: Bool { true }
}

enum StoredFloat16: StoredElement {
  static var byteCount: Int { 2 }

  @inline(__always)
  static func number(at address: UnsafeRawPointer) -> Float {
    float(fromFloat16: address.loadUnaligned(as: UInt16.self))
  }

  @inline(__always)
  static func lanes(at address: UnsafeRawPointer) -> Lanes {
    floats(fromFloat16: address.loadUnaligned(as: HalfLanes.self))
  }
}

/// A boolean as a float: 0 for false, another number for true.
enum StoredBoolean: StoredElement {
  static var byteCount: Int { 1 }

  @inline(__always)
  static func number(at address: UnsafeRawPointer) -> Float {
    Float(address.load(as: UInt8.self))
  }

  @inline(__always)
  static func lanes(at address: UnsafeRawPointer) -> Lanes {
    // The bytes become the low bits of 2²³ + byte.
    let bytes = widen(address.loadUnaligned(as: ByteLanes.self))
    return unsafeBitCast(bytes | WordLanes(repeating: 0x4b00_0000), to: Lanes.self) - 0x1p23
  }
}
