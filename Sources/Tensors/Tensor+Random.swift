/// The generator of Sebastiano Vigna's `splitmix64.c`: every seed gives a good sequence, and it is short enough to be
/// rebuilt in any language.
public struct SplitMix64: RandomNumberGenerator, Sendable {
  private var state: UInt64

  public init(seed: UInt64) { state = seed }

  public mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var bits = state
    bits = (bits ^ (bits >> 30)) &* 0xBF58_476D_1CE4_E5B9
    bits = (bits ^ (bits >> 27)) &* 0x94D0_49BB_1331_11EB
    return bits ^ (bits >> 31)
  }

  /// A number of mean 0 and deviation 1 that is nearly normal, and never beyond ±2√3.
  ///
  /// The sum of the four 16-bit quarters of one output (Irwin–Hall), so that it is the same to the last bit on any machine.
  public mutating func nextNormal() -> Double {
    let bits = next()
    let sum = (0..<4).reduce(0) { $0 + Int(truncatingIfNeeded: (bits >> (16 * UInt64($1))) & 0xFFFF) }
    return Double(sum - 2 * 65535) / 37837.22723720648
  }
}

extension Tensor {
  /// Nearly normal numbers of mean 0 and deviation `scale` in row-major order, made by `SplitMix64` from `seed`.
  public init(randomOf element: ElementType, shape: [Int], seed: UInt64, scale: Double = 1) throws {
    guard element.isFloatingPoint else {
      throw ModelError.invalid("random numbers are floating-point numbers, not \(element.rawValue)")
    }
    var generator = SplitMix64(seed: seed)
    let count = try Tensor.elementCount(of: shape, element: .float64)
    try AllocationLimit.check(count * MemoryLayout<Double>.stride)
    try self.init(doubles: (0..<count).map { _ in generator.nextNormal() * scale }, element: element, shape: shape)
  }
}
