import GraphIR
import Operations
import Tensors

/// The graph engine's operation for attention, of which a graph holds nodes only on their way into a file.
///
/// Inputs are laid out as `[batch, heads, length, size]`; of the mask, true hides.
struct FlashAttentionScore: GraphOperation {
  var scale = 1.0
  var heads = 0
  /// Which keys a query sees by position: 0 all, 2 and 3 causal from the upper left and the lower right, 4 a band.
  var sparseMode = 0
  var before = unlimited
  var after = unlimited

  static let unlimited = Int(Int32.max)

  /// What there is no place for in other modes.
  var innerPrecision = 0

  static let schema = Schema<Self>(
    "FlashAttentionScore", inputs: ["query", "key", "value", .optional("real_shift"), .optional("atten_mask")],
    attributes: [
      .init("scale_value", \.scale), .init("head_num", \.heads), .init("sparse_mode", \.sparseMode),
      .init("pre_tockens", \.before), .init("next_tockens", \.after), .init("inner_precise", \.innerPrecision),
    ])

  func infer(_ inputs: Operands<ValueInfo>) throws -> [ValueInfo] {
    guard let query = try inputs[0].shape.dimensions, let value = try inputs[2].shape.dimensions, query.count == 4,
      value.count == 4
    else { throw ModelError.invalid("query, key and value must have 4 axes") }
    return [ValueInfo(try inputs[0].element, [query[0], query[1], query[2], value[3]])]
  }

  func evaluate(_ inputs: Operands<Tensor>) throws -> [Tensor] {
    throw ModelError.unsupported("FlashAttentionScore is written to files, not run")
  }
}

extension Graph {
  /// Puts `FlashAttentionScore` in the place of `nodes`, which are `FlashAttention`; throws `unsupported` where it can't say one.
  mutating func lowerToFlashAttentionScore(_ nodes: [NodeID]) throws {
    for id in nodes {
      guard let attention = self[id].operation as? FlashAttention else { continue }
      let node = self[id]
      try locating(node.label) {
        let score = try replacement(of: attention, node)
        try replaceUses(of: Value(id), with: score)
      }
    }
    removeUnused()
  }

  private mutating func replacement(of attention: FlashAttention, _ node: Node) throws -> Value {
    func input(_ index: Int) -> Value? { node.inputs.indices.contains(index) ? node.inputs[index] : nil }
    func unlessUnsupported(_ condition: Bool, _ what: String) throws {
      if !condition { throw ModelError.unsupported("FlashAttentionScore has no \(what)") }
    }
    try unlessUnsupported(attention.softcap == 0, "soft-cap")
    try unlessUnsupported(input(5) == nil, "sinks")
    try unlessUnsupported(input(6) == nil, "lengths in this layout")
    guard let query = input(0), let key = input(1), let value = input(2), let sizes = type(of: query).shape.dimensions,
      let keySizes = type(of: key).shape.dimensions, let heads = sizes[1].constant
    else { throw ModelError.unsupported("FlashAttentionScore needs to know the number of heads") }
    var score = FlashAttentionScore()
    score.scale = attention.scale
    score.heads = heads
    let isPositional = attention.causal != .none || attention.leftWindow != nil || attention.rightWindow != nil
    if isPositional {
      try unlessUnsupported(input(4) == nil, "mask beside causality or a window")
      let isSquare = sizes[2] == keySizes[2]
      switch attention.causal {
      case .upperLeft where attention.leftWindow == nil: score.sparseMode = isSquare ? 3 : 2
      case .lowerRight where attention.leftWindow == nil: score.sparseMode = 3
      case .none where isSquare, .upperLeft where isSquare, .lowerRight:
        score.sparseMode = 4
        score.before = attention.leftWindow ?? score.before
        score.after = attention.causal == .none ? attention.rightWindow ?? score.after : 0
      default: throw ModelError.unsupported("FlashAttentionScore has no window that counts from the upper left")
      }
    }
    let origin = Origin(sources: node.origin.sources, passes: node.origin.passes)
    var operands: [Value?] = [query, key, value]
    let scores = [sizes[0], sizes[1], sizes[2], keySizes[2]]
    if let bias = input(3) { operands.append(try expanded(bias, to: scores, from: 1)) } else { operands.append(nil) }
    if let mask = input(4) {
      // A mask that was turned over for the fusion need not be turned twice.
      let hidden: Value
      if operation(of: mask, as: Not.self) != nil, let turned = self[mask.node].inputs[0] {
        hidden = turned
      } else {
        hidden = try insert(Not(), [mask], name: "\(node.name)/mask", origin: Origin(passes: node.origin.passes))
      }
      operands.append(try expanded(hidden, to: scores, from: 2))
      score.innerPrecision = 2
    }
    while operands.last == .some(nil) { operands.removeLast() }
    return try insert(score, operands, name: node.name, origin: origin)
  }

  /// `value`, which broadcasts to `sizes`, with all axes from `axis` on as long as they are there.
  private mutating func expanded(_ value: Value, to sizes: [Dimension], from axis: Int) throws -> Value {
    guard let own = type(of: value).shape.dimensions, own.count <= 4 else {
      throw ModelError.unsupported("a mask of unknown rank")
    }
    let aligned = Array(repeating: Dimension(1), count: 4 - own.count) + own
    if own.count == 4, aligned[axis...] == sizes[axis...] { return value }
    if own.count == 2, axis == 2, own == Array(sizes[2...]) { return value }
    let wanted = zip(aligned, sizes).enumerated().map { index, pair in index < axis ? pair.0 : pair.1 }
    let numbers = wanted.compactMap(\.constant)
    guard numbers.count == 4 else {
      throw ModelError.unsupported("a mask that has to be repeated an unknown number of times")
    }
    let shape = try addConstant(Tensor(integers: numbers, shape: [4]))
    return try insert(Expand(), [value, shape], name: "\(self[value.node].name)/expanded")
  }
}
