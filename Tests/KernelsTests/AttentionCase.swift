import KernelInterface

@testable import Kernels

struct AttentionShape: Hashable, Sendable {
  var batch = 1
  var queryHeads = 2
  var keyHeads = 2
  var queryLength = 5
  var keyLength = 7
  var headSize = 8
  var valueSize = 8

  var queryCount: Int { batch * queryHeads * queryLength * headSize }
  var keyCount: Int { batch * keyHeads * keyLength * headSize }
  var valueCount: Int { batch * keyHeads * keyLength * valueSize }
}

/// Numbers for `[batch, heads, queryLength, keyLength]`, broadcast along the axes where `size` is 1.
struct ScoreTensor: Sendable {
  let size: [Int]
  var numbers: [Float]

  init(broadcast: [Bool], _ shape: AttentionShape, number: (Int) -> Float) {
    let full = [shape.batch, shape.queryHeads, shape.queryLength, shape.keyLength]
    size = zip(full, broadcast).map { $1 ? 1 : $0 }
    numbers = (0..<size.reduce(1, *)).map(number)
  }

  var strides: Strides {
    let steps = [size[1] * size[2] * size[3], size[2] * size[3], size[3], 1]
    let used = zip(size, steps).map { $0 == 1 ? 0 : $1 }
    return Strides(batch: used[0], head: used[1], row: used[2], column: used[3])
  }

  func value(_ batch: Int, _ head: Int, _ row: Int, _ key: Int) -> Float {
    numbers[batch * strides.batch + head * strides.head + row * strides.row + key * strides.column]
  }
}

/// Everything that an attention does to its scores.
struct AttentionModifiers: Sendable {
  var scale = 0.25
  var softcap: Float?
  var bias: ScoreTensor?
  /// 0 = hidden.
  var mask: ScoreTensor?
  var maskedScore = -Float.infinity
  var causal = Causality.none
  var window: AttentionWindow?
  var validKeyLengths: [Int]?
  var sinks: [Float]?
  var guardsNaN = false

  func sees(_ shape: AttentionShape, batch: Int, row: Int, key: Int) -> Bool {
    let position = causal == .lowerRight ? row + shape.keyLength - shape.queryLength : row
    let bySequence = causal == .none || key <= position
    let byWindow = position - key <= window?.left ?? .max && key - position <= window?.right ?? .max
    return bySequence && byWindow && key < validKeyLengths?[batch] ?? .max
  }
}

/// Contiguous `[batch, heads, length, size]` operands.
struct AttentionInputs: Sendable {
  var query: [Float]
  var key: [Float]
  var value: [Float]

  init(_ shape: AttentionShape, seed: UInt64, magnitude: Float = 1) {
    var generator = SplitMix(state: seed)
    query = (0..<shape.queryCount).map { _ in generator.normal() * magnitude }
    key = (0..<shape.keyCount).map { _ in generator.normal() * magnitude }
    value = (0..<shape.valueCount).map { _ in generator.normal() }
  }

  /// The inputs as they are after being stored as `element`.
  func rounded(to element: KernelElement) -> AttentionInputs {
    var rounded = self
    rounded.query = query.map { element.round($0) }
    rounded.key = key.map { element.round($0) }
    rounded.value = value.map { element.round($0) }
    return rounded
  }
}

/// How an operand lies in memory.
enum Layout: String, CaseIterable, Sendable {
  /// `[batch, heads, length, size]`
  case headMajor
  /// `[batch, length, heads, size]`
  case sequenceMajor
  /// `[batch, heads, size, length]`
  case transposed
  /// `[batch, heads, length, size + 3]` of which the last three are not the operand's.
  case padded

  func strides(heads: Int, length: Int, size: Int) -> Strides {
    switch self {
    case .headMajor: Strides(batch: heads * length * size, head: length * size, row: size)
    case .sequenceMajor: Strides(batch: heads * length * size, head: size, row: heads * size)
    case .transposed: Strides(batch: heads * length * size, head: length * size, row: 1, column: length)
    case .padded: Strides(batch: heads * length * (size + 3), head: length * (size + 3), row: size + 3)
    }
  }
}

/// A generator with reproducible sequences (SplitMix64).
struct SplitMix: RandomNumberGenerator {
  var state: UInt64

  mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
    return mixed ^ (mixed >> 31)
  }

  /// A number of about unit normal distribution.
  mutating func normal() -> Float {
    var sum: Float = -6
    for _ in 0..<12 { sum += Float(next() >> 40) / 16_777_216 }
    return sum
  }
}
