import GraphIR
import Operations
import Tensors

/// Masks that follow from positions, taken out of the tensors and said as causality or a window.
extension AttentionForm {
  /// Replaces masks and biases that position alone explains with limits.
  ///
  /// What they hide gets −∞ from then on. With another fill that is the same only for rows that are sure to see a key, of which
  /// nothing else may take the weight: in all other cases the tensors stay.
  mutating func readPositions(_ reader: PositionReader, queryLength: Dimension, keyLength: Dimension) {
    var reader = reader
    let limits = { (band: PositionBand) in band.attributes(queries: queryLength, keys: keyLength) }
    if masks.isEmpty {
      readBiases(&reader, limits)
      return
    }
    var band = PositionBand()
    var rest: [Mask] = []
    var found = false
    for mask in masks {
      let parts = reader.parts(of: mask.condition, when: !mask.hidden)
      guard let both = band.intersection(parts.band) else { return }
      band = both
      rest += parts.rest
      found = found || parts.hasBand
    }
    guard found, let limits = limits(band) else { return }
    if maskedScore != -.infinity {
      guard rest.isEmpty, biases.isEmpty, isReplaceable(maskedScore, limits) else { return }
      maskedScore = -.infinity
    }
    (self.limits, masks) = (limits, rest)
  }

  /// A single number for all hidden keys, added: −∞ is itself whatever else is added, a finite one must be all that is added.
  private mutating func readBiases(_ reader: inout PositionReader, _ limits: (PositionBand) -> PositionBand.Limits?) {
    for (index, bias) in biases.enumerated() {
      guard case .value(let value, let factor) = bias,
        let (condition, whenTrue, whenFalse) = reader.twoValued(value),
        let hidden = [true, false].first(where: { ($0 ? whenFalse : whenTrue) == 0 })
      else { continue }
      let fill = (hidden ? whenTrue : whenFalse) * factor
      let parts = reader.parts(of: condition, when: !hidden)
      guard parts.hasBand, parts.rest.isEmpty, let limits = limits(parts.band) else { continue }
      guard fill == -.infinity || biases.count == 1 && isReplaceable(fill, limits) else { continue }
      if fill == -.infinity { assumptions.append("hidden scores are neither NaN nor infinite") }
      self.limits = limits
      biases.remove(at: index)
      return
    }
  }

  /// Whether a finite score of hidden keys weighs as little as −∞.
  private mutating func isReplaceable(_ fill: Double, _ limits: PositionBand.Limits) -> Bool {
    guard fill <= Self.negligibleFill, limits.leavesNoRowEmpty else { return false }
    assumptions.append("scores that are seen lie far above \(fill)")
    return true
  }
}

extension PositionReader {
  /// What a tensor that holds one of two numbers, depending on a condition (true or other than 0), holds in either case.
  mutating func twoValued(
    _ value: LabelledValue, depth: Int = 0
  ) -> (condition: LabelledValue, whenTrue: Double, whenFalse: Double)? {
    let value = axes.resolve(value)
    guard depth < 16 else { return nil }
    let info = graph.info(of: value.value)
    if info.element == .bool { return (value, 1, 0) }
    if let constant = info.constant {
      guard constant.count <= ValueInfo.contentsLimit, let numbers = try? constant.doubles(),
        let other = numbers.first(where: { $0 != 0 }), numbers.allSatisfy({ $0 == 0 || $0 == other })
      else { return nil }
      return (value, other, 0)
    }
    let node = graph[value.value.node]
    let operands = node.inputs.indices.map { operand($0, of: node, value) }
    let numbers = node.inputs.map { $0.flatMap { graph.uniformNumber($0) } }
    func mapped(
      _ index: Int, _ change: (Double) -> Double
    ) -> (condition: LabelledValue, whenTrue: Double, whenFalse: Double)? {
      guard let operand = operands[index], let inner = twoValued(operand, depth: depth + 1) else { return nil }
      return (inner.condition, change(inner.whenTrue), change(inner.whenFalse))
    }
    switch node.operation {
    case is Where:
      guard operands.count == 3, let condition = operands[0], let first = numbers[1], let second = numbers[2] else {
        return nil
      }
      return (condition, first, second)
    case is Trilu:
      guard let source = node.inputs[0], let number = graph.uniformValue(source), number != 0 else { return nil }
      return (value, number, 0)
    case is Mul where operands.count == 2:
      if let factor = numbers[1] { return mapped(0) { $0 * factor } }
      return numbers[0].flatMap { factor in mapped(1) { $0 * factor } }
    case is Add where operands.count == 2:
      if let term = numbers[1] { return mapped(0) { $0 + term } }
      return numbers[0].flatMap { term in mapped(1) { $0 + term } }
    case is Sub where operands.count == 2:
      if let term = numbers[1] { return mapped(0) { $0 - term } }
      return numbers[0].flatMap { term in mapped(1) { term - $0 } }
    case let cast as Cast where cast.to.isFloatingPoint: return mapped(0) { $0 }
    default: return axes.upstream(value, in: graph).flatMap { twoValued($0, depth: depth + 1) }
    }
  }
}
