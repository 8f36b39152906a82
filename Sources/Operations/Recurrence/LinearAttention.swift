import GraphIR
import Tensors

/// Attention without a softmax: a state `S [keySize, valueSize]` for each head, which every step of a sequence changes and reads.
///
///     S′ = exp(decay) · S + k ⊗ v,    or with `delta`    S′ = exp(decay) · S + k ⊗ beta · (v − (exp(decay) · S)ᵀ k)
///     result = scale · S′ᵀ q
///
/// Queries, keys and values are `[batch, length, heads · size]`, heads of queries sharing those of keys in equal groups. `decay` has a
/// number a head or one for each feature of a key, `beta` one a head or one for all.
public struct LinearAttention: GraphOperation {
  public enum UpdateRule: String, Hashable, Sendable, CaseIterable, AttributeConvertible {
    case linear
    case gated
    case delta
    case gatedDelta = "gated_delta"
  }

  /// Of no meaning for the result.
  public var chunkSize = 64
  public var keyHeads = 0
  public var queryHeads = 0
  /// 0: one over the root of the size of a key.
  public var scale = 0.0
  public var updateRule = UpdateRule.gatedDelta

  public init() {}

  public static let schema = Schema<Self>(
    "LinearAttention",
    inputs: ["query", "key", "value", .optional("past_state"), .optional("decay"), .optional("beta")], outputs: 1...2,
    attributes: [
      .init("chunk_size", \.chunkSize), .init("kv_num_heads", \.keyHeads), .init("q_num_heads", \.queryHeads),
      .init("scale", \.scale), .init("update_rule", \.updateRule),
    ],
    spellings: [.onnx("LinearAttention", since: 27)])

  public func infer(_ inputs: Operands<ValueInfo>) throws -> [ValueInfo] {
    let operands = [try inputs[0], try inputs[1], try inputs[2]]
    for operand in operands {
      if let rank = operand.rank { try require(rank == 3, "3 axes were expected, found \(operand.type)") }
    }
    try require(
      keyHeads > 0 && queryHeads > 0 && queryHeads % keyHeads == 0,
      "\(queryHeads) heads of queries can't share \(keyHeads) heads of keys")
    let sizes = operands.map { $0.shape.dimensions ?? [.unknown, .unknown, .unknown] }
    let heads = Dimension(keyHeads)
    let valueSize = Dimension.floorDivision(sizes[2][2], heads)
    let result: Shape = [sizes[0][0], sizes[0][1], valueSize * Dimension(queryHeads)]
    let state: Shape = [sizes[0][0], heads, .floorDivision(sizes[1][2], heads), valueSize]
    return [
      ValueInfo(operands[0].element, result), ValueInfo(inputs.optional(3)?.element ?? operands[0].element, state),
    ]
  }

  public func evaluate(_ inputs: Operands<Tensor>) throws -> [Tensor] {
    let (query, key, value) = (try inputs[0], try inputs[1], try inputs[2])
    let types = try infer(inputs.shapes)
    guard let shape = types[0].shape.sizes, let stateShape = types[1].shape.sizes else {
      throw ModelError.invalid("the sizes of the result are not known")
    }
    let (batch, length, keySize, valueSize) = (shape[0], shape[1], stateShape[2], stateShape[3])
    func operand(_ tensor: Tensor, _ sizes: [Int]) throws -> Rows {
      let expected = sizes.map { [batch, length, $0] }
      try require(
        expected.contains(tensor.shape), "a shape of \(expected[0]) was expected, found \(tensor.shape)")
      return Rows(values: try tensor.doubles(), size: tensor.shape[2])
    }
    func gate(_ index: Int, isNeeded: Bool, _ sizes: [Int]) throws -> Rows? {
      try require(
        isNeeded == (inputs.optional(index) != nil), "input \(index) does not go with '\(updateRule.rawValue)'")
      return try inputs.optional(index).map { try operand($0, sizes) }
    }
    let queries = try operand(query, [checkedProduct([queryHeads, keySize])])
    let keys = try operand(key, [checkedProduct([keyHeads, keySize])])
    let values = try operand(value, [checkedProduct([keyHeads, valueSize])])
    let isGated = updateRule == .gated || updateRule == .gatedDelta
    let decay = try gate(4, isNeeded: isGated, [keyHeads, keyHeads * keySize])
    let isDelta = updateRule == .delta || updateRule == .gatedDelta
    let beta = try gate(5, isNeeded: isDelta, [keyHeads, 1])
    let scale = scale == 0 ? 1 / Double(keySize).squareRoot() : scale
    let past = inputs.optional(3)
    if let past { try require(past.shape == stateShape, "a state of shape \(stateShape) was expected") }
    var state = try past?.doubles() ?? zeros(stateShape)
    var result = try zeros(shape)
    for entry in 0..<(result.isEmpty && state.isEmpty ? 0 : batch) {
      for row in (entry * length)..<((entry + 1) * length) {
        for head in 0..<keyHeads {
          let start = (entry * keyHeads + head) * keySize * valueSize
          let k = keys.part(row, head, of: keyHeads)
          var v = Array(values.part(row, head, of: keyHeads))
          if let decay {
            let rates = Array(decay.part(row, head, of: keyHeads))
            for d in 0..<keySize {
              let factor = Double.exponential(rates[rates.count == 1 ? 0 : d])
              for m in 0..<valueSize { state[start + d * valueSize + m] *= factor }
            }
          }
          if let beta {
            let rate = beta.part(row, beta.size == 1 ? 0 : head, of: beta.size).first ?? 0
            for m in 0..<valueSize {
              let known = k.enumerated().reduce(0) { $0 + $1.element * state[start + $1.offset * valueSize + m] }
              v[m] = rate * (v[m] - known)
            }
          }
          for (d, factor) in k.enumerated() {
            for m in 0..<valueSize { state[start + d * valueSize + m] += factor * v[m] }
          }
          for reader in (head * queryHeads / keyHeads)..<((head + 1) * queryHeads / keyHeads) {
            for (d, factor) in queries.part(row, reader, of: queryHeads).enumerated() {
              for m in 0..<valueSize {
                result[(row * queryHeads + reader) * valueSize + m] += scale * factor * state[start + d * valueSize + m]
              }
            }
          }
        }
      }
    }
    return [
      try Tensor(doubles: result, element: query.element, shape: shape),
      try Tensor(doubles: state, element: types[1].element, shape: stateShape),
    ]
  }

  /// Rows of `size` elements, each shared out among heads.
  private struct Rows {
    let values: [Double]
    let size: Int

    func part(_ row: Int, _ head: Int, of heads: Int) -> ArraySlice<Double> {
      let width = size / heads
      let start = row * size + head * width
      return values[start..<(start + width)]
    }
  }
}
