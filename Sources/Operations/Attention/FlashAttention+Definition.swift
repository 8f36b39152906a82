import Foundation
import GraphIR
import Tensors

extension FlashAttention {
  /// The definition, in 64 bits and head by head: no tiles, the whole score row at once.
  public func evaluate(_ inputs: Operands<Tensor>) throws -> [Tensor] {
    let query = try inputs[0]
    let key = try inputs[1]
    let value = try inputs[2]
    try require(query.rank == 4 && key.rank == 4 && value.rank == 4, "query, key and value must have 4 axes")
    let (batch, heads, queries, headSize) = (query.shape[0], query.shape[1], query.shape[2], query.shape[3])
    let (keyHeads, keys, valueSize) = (key.shape[1], key.shape[2], value.shape[3])
    try require(
      key.shape == [batch, keyHeads, keys, headSize] && value.shape == [batch, keyHeads, keys, valueSize],
      "key \(key.shape) and value \(value.shape) don't fit query \(query.shape)")
    try require(
      keyHeads > 0 ? heads % keyHeads == 0 : heads == 0, "\(heads) query heads can't share \(keyHeads) key heads")
    let scores = [batch, heads, queries, keys]
    let q = try query.doubles()
    let k = try key.doubles()
    let v = try value.doubles()
    let bias = try inputs.optional(3).map { try Broadcast($0.doubles(), from: $0.shape, to: scores) }
    let mask = try inputs.optional(4).map { try Broadcast($0.doubles(), from: $0.shape, to: scores) }
    let sinks = try inputs.optional(5)?.doubles()
    let lengths = try inputs.optional(6)?.integers()
    try require(sinks.map { $0.count == heads } ?? true, "there must be one sink a query head")
    try require(lengths.map { $0.count == batch } ?? true, "there must be one length a batch entry")

    var output = try zeros([batch, heads, queries, valueSize])
    var row = try zeros([keys])
    for b in 0..<(output.isEmpty ? 0 : batch) {
      for h in 0..<heads {
        let source = b * keyHeads + h / max(heads / max(keyHeads, 1), 1)
        for i in 0..<queries {
          let queryStart = ((b * heads + h) * queries + i) * headSize
          for j in 0..<keys {
            let keyStart = (source * keys + j) * headSize
            var score = 0.0
            for d in 0..<headSize { score += q[queryStart + d] * k[keyStart + d] }
            score *= scale
            if softcap > 0 { score = softcap * tanh(score / softcap) }
            if let bias { score += bias[b, h, i, j] }
            if let mask, mask[b, h, i, j] == 0 { score = maskedScore }
            if hides(key: j, from: i, queries: queries, keys: keys) || j >= lengths?[b] ?? keys { score = -.infinity }
            row[j] = score
          }
          normalize(&row, sink: sinks?[h])
          let outputStart = ((b * heads + h) * queries + i) * valueSize
          for j in 0..<keys {
            let valueStart = (source * keys + j) * valueSize
            for d in 0..<valueSize { output[outputStart + d] += row[j] * v[valueStart + d] }
          }
        }
      }
    }
    return [try Tensor(doubles: output, element: query.element, shape: [batch, heads, queries, valueSize])]
  }

  /// Whether position alone hides a key from a query.
  public func hides(key: Int, from query: Int, queries: Int, keys: Int) -> Bool {
    let position = causal == .lowerRight ? query + keys - queries : query
    if causal != .none && key > position { return true }
    if let leftWindow, key < position - leftWindow { return true }
    if let rightWindow, key > position + rightWindow { return true }
    return false
  }

  private func normalize(_ row: inout [Double], sink: Double?) {
    var maximum = sink ?? -Double.infinity
    for score in row { maximum = score.isNaN || maximum.isNaN ? .nan : max(maximum, score) }
    var sum = sink.map { exp($0 - maximum) } ?? 0
    for j in row.indices {
      row[j] = exp(row[j] - maximum)
      sum += row[j]
    }
    for j in row.indices {
      row[j] /= sum
      if guardsNaN && row[j].isNaN { row[j] = 0 }
    }
  }
}

/// Four-dimensional reading of a tensor that broadcasts.
private struct Broadcast {
  let values: [Double]
  var strides = [0, 0, 0, 0]

  init(_ values: [Double], from shape: [Int], to target: [Int]) throws {
    self.values = values
    var step = 1
    for (offset, size) in shape.reversed().enumerated() {
      let axis = 3 - offset
      try require(axis >= 0 && (size == 1 || size == target[axis]), "\(shape) does not broadcast to \(target)")
      strides[axis] = size == 1 ? 0 : step
      step *= size
    }
  }

  subscript(b: Int, h: Int, i: Int, j: Int) -> Double {
    values[b * strides[0] + h * strides[1] + i * strides[2] + j * strides[3]]
  }
}
