import GraphIR
import Operations
import Rewriting
import Tensors

/// The steps between first product and softmax, brought into the order in which `FlashAttention` does them:
/// scale, soft-cap, bias, mask.
struct AttentionForm {
  /// A tensor to add to the scores: itself, or made of a mask and an earlier bias.
  indirect enum Bias {
    case value(LabelledValue, factor: Double)
    /// `fill + after` where `mask` hides, `before + after` elsewhere.
    case filled(mask: [Mask], fill: Double, before: [Bias])
    case bounded([Bias], below: Double)
    /// Numbers beyond the range of a type are infinite.
    case narrowed([Bias], to: ElementType, factor: Double)
  }

  struct Mask {
    let condition: LabelledValue
    /// Which truth of the condition hides a key.
    let hidden: Bool
  }

  var scale: Double
  /// The factor outside tanh, once there was one.
  var softcap: Double?
  var queryFactors: [(value: LabelledValue, inverted: Bool)] = []
  var keyFactors: [(value: LabelledValue, inverted: Bool)] = []
  var biases: [Bias] = []
  var masks: [Mask] = []
  var maskedScore = -Double.infinity
  var guardsNaN = false
  /// What position alone hides, after everything else.
  var limits = PositionBand.Limits()
  /// A further logit of every head, with a factor on it, or of all heads.
  enum Sink {
    case value(LabelledValue, scale: Double)
    case number(Double)
  }
  var sink: Sink?
  /// What lets a row see keys, where a row that sees none has the biases for scores, whatever its product gave.
  var visibility: (masks: [Mask], fill: Double, biases: [Bias])?
  /// What exactness rests on, in words.
  var assumptions: [String] = []

  /// A fill this low weighs nothing beside scores as they occur.
  static let negligibleFill = -1e3

  /// A fill this low takes a score's place even when it is added to it: in 32 bits the score is rounded away.
  static let absorbingFill = -1e9

  init(scale: Double) { self.scale = scale }

  /// Scale and cap as `FlashAttention` takes them: a·tanh(b·s) is cap·tanh(scale·s / cap).
  var capped: (scale: Double, softcap: Double) {
    guard let softcap else { return (scale, 0) }
    return (scale * softcap, softcap.magnitude)
  }

  /// The tensors that biases and masks are made of.
  var operands: [LabelledValue] { biases.flatMap(\.operands) + masks.map(\.condition) }

  /// Takes in the next step, front to back, whose result has elements of the given type; throws a `Reason` where attention has no
  /// place for it.
  mutating func apply(
    _ step: ScoreStep, at node: String, element: ElementType, keys: [Axis], queries: [Axis], axes: AxisTable,
    in graph: Graph
  ) throws(Reason) {
    if visibility != nil {
      guard case .biased = step else { throw biasAfterMask(at: node) }
    }
    switch step {
    case .scaled(let factor): try multiply(by: factor, in: element, at: node)
    case .negated: try multiply(by: -1, in: element, at: node)
    case .multiplied(let value, let inverted):
      guard softcap == nil, biases.isEmpty, masks.isEmpty else {
        throw Reason(
          "scaled-after-mask", "the scores are multiplied with a tensor after a mask or soft-cap was applied",
          node: node,
          hint: "apply the scale directly to the product")
      }
      let value = axes.resolve(value)
      if !value.holds(axes.resolve(keys)) {
        queryFactors.append((value, inverted))
      } else if !value.holds(axes.resolve(queries)) {
        keyFactors.append((value, inverted))
      } else {
        throw Reason(
          "scores-gated", "the scores are multiplied with a tensor that differs by query and by key", node: node)
      }
    case .tanh:
      guard softcap == nil, biases.isEmpty, masks.isEmpty else {
        throw Reason(
          "softcap-after-mask", "tanh is applied to scores that already hold a mask or bias", node: node,
          hint: "cap the scores before the mask is added")
      }
      softcap = 1
    case .biased(let value, let factor):
      let isAllOrNothing = graph.isAllOrNothing(value.value, times: factor)
      if isAllOrNothing, element.byteCount >= 4, !masks.isEmpty, maskedScore > Self.absorbingFill,
        maskedScore <= Self.negligibleFill
      {
        visibility = (masks, maskedScore, [])
        assumptions.append("scores that are seen lie far above \(maskedScore)")
        absorbMask()
      }
      if visibility == nil {
        try absorbMask(at: node)
      } else {
        guard isAllOrNothing else { throw biasAfterMask(at: node) }
        visibility?.biases.append(.value(value, factor: factor))
      }
      biases.append(.value(value, factor: factor))
    case .masked(let condition, let hidden, let fill):
      if !masks.isEmpty && fill != maskedScore { try absorbMask(at: node) }
      masks.append(Mask(condition: condition, hidden: hidden))
      maskedScore = fill
    case .lowered(let bound):
      guard bound >= -AttentionForm.absorbingFill else {
        throw Reason("scores-clamped", "the scores are lowered to at most \(bound), which may change them", node: node)
      }
      assumptions.append("scores are below \(bound)")
    case .raised(let bound):
      guard bound <= AttentionForm.absorbingFill else {
        throw Reason("scores-clamped", "the scores are raised to at least \(bound), which may change them", node: node)
      }
      if !masks.isEmpty { maskedScore = max(maskedScore, bound) }
      if !biases.isEmpty { biases = [.bounded(biases, below: bound)] }
      assumptions.append("scores before the mask are above \(bound)")
    case .narrowed(let element):
      if !biases.isEmpty { biases = [.narrowed(biases, to: element, factor: 1)] }
      if !masks.isEmpty { maskedScore = element.nearest(maskedScore) }
    case .rounded(let rounding): throw rounding.reason(about: "scores", node: node)
    }
  }

