import Operations
import Tensors

/// Attention of every kind, small enough to compute by hand, with inputs that show a wrong order or a lost term.
public struct AttentionVariant: Sendable, CustomStringConvertible {
  public let description: String
  public let operation: FlashAttention
  /// The inputs in the order of the schema.
  public let inputs: [Tensor?]

  /// Variants that cover all attributes and inputs, alone and where they meet.
  public static func all() throws -> [AttentionVariant] {
    let finite = -3.4028234663852886e38
    return [
      try .init("plain"),
      try .init("scale zero") { $0.scale = 0 },
      try .init("negative scale") { $0.scale = -0.5 },
      try .init("grouped heads", heads: 4, keyHeads: 2),
      try .init("wider values", valueSize: 6),
      try .init("causal upper left") { $0.causal = .upperLeft },
      try .init("causal lower right") { $0.causal = .lowerRight },
      try .init("causal, equal lengths", queries: 5, keys: 5) { $0.causal = .upperLeft },
      try .init("causal lower right with empty rows", queries: 5, keys: 3) { $0.causal = .lowerRight },
      try .init("window") {
        $0.leftWindow = 1
        $0.rightWindow = 2
      },
      try .init("causal window") {
        $0.causal = .lowerRight
        $0.leftWindow = 2
      },
      try .init("soft-cap") { $0.softcap = 1.5 },
      try .init("soft-cap and bias", bias: [2, 3, 4, 6]) { $0.softcap = 1.5 },
      try .init("full bias", bias: [2, 3, 4, 6]),
      try .init("bias for keys", bias: [2, 1, 1, 6]),
      try .init("bias of two axes", bias: [4, 6]),
      try .init("bias of one axis", bias: [6]),
      try .init("bias with an empty row", bias: [2, 1, 1, 6], emptyRow: -.infinity),
      try .init("bias with an empty row, guarded", bias: [2, 1, 1, 6], emptyRow: -.infinity) { $0.guardsNaN = true },
      try .init("bias with a lowest row", bias: [2, 1, 4, 6], emptyRow: finite),
      try .init("mask", mask: [2, 1, 4, 6]),
      try .init("mask with an empty row", mask: [2, 1, 4, 6], emptyRow: 0),
      try .init("mask with an empty row, guarded", mask: [2, 1, 4, 6], emptyRow: 0) { $0.guardsNaN = true },
      try .init("mask with the lowest score", mask: [2, 1, 4, 6], emptyRow: 0) { $0.maskedScore = finite },
      try .init("mask with −10000", mask: [2, 1, 1, 6], emptyRow: 0) { $0.maskedScore = -10000 },
      try .init("bias and mask with −10000", bias: [2, 3, 4, 6], mask: [2, 1, 1, 6], emptyRow: 0) {
        $0.maskedScore = -10000
      },
      try .init("mask with −1", mask: [2, 1, 1, 6], emptyRow: 0) { $0.maskedScore = -1 },
      try .init("mask and bias", bias: [2, 3, 4, 6], mask: [1, 1, 4, 6], emptyRow: 0) { $0.maskedScore = finite },
      try .init("mask and causal", mask: [2, 1, 1, 6], emptyRow: 0) { $0.causal = .lowerRight },
      try .init("mask with −10000 and causal", mask: [2, 1, 1, 6], emptyRow: 0) {
        $0.causal = .lowerRight
        $0.maskedScore = -10000
      },
      try .init("lengths", lengths: [6, 2]),
      try .init("an empty length, guarded", lengths: [6, 0]) { $0.guardsNaN = true },
      try .init("lengths and causal", lengths: [5, 2]) { $0.causal = .upperLeft },
      try .init("causal, grouped heads", heads: 4, keyHeads: 2, queries: 5, keys: 5) { $0.causal = .upperLeft },
      try .init("causal window, grouped heads", heads: 4, keyHeads: 2, queries: 5, keys: 5) {
        $0.causal = .lowerRight
        $0.leftWindow = 1
      },
      try .init("causal, soft-cap and sinks", queries: 5, keys: 5, hasSinks: true) {
        $0.causal = .upperLeft
        $0.softcap = 1.5
      },
      try .init("sinks", hasSinks: true),
      try .init("sinks and mask", mask: [2, 1, 4, 6], hasSinks: true, emptyRow: 0),
      try .init("64 bits", element: .float64, bias: [2, 1, 4, 6]),
    ]
  }

  public init(
    _ description: String, element: ElementType = .float32, heads: Int = 3, keyHeads: Int? = nil, queries: Int = 4,
    keys: Int = 6, valueSize: Int = 8, bias: [Int]? = nil, mask: [Int]? = nil, lengths: [Int64]? = nil,
    hasSinks: Bool = false, emptyRow: Double? = nil, _ change: (inout FlashAttention) -> Void = { _ in }
  ) throws {
    self.description = description
    var operation = FlashAttention()
    operation.scale = 0.25
    change(&operation)
    self.operation = operation
    let keyHeads = keyHeads ?? heads
    var inputs: [Tensor?] = [
      try .random([2, heads, queries, 8], element, seed: 1, scale: 2),
      try .random([2, keyHeads, keys, 8], element, seed: 2, scale: 2),
      try .random([2, keyHeads, keys, valueSize], element, seed: 3), nil, nil, nil, nil,
    ]
    if let bias {
      var values = try Tensor.random(bias, element, seed: 4).doubles()
      if mask == nil, let emptyRow { for index in 0..<keys { values[index] = emptyRow } }
      inputs[3] = try Tensor(doubles: values, element: element, shape: bias)
    }
    if let mask {
      var values = try Tensor.random(mask, element, seed: 5).doubles().map { $0 > -0.3 ? 1.0 : 0.0 }
      if emptyRow != nil { for index in 0..<keys { values[index] = 0 } }
      inputs[4] = try Tensor(doubles: values, element: .bool, shape: mask)
    }
    if hasSinks { inputs[5] = try .random([heads], element, seed: 6) }
    if let lengths { inputs[6] = Tensor(lengths) }
    self.inputs = inputs
  }
}

/// The largest difference between two tensors of one shape; a NaN must meet a NaN.
public func largestDifference(_ first: Tensor, _ second: Tensor) throws -> Double {
  guard first.shape == second.shape else { return .infinity }
  return try zip(first.doubles(), second.doubles()).reduce(0) { worst, pair in
    if pair.0.isNaN && pair.1.isNaN || pair.0 == pair.1 { return worst }
    let difference = abs(pair.0 - pair.1)
    return difference.isNaN ? .infinity : max(worst, difference)
  }
}
