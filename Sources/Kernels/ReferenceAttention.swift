import Foundation
import KernelInterface
import KernelsPortable

/// Attention by its definition, row by row in fp64: what fp64 operands run on, and what the kernels are tested
/// against.
struct ReferenceAttention: Sendable {
  let arguments: FlashAttentionArguments

  /// The rows of all batches and heads.
  var rowCount: Int { arguments.isEmpty ? 0 : arguments.batch * arguments.queryHeads * arguments.queryLength }

  func run(on pool: WorkerPool) {
    pool.run(count: rowCount) { row in
      let (head, query) = row.quotientAndRemainder(dividingBy: arguments.queryLength)
      attend(batch: head / arguments.queryHeads, head: head % arguments.queryHeads, query: query)
    }
  }

  private func attend(batch: Int, head: Int, query: Int) {
    let keyHead = head / (arguments.queryHeads / arguments.keyHeads)
    var weights = (0..<arguments.keyLength).map { key in
      score(batch: batch, head: head, keyHead: keyHead, query: query, key: key)
    }
    let sink = arguments.sinks.map { Double($0[head]) }
    softmax(&weights, sink: sink)
    for column in 0..<arguments.valueSize {
      var sum = 0.0
      for key in 0..<arguments.keyLength {
        sum += weights[key] * arguments.value.number(batch, keyHead, key, column)
      }
      arguments.output.store(sum, batch, head, query, column)
    }
  }

  private func score(batch: Int, head: Int, keyHead: Int, query: Int, key: Int) -> Double {
    guard isVisible(batch: batch, query: query, key: key) else { return -.infinity }
    if let mask = arguments.mask, !mask.keeps(batch, head, query, key) { return Double(arguments.maskedScore) }
    var score = 0.0
    for feature in 0..<arguments.headSize {
      score += arguments.query.number(batch, head, query, feature) * arguments.key.number(batch, keyHead, key, feature)
    }
    score *= arguments.scale
    if let softcap = arguments.softcap.map(Double.init) { score = softcap * tanh(score / softcap) }
    if let bias = arguments.bias { score += bias.number(batch, head, query, key) }
    return score
  }

  private func isVisible(batch: Int, query: Int, key: Int) -> Bool {
    let position = query + arguments.diagonal
    if let lengths = arguments.validKeyLengths, key >= lengths[batch] { return false }
    if arguments.causal != .none, key > position { return false }
    if let left = arguments.window?.left, position - key > left { return false }
    if let right = arguments.window?.right, key - position > right { return false }
    return true
  }

  private func softmax(_ scores: inout [Double], sink: Double?) {
    // NaN loses every comparison here and reaches the sum below.
    var maximum = sink ?? -.infinity
    for score in scores where score > maximum || maximum.isNaN { maximum = score }
    var sum = sink.map { exp($0 - maximum) } ?? 0
    for index in scores.indices {
      scores[index] = exp(scores[index] - maximum)
      sum += scores[index]
    }
    let isUndefined = sum.isNaN
    for index in scores.indices {
      scores[index] = isUndefined && arguments.guardsNaN ? 0 : scores[index] / sum
    }
  }
}

extension FlashAttentionArguments {
  /// There is nothing to write.
  var isEmpty: Bool {
    batch == 0 || queryHeads == 0 || queryLength == 0 || valueSize == 0
  }
}

extension Strides {
  fileprivate func offset(_ batch: Int, _ head: Int, _ row: Int, _ column: Int) -> Int {
    batch * self.batch + head * self.head + row * self.row + column * self.column
  }
}

extension StridedBuffer {
  fileprivate func number(_ batch: Int, _ head: Int, _ row: Int, _ column: Int) -> Double {
    let address = base + strides.offset(batch, head, row, column) * element.byteCount
    return switch element {
    case .float64: address.loadUnaligned(as: Double.self)
    case .float32: Double(address.loadUnaligned(as: Float.self))
    case .bfloat16: Double(float(fromBFloat16: address.loadUnaligned(as: UInt16.self)))
    case .float16: Double(float(fromFloat16: address.loadUnaligned(as: UInt16.self)))
    }
  }
}

extension BooleanBuffer {
  fileprivate func keeps(_ batch: Int, _ head: Int, _ row: Int, _ column: Int) -> Bool {
    base.load(fromByteOffset: strides.offset(batch, head, row, column), as: UInt8.self) != 0
  }
}

extension MutableStridedBuffer {
  /// Writes a number, rounded to the buffer's element type.
  func store(_ number: Double, _ batch: Int, _ head: Int, _ row: Int, _ column: Int) {
    let address = base + strides.offset(batch, head, row, column) * element.byteCount
    switch element {
    case .float64: address.storeBytes(of: number, as: Double.self)
    case .float32: address.storeBytes(of: Float(number), as: Float.self)
    case .bfloat16: address.storeBytes(of: bfloat16(from: Float(number)), as: UInt16.self)
    case .float16: address.storeBytes(of: float16(from: Float(number)), as: UInt16.self)
    }
  }
}
