import GraphIR
import Operations
import Tensors

extension GELifting {
  /// The operation that the graph engine has for fused attention. Its fourth result is the attention's, the others are for training.
  mutating func flashAttentionScore() throws -> [Value?] {
    try unlessUnsupported(operation.number("keep_prob") ?? 1 == 1 && input(4) == nil, "dropout")
    try unlessUnsupported(inputs.dropFirst(7).allSatisfy { $0 == nil } && input(5) == nil, "lengths or a prefix")
    guard let layout = FlashAttentionScoreLayout(rawValue: try operation.string("input_layout") ?? "") else {
      throw ModelError.unsupported("the layout of its inputs")
    }
    var operands = [try required(0), try required(1), try required(2)]
    if layout.isFlat {
      let heads = try operation.integer("head_num") ?? 0
      let sizes = operands.map { graph.type(of: $0).shape.dimensions?.last?.constant }
      guard heads > 0, let hidden = sizes[0], let keyHidden = sizes[1], hidden > 0, hidden % heads == 0,
        keyHidden % (hidden / heads) == 0
      else { throw ModelError.unsupported("heads of unknown size") }
      let keyHeads = keyHidden / (hidden / heads)
      operands = try zip(operands, [heads, keyHeads, keyHeads]).map { operand, heads in
        try add("Reshape", [operand, constant([0, 0, heads, -1])])
      }
    }
    if layout.toCanonical != [0, 1, 2, 3] {
      operands = try operands.map { try add("Transpose", [$0], ["perm": .integers(layout.toCanonical)]) }
    }
    var attention = FlashAttention()
    attention.scale = try operation.number("scale_value") ?? 1
    // What a row gives of which the mask hides all is set to 0 in this mode.
    attention.guardsNaN = try operation.integer("inner_precise") ?? 0 == 2
    var bias = input(3)
    if let given = bias, try operation.integer("pse_type") ?? 1 != 0 {
      bias = try add("Mul", [given, scalar(attention.scale, like: given)])
    }
    let mask = try limit(&attention)
    var flash: [Value?] = operands + [bias, mask]
    while flash.last == .some(nil) { flash.removeLast() }
    let result = try graph.insert(attention, flash, name: operation.name, origin: origin)
    return [nil, nil, nil, try merge(result, layout)]
  }

  /// Applies `sparse_mode`, and returns the mask that is left.
  private mutating func limit(_ attention: inout FlashAttention) throws -> Value? {
    let unlimited = Int(Int32.max)
    let before = try operation.integer("pre_tockens") ?? unlimited
    let after = try operation.integer("next_tockens") ?? unlimited
    switch try operation.integer("sparse_mode") ?? 0 {
    case 0, 1:
      try unlessUnsupported(before >= 1 << 30 && after >= 1 << 30, "a band beside a mask")
      guard let mask = input(6) else { return nil }
      return try add(
        "Not", [graph.type(of: mask).element == .bool ? mask : add("Cast", [mask], ["to": .element(.bool)])])
    case 2: attention.causal = .upperLeft
    case 3: attention.causal = .lowerRight
    case 4:
      // Positions count from the lower right; without causality they would not.
      try unlessUnsupported(after == 0 && before >= 0, "a band that is not causal")
      attention.causal = .lowerRight
      if before < unlimited { attention.leftWindow = before }
    case let mode: throw ModelError.unsupported("sparse mode \(mode)")
    }
    return nil
  }

  private mutating func merge(_ result: Value, _ layout: FlashAttentionScoreLayout) throws -> Value {
    var value = result
    if layout.toCanonical != [0, 1, 2, 3] {
      let back = (0..<4).map { axis in layout.toCanonical.firstIndex(of: axis) ?? axis }
      value = try add("Transpose", [value], ["perm": .integers(back)])
    }
    return layout.isFlat ? try add("Reshape", [value, constant([0, 0, -1])]) : value
  }
}

/// The layouts of `FlashAttentionScore`: B batch, N heads, S length, D size, H heads and sizes in one axis.
enum FlashAttentionScoreLayout: String {
  case bnsd = "BNSD"
  case bsnd = "BSND"
  case bsh = "BSH"
  case sbh = "SBH"

  var isFlat: Bool { self == .bsh || self == .sbh }

  /// The order of the axes, heads apart, that gives `[batch, heads, length, size]`.
  var toCanonical: [Int] {
    switch self {
    case .bnsd: [0, 1, 2, 3]
    case .bsnd, .bsh: [0, 2, 1, 3]
    case .sbh: [1, 2, 0, 3]
    }
  }
}
