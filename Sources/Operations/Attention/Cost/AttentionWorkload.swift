import Tensors

/// The sizes of an attention, for questions of cost.
public struct AttentionWorkload: Hashable, Sendable {
  public var batch: Int
  public var heads: Int
  public var keyHeads: Int
  public var queryLength: Int
  public var keyLength: Int
  public var headSize: Int
  public var valueSize: Int
  public var element: ElementType
  /// Whether a query sees only keys up to its own position.
  public var isCausal: Bool
  /// Operations on the scores between the two products that the unfused graph runs one by one, such as scale, mask and softmax.
  public var scoreSteps: [String]

  public init(
    batch: Int, heads: Int, keyHeads: Int, queryLength: Int, keyLength: Int, headSize: Int, valueSize: Int,
    element: ElementType, isCausal: Bool = false, scoreSteps: [String] = ["scale", "mask", "softmax"]
  ) {
    self.batch = batch
    self.heads = heads
    self.keyHeads = keyHeads
    self.queryLength = queryLength
    self.keyLength = keyLength
    self.headSize = headSize
    self.valueSize = valueSize
    self.element = element
    self.isCausal = isCausal
    self.scoreSteps = scoreSteps
  }
}

/// A part of the bytes that move between slow and fast memory.
public struct MemoryPass: Hashable, Sendable {
  public let name: String
  public let bytes: Int
}

extension AttentionWorkload {
  /// What the unfused graph moves: the score matrix once for every read and every write of a step; nil where that overflows.
  public func unfusedPasses() -> [MemoryPass]? {
    guard let scores = product(batch, heads, queryLength, keyLength, element.byteCount), let operands = operandBytes
    else { return nil }
    var passes = [MemoryPass(name: "QKᵀ writes the scores", bytes: scores)]
    for step in scoreSteps { passes.append(MemoryPass(name: "\(step) reads and writes them", bytes: 2 * scores)) }
    passes.append(MemoryPass(name: "PV reads the weights", bytes: scores))
    passes.append(MemoryPass(name: "query, key, value, output", bytes: operands.reduce(0, +)))
    return passes
  }

  /// What fused attention moves with tiles of `queryRows`: query and output once, keys and values once a query tile of every query
  /// head, without those that causality hides; nil where that overflows.
  public func fusedPasses(queryRows: Int) -> [MemoryPass]? {
    guard queryRows > 0, let operands = operandBytes, let rowBytes = product(headSize + valueSize, element.byteCount)
    else { return nil }
    var keysRead = 0
    for start in stride(from: 0, to: queryLength, by: queryRows) {
      let last = min(start + queryRows, queryLength) + keyLength - queryLength
      keysRead += isCausal ? min(max(last, 0), keyLength) : keyLength
    }
    guard let keys = product(batch, heads, keysRead, rowBytes) else { return nil }
    return [
      MemoryPass(name: "query and output, once", bytes: operands[0] + operands[3]),
      MemoryPass(name: "keys and values, once a query tile", bytes: keys),
    ]
  }

  /// Multiply-adds count twice; hidden scores of a causal attention don't count.
  public var operations: Double {
    var scores = Double(queryLength) * Double(keyLength)
    if isCausal {
      scores = (0..<queryLength).reduce(0.0) { sum, row in
        sum + Double(min(max(row + 1 + keyLength - queryLength, 0), keyLength))
      }
    }
    return 2 * Double(batch) * Double(heads) * scores * Double(headSize + valueSize)
  }

  /// Bytes of query, key, value and output.
  private var operandBytes: [Int]? {
    let sizes = [
      product(batch, heads, queryLength, headSize), product(batch, keyHeads, keyLength, headSize),
      product(batch, keyHeads, keyLength, valueSize), product(batch, heads, queryLength, valueSize),
    ].compactMap { $0.flatMap { product($0, element.byteCount) } }
    return sizes.count == 4 ? sizes : nil
  }

  /// The product, well below where sums of a few of them would overflow.
  private func product(_ factors: Int...) -> Int? {
    var result = 1
    for factor in factors {
      let (product, overflow) = result.multipliedReportingOverflow(by: factor)
      guard !overflow, product >= 0, product < 1 << 58 else { return nil }
      result = product
    }
    return result
  }
}
