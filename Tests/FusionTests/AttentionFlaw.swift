import GraphIR
import Operations
import Tensors

/// One thing that makes of a spelling of attention something that no fused attention computes.
enum AttentionFlaw: String, CaseIterable {
  /// Others read what lies between the products.
  case scoresRead, weightsRead, weightsInTwoProducts
  /// The scores hide keys by what they are themselves.
  case maskOfScores
  case otherAxis, gated, softcapAfterMask, keptByOther
  case misplacedSink, sinkOfQueries, droppedSegment
  /// The first product is with weights: a router.
  case linearLayer
  case training, quantisedScores, quantisedWeights
  /// The weights are shifted, or squared, after all.
  case shiftedWeights, squaredWeights

  /// Makes the choices of `spelling` ones that can have this flaw.
  func prepare(_ spelling: inout AttentionSpelling) {
    switch self {
    case .softcapAfterMask:
      spelling.softcap = false
      if spelling.mask == .none { spelling.mask = .added }
    case .otherAxis: (spelling.order, spelling.columns) = (.rows, .whole)
    case .misplacedSink, .sinkOfQueries: spelling.columns = .sink
    case .droppedSegment: spelling.columns = .segments
    case .linearLayer:
      (spelling.layout, spelling.order, spelling.columns, spelling.dynamic) = (.folded, .rows, .whole, false)
    // Only numbers of 32 bits are quantised, and only what is between two whole products.
    case .quantisedScores, .quantisedWeights: (spelling.isWide, spelling.columns) = (false, .whole)
    case .weightsInTwoProducts:
      (spelling.columns, spelling.order) = (.whole, .rows)
      if spelling.layout == .einsum { spelling.layout = .heads }
    case .maskOfScores, .training: spelling.columns = .whole
    default: break
    }
  }
}

extension AttentionBuilder {
  /// The raw `scores` with what a flaw does to them.
  mutating func flawed(scores: Value) throws -> Value {
    switch spelling.flaw {
    case .maskOfScores: try op(Where(), op(Greater(), scores, number(0.1)), scores, number(-.infinity))
    case .quantisedScores: try quantised(scores, step: 0.125)
    default: scores
    }
  }

  /// The `weights`, as the second product reads them, with what a flaw does to them.
  mutating func flawed(weights: Value) throws -> Value {
    switch spelling.flaw {
    case .keptByOther: return try op(Where(), oriented(maskInput("by", .bool)), weights, number(0))
    case .gated: return try op(Mul(), weights, oriented(maskInput("by", element)))
    case .training:
      let always = try graph.addConstant(Tensor(scalar: true))
      return try op(Dropout(), weights, graph.addConstant(Tensor(scalar: Float(0.5))), always)
    case .quantisedWeights: return try quantised(weights, step: 1 / 256)
    case .shiftedWeights: return try op(Add(), weights, number(0.01))
    case .squaredWeights: return try op(Mul(), weights, weights)
    default: return weights
    }
  }

  private mutating func quantised(_ value: Value, step: Float) throws -> Value {
    let (step, zero) = (try graph.addConstant(Tensor(scalar: step)), try graph.addConstant(Tensor(scalar: UInt8(0))))
    return try op(DequantizeLinear(), op(QuantizeLinear(), value, step, zero), step, zero)
  }
}