  /// Takes in the mask that puts weights of `softmax` to 0 before they are normalised, which is what a score of −∞ does.
  mutating func apply(
    _ mask: WeightMask, of softmax: SoftmaxForm, labels: AxisLabels, axes: AxisTable, in graph: Graph
  ) throws(Reason) {
    let node = graph[mask.node].label
    guard let shape = graph.info(of: mask.condition).shape.dimensions, shape.count <= labels.count else {
      throw Reason("unknown-shape", "the rank of an operand is not known", node: node)
    }
    // Beside scores that it hides, others may vanish that are alone in their row once these are hidden before.
    let isFirst = masks.isEmpty || maskedScore == -.infinity && !softmax.keepsZeroRows
    guard !softmax.isStable || biases.isEmpty && isFirst else {
      throw Reason(
        "weights-gated",
        "weights are put to 0 by a mask after another one, or a bias, may have left a row nothing else",
        node: node, hint: "mask the scores before the softmax instead")
    }
    let condition = LabelledValue(value: mask.condition, labels: axes.labels(of: shape, broadcastTo: labels))
    masks.append(Mask(condition: condition, hidden: mask.hidden))
    maskedScore = -.infinity
  }

  /// Takes note that exponentials are taken of the scores themselves: those of low ones are 0, even where a row has no others.
  mutating func assumeExponentialsInRange() {
    assumptions.append("no exponential of a score overflows, and not all of a row vanish")
    if maskedScore <= Self.negligibleFill { maskedScore = -.infinity }
  }

  private mutating func multiply(by factor: Double, in element: ElementType, at node: String) throws(Reason) {
    guard factor.isFinite, factor != 0 else {
      throw Reason("scale-not-finite", "the scores are scaled by \(factor)", node: node)
    }
    if !masks.isEmpty {
      guard factor > 0 else {
        throw Reason(
          "scaled-after-mask", "masked scores are scaled by \(factor), which turns hidden keys into seen ones",
          node: node)
      }
      maskedScore = element.nearest(maskedScore * factor)
    }
    guard factor > 0 || biases.allSatisfy(\.isPlain) else {
      throw Reason(
        "scaled-after-mask", "a mask is scaled by \(factor), which turns hidden keys into seen ones", node: node)
    }
    biases = biases.map { $0.scaled(by: factor, in: element) }
    if softcap == nil {
      scale *= factor
    } else {
      softcap = softcap.map { $0 * factor }
    }
  }

  /// Turns the mask into a bias, so that something may be added after it.
  private mutating func absorbMask(at node: String) throws(Reason) {
    guard masks.isEmpty || maskedScore <= Self.absorbingFill else { throw biasAfterMask(at: node) }
    absorbMask()
  }

  private mutating func absorbMask() {
    guard !masks.isEmpty else { return }
    biases = [.filled(mask: masks, fill: maskedScore, before: biases)]
    masks = []
    maskedScore = -.infinity
  }

  private func biasAfterMask(at node: String) -> Reason {
    let fill = visibility?.fill ?? maskedScore
    return Reason(
      "bias-after-mask",
      "something is done to the scores after hidden ones were set to \(fill), which is not low enough to stand for a mask",
      node: node,
      hint: "add the bias before the mask, fill with -inf or the type's lowest number, or let the bias be 0 or "
        + "the lowest number: a product of the latter and whole numbers")
  }
}

extension ElementType {
  /// `number` as this floating-point type holds it.
  func nearest(_ number: Double) -> Double {
    switch self {
    case .float16: Double(Float16(number))
    case .bfloat16: Double(BFloat16(Float(number)).float)
    case .float32: Double(Float(number))
    default: number
    }
  }
}

extension Double {
  /// Whether `element` holds this number, rounded: whether it stays finite if it is.
  func fits(_ element: ElementType) -> Bool { !isFinite || element.nearest(self).isFinite }
}

extension AttentionForm.Bias {
  fileprivate var operands: [LabelledValue] {
    switch self {
    case .value(let value, _): [value]
    case .filled(let masks, _, let before): masks.map(\.condition) + before.flatMap(\.operands)
    case .bounded(let biases, _), .narrowed(let biases, _, _): biases.flatMap(\.operands)
    }
  }

  fileprivate var isPlain: Bool {
    if case .value = self { true } else { false }
  }

  func scaled(by factor: Double, in element: ElementType) -> Self {
    func scaled(_ biases: [Self]) -> [Self] { biases.map { $0.scaled(by: factor, in: element) } }
    func scaled(_ number: Double) -> Double { element.nearest(number * factor) }
    return switch self {
    case .value(let value, let own): .value(value, factor: own * factor)
    case .filled(let mask, let fill, let before): .filled(mask: mask, fill: scaled(fill), before: scaled(before))
    case .bounded(let biases, let bound): .bounded(scaled(biases), below: scaled(bound))
    case .narrowed(let biases, let element, let own): .narrowed(biases, to: element, factor: own * factor)
    }
  }
}
