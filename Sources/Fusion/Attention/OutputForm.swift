import GraphIR
import Operations
import Rewriting
import Tensors

/// What happens to the weights, brought behind the sum over the keys, where it does the same to the output.
struct OutputForm {
  /// What multiplies the output, or divides it.
  var factors: [(value: LabelledValue, inverted: Bool)] = []
  var scale: Double
  /// Rows put to 0: those of which the mask, true where a weight is kept, keeps nothing.
  var masks: [AttentionForm.Mask] = []
  /// What is added at the end, broadcast to the second product.
  var addend: (value: Value, factor: Double)?

  init(of product: Contraction) { (scale, addend) = (product.scale, product.addend) }

  /// Takes in the next step, front to back; throws a `Reason` where the output can't do it.
  mutating func apply(
    _ step: WeightStep, at node: String, form: inout AttentionForm, keys: [Axis], axes: inout AxisTable, in graph: Graph
  ) throws(Reason) {
    switch step {
    case .scaled(let factor): scale *= factor
    case .guarded: form.guardsNaN = true
    case .rounded(let rounding): throw rounding.reason(about: "weights", node: node)
    case .multiplied(let factor, let inverted):
      let factor = axes.resolve(factor)
      guard !factor.holds(keys) else {
        throw Reason(
          "weights-gated",
          "the weights are multiplied with a tensor that differs by key, and not normalised again", node: node,
          hint: "mask the scores before the softmax instead")
      }
      factors.append((factor, inverted))
    case .kept(let condition, let hidden):
      let mask = AttentionForm.Mask(condition: axes.resolve(condition), hidden: hidden)
      guard mask.condition.holds(keys) else {
        masks.append(mask)
        return
      }
      guard form.hides(what: mask, axes: &axes, in: graph) else {
        throw Reason(
          "weights-gated",
          "weights are put to 0 by a mask that did not hide their scores, and not normalised again", node: node,
          hint: "mask the scores before the softmax instead")
      }
      if form.maskedScore.isFinite { form.assumptions.append("scores that are seen lie above \(form.maskedScore)") }
      masks.append(mask)
    }
  }
}

extension AttentionForm {
  /// Whether every key that `mask` drops has been given a score that weighs nothing beside one that is seen.
  fileprivate func hides(what mask: Mask, axes: inout AxisTable, in graph: Graph) -> Bool {
    guard maskedScore <= Self.negligibleFill else { return false }
    let wanted = axes.literal(mask, in: graph)
    for other in masks {
      let own = axes.literal(other, in: graph)
      if own.condition.value == wanted.condition.value, own.hidden == wanted.hidden,
        own.condition.labels == wanted.condition.labels
      {
        return true
      }
    }
    return false
  }
}

extension AxisTable {
  /// `mask` by the value that its condition is a view or the negation of.
  fileprivate mutating func literal(_ mask: AttentionForm.Mask, in graph: Graph) -> AttentionForm.Mask {
    var condition = resolve(mask.condition)
    var hidden = mask.hidden
    for _ in 0..<16 {
      let node = graph[condition.value.node]
      if node.operation is Not, let source = node.inputs[0] {
        condition.value = source
        hidden.toggle()
      } else if let source = upstream(condition, in: graph) {
        condition = resolve(source)
      } else {
        break
      }
    }
    return AttentionForm.Mask(condition: condition, hidden: hidden)
  }
}
