import Foundation

@testable import Kernels

/// Attention without any fusion: whole score rows, in the precision of `Number`.
///
/// Operands are contiguous `[batch, heads, length, size]`; everything that modifies scores comes from the case.
struct NaiveAttention<Number: BinaryFloatingPoint> {
  let shape: AttentionShape
  let modifiers: AttentionModifiers
  let query: [Number]
  let key: [Number]
  let value: [Number]

  init(_ shape: AttentionShape, _ modifiers: AttentionModifiers, _ inputs: AttentionInputs) {
    self.shape = shape
    self.modifiers = modifiers
    query = inputs.query.map { Number($0) }
    key = inputs.key.map { Number($0) }
    value = inputs.value.map { Number($0) }
  }

  func output() -> [Number] {
    var output: [Number] = []
    for batch in 0..<shape.batch {
      for head in 0..<shape.queryHeads {
        for row in 0..<shape.queryLength { output += outputRow(batch, head, row) }
      }
    }
    return output
  }

  private func outputRow(_ batch: Int, _ head: Int, _ row: Int) -> [Number] {
    let keyBase = (batch * shape.keyHeads + head / (shape.queryHeads / shape.keyHeads)) * shape.keyLength
    let queryBase = ((batch * shape.queryHeads + head) * shape.queryLength + row) * shape.headSize
    var scores = (0..<shape.keyLength).map { key in
      modified(
        product(queryBase, (keyBase + key) * shape.headSize) * Number(modifiers.scale), batch, head, row, key)
    }
    softmax(&scores, head: head)
    var sums = [Number](repeating: 0, count: shape.valueSize)
    value.withUnsafeBufferPointer { value in
      for key in 0..<shape.keyLength {
        let base = (keyBase + key) * shape.valueSize
        for column in 0..<shape.valueSize { sums[column] += scores[key] * value[base + column] }
      }
    }
    return sums
  }

  private func product(_ queryBase: Int, _ keyBase: Int) -> Number {
    query.withUnsafeBufferPointer { query in
      key.withUnsafeBufferPointer { key in
        var sum: Number = 0
        for feature in 0..<shape.headSize { sum += query[queryBase + feature] * key[keyBase + feature] }
        return sum
      }
    }
  }

  private func modified(_ product: Number, _ batch: Int, _ head: Int, _ row: Int, _ key: Int) -> Number {
    if !modifiers.sees(shape, batch: batch, row: row, key: key) { return -.infinity }
    var score = product
    if let softcap = modifiers.softcap { score = Number(softcap) * Number(tanh(Double(score / Number(softcap)))) }
    if let bias = modifiers.bias { score += Number(bias.value(batch, head, row, key)) }
    if let mask = modifiers.mask, mask.value(batch, head, row, key) == 0 { return Number(modifiers.maskedScore) }
    return score
  }

  private func softmax(_ scores: inout [Number], head: Int) {
    let sink = modifiers.sinks.map { Number($0[head]) }
    var maximum = sink ?? -.infinity
    for score in scores { maximum = score > maximum ? score : maximum }
    var sum = sink.map { exponential($0 - maximum) } ?? 0
    for index in scores.indices {
      scores[index] = exponential(scores[index] - maximum)
      sum += scores[index]
    }
    for index in scores.indices {
      scores[index] = modifiers.guardsNaN && (scores[index] / sum).isNaN ? 0 : scores[index] / sum
    }
  }

  /// The exponential, rounded to the precision of `Number`.
  private func exponential(_ number: Number) -> Number {
    Number(exp(Double(number)))
  }
}
