import GraphIR
import Operations
import Tensors

/// Reads which keys a mask leaves visible by position: from ranges that are compared, triangles, and constants.
struct PositionReader {
  let graph: Graph
  var axes: AxisTable
  let queries: [Axis]
  let keys: [Axis]

  /// A condition, all parts of which must hold (true or other than 0).
  struct Parts {
    var band = PositionBand()
    var hasBand = false
    /// What does not follow from positions.
    var rest: [AttentionForm.Mask] = []
  }

  /// The parts that must all hold for `condition` to be `truth`.
  mutating func parts(of condition: LabelledValue, when truth: Bool, depth: Int = 0) -> Parts {
    let condition = axes.resolve(condition)
    let whole = Parts(rest: [AttentionForm.Mask(condition: condition, hidden: !truth)])
    guard depth < 24, !queries.isEmpty else { return whole }
    if let band = band(condition, when: truth) { return Parts(band: band, hasBand: true) }
    let node = graph[condition.value.node]
    var found: Parts?
    switch node.operation {
    case is Not: found = operand(0, of: node, condition).map { parts(of: $0, when: !truth, depth: depth + 1) }
    case is And where truth, is Or where !truth:
      guard let first = operand(0, of: node, condition), let second = operand(1, of: node, condition) else { break }
      let one = parts(of: first, when: truth, depth: depth + 1)
      let two = parts(of: second, when: truth, depth: depth + 1)
      guard let band = one.band.intersection(two.band) else { break }
      found = Parts(band: band, hasBand: one.hasBand || two.hasBand, rest: one.rest + two.rest)
    case is Cast:
      guard let source = operand(0, of: node, condition), isBoolean(condition.value) || isBoolean(source.value) else {
        break
      }
      found = parts(of: source, when: truth, depth: depth + 1)
      // Only a boolean can be a mask by itself.
      if let rest = found?.rest, rest.contains(where: { !isBoolean($0.condition.value) }) { found = nil }
    default:
      found = axes.upstream(condition, in: graph).map { parts(of: $0, when: truth, depth: depth + 1) }
    }
    guard let found, found.hasBand else { return whole }
    return found
  }

  private func isBoolean(_ value: Value) -> Bool { graph.info(of: value).element == .bool }

  /// Input `index` of `node`, which gives `result`, under the labels it is broadcast to.
  func operand(_ index: Int, of node: Node, _ result: LabelledValue) -> LabelledValue? {
    guard node.inputs.indices.contains(index), let value = node.inputs[index],
      let shape = graph.info(of: value).shape.dimensions, shape.count <= result.labels.count
    else { return nil }
    return LabelledValue(value: value, labels: axes.labels(of: shape, broadcastTo: result.labels))
  }

  private mutating func band(_ condition: LabelledValue, when truth: Bool) -> PositionBand? {
    guard condition.labels.allSatisfy({ $0.isEmpty || $0 == queries || $0 == keys }) else { return nil }
    if let band = constantBand(condition, when: truth) { return band }
    let node = graph[condition.value.node]
    switch node.operation {
    case let triangle as Trilu: return self.band(of: triangle, node, condition, when: truth)
    case is Slice:
      guard let source = node.inputs[0], let starts = graph.sliceStarts(node),
        let band = band(LabelledValue(value: source, labels: condition.labels), when: truth)
      else { return nil }
      let start = { (axis: [Axis]) in condition.labels.firstIndex(of: axis).map { starts[$0] } ?? 0 }
      let shift = start(queries) - start(keys)
      return PositionBand(lower: band.lower.map { $0 + shift }, upper: band.upper.map { $0 + shift })
    case is LessOrEqual, is Less, is Greater, is GreaterOrEqual:
      guard let first = operand(0, of: node, condition), let second = operand(1, of: node, condition) else {
        return nil
      }
      let isLess = node.operation is LessOrEqual || node.operation is Less
      let isStrict = node.operation is Less || node.operation is Greater
      let (low, high) = isLess ? (first, second) : (second, first)
      // low ≤ high, or low < high; turned round where it must not hold.
      if truth { return band(low, atMost: high, strictly: isStrict) }
      return band(high, atMost: low, strictly: !isStrict)
    default: return nil
    }
  }

  private mutating func band(
    _ low: LabelledValue, atMost high: LabelledValue, strictly: Bool
  ) -> PositionBand? {
    let bound = strictly ? -1 : 0
    let node = graph[low.value.node]
    if node.operation is Abs, let inner = operand(0, of: node, low), let distance = position(inner),
      let limit = position(high), limit.query == 0, limit.key == 0
    {
      guard let above = (distance - limit).atMost(bound), let below = (distance * -1 - limit).atMost(bound) else {
        return nil
      }
      return above.intersection(below)
    }
    guard let first = position(low), let second = position(high) else { return nil }
    return (first - second).atMost(bound)
  }

  private mutating func band(
    of triangle: Trilu, _ node: Node, _ condition: LabelledValue, when truth: Bool
  ) -> PositionBand? {
    guard let source = node.inputs[0], let value = graph.uniformNumber(source), value != 0, !value.isNaN,
      condition.labels.count >= 2
    else { return nil }
    var diagonal = Dimension(0)
    if node.inputs.count > 1, let given = node.inputs[1] {
      guard let symbols = graph.info(of: given).symbols, symbols.count == 1 else { return nil }
      diagonal = symbols[0]
    }
    // What is kept: column − row at least the diagonal, or at most.
    var offset = Position(offset: diagonal * -1)
    switch (condition.labels[condition.labels.count - 2], condition.labels[condition.labels.count - 1]) {
    case (queries, keys): (offset.query, offset.key) = (-1, 1)
    case (keys, queries): (offset.query, offset.key) = (1, -1)
    default: return nil
    }
    if triangle.upper { offset = offset * -1 }
    return truth ? offset.atMost(0) : (offset * -1).atMost(-1)
  }

  /// A matrix of constants that is the band it looks like.
  private func constantBand(_ condition: LabelledValue, when truth: Bool) -> PositionBand? {
    guard let constant = graph.info(of: condition.value).constant, constant.count <= ValueInfo.contentsLimit,
      let row = condition.labels.firstIndex(of: queries), let column = condition.labels.firstIndex(of: keys),
      constant.shape.count == condition.labels.count, let numbers = try? constant.doubles(), !numbers.isEmpty
    else { return nil }
    let (rows, columns) = (constant.shape[row], constant.shape[column])
    guard rows * columns == numbers.count else { return nil }
    let isVisible = { (i: Int, j: Int) in (numbers[row < column ? i * columns + j : j * rows + i] != 0) == truth }
    var (least, most, hiddenBelow, hiddenAbove) = (Int.max, Int.min, Int.min, Int.max)
    for i in 0..<rows {
      for j in 0..<columns where isVisible(i, j) { (least, most) = (min(least, j - i), max(most, j - i)) }
    }
    guard least <= most else { return nil }
    for i in 0..<rows {
      for j in 0..<columns where !isVisible(i, j) {
        if j - i < least {
          hiddenBelow = max(hiddenBelow, j - i)
        } else if j - i > most {
          hiddenAbove = min(hiddenAbove, j - i)
        } else {
          return nil
        }
      }
    }
    return PositionBand(
      lower: hiddenBelow > Int.min ? Dimension(hiddenBelow + 1) : nil,
      upper: hiddenAbove < Int.max ? Dimension(hiddenAbove - 1) : nil)
  }

  /// `value` as an integer that depends on position only.
  private mutating func position(_ value: LabelledValue, depth: Int = 0) -> Position? {
    let value = axes.resolve(value)
    guard depth < 24, value.labels.allSatisfy({ $0.isEmpty || $0 == queries || $0 == keys }) else { return nil }
    if let known = listedPosition(value) { return known }
    let node = graph[value.value.node]
    switch node.operation {
    case is NumberRange:
      guard let start = node.inputs[0].flatMap({ graph.wholeNumber($0) }),
        let step = node.inputs[2].flatMap({ graph.wholeNumber($0)?.constant })
      else { return nil }
      return along(value.labels[0], step: step, from: start)
    case let sum as CumSum:
      guard let source = node.inputs[0], let number = graph.uniformNumber(source), number == 1, !sum.reverse,
        let axis = node.inputs[1].flatMap({ graph.info(of: $0).integers?.first }),
        let index = try? normalizedAxis(axis, rank: value.labels.count),
        value.labels.indices.allSatisfy({ $0 == index || value.labels[$0].isEmpty })
      else { return nil }
      return along(value.labels[index], step: 1, from: sum.exclusive ? 0 : 1)
    case is Add, is Sub:
      guard let first = operand(0, of: node, value).flatMap({ position($0, depth: depth + 1) }),
        let second = operand(1, of: node, value).flatMap({ position($0, depth: depth + 1) })
      else { return nil }
      return node.operation is Add ? first + second : first - second
    case is Neg: return operand(0, of: node, value).flatMap { position($0, depth: depth + 1) }.map { $0 * -1 }
    case is Cast:
      guard let source = operand(0, of: node, value), graph.info(of: source.value).element.isInteger else { return nil }
      return position(source, depth: depth + 1)
    case is Slice:
      guard let source = node.inputs[0], let starts = graph.sliceStarts(node),
        let inner = position(LabelledValue(value: source, labels: value.labels), depth: depth + 1)
      else { return nil }
      var shifted = inner
      for (label, start) in zip(value.labels, starts) {
        let step = label == queries ? inner.query : label == keys ? inner.key : 0
        shifted.offset = shifted.offset + start * Dimension(step)
      }
      return shifted
    default:
      return axes.upstream(value, in: graph).flatMap { position($0, depth: depth + 1) }
    }
  }

  private func along(_ label: [Axis], step: Int, from start: Dimension) -> Position? {
    if label == queries { return Position(query: step, offset: start) }
    if label == keys { return Position(key: step, offset: start) }
    return label.isEmpty ? Position(offset: start) : nil
  }

  /// Integers that are known one by one, if equally far apart along the one axis they have.
  private func listedPosition(_ value: LabelledValue) -> Position? {
    guard let listed = graph.wholeNumbers(value.value), let first = listed.first else { return nil }
    guard listed.count > 1 else { return Position(offset: first) }
    let long = value.labels.filter { !$0.isEmpty }
    guard long.count == 1, let step = (listed[1] - first).constant,
      zip(listed, listed.dropFirst()).allSatisfy({ ($1 - $0).constant == step })
    else { return nil }
    return along(long[0], step: step, from: first)
  }
}

extension Graph {
  /// The elements of a small tensor of whole numbers, as far as they are known.
  fileprivate func wholeNumbers(_ value: Value) -> [Dimension]? {
    let info = info(of: value)
    if let symbols = info.symbols { return symbols }
    guard let constant = info.constant, constant.count <= ValueInfo.contentsLimit,
      let numbers = try? constant.doubles(), numbers.allSatisfy({ $0 == $0.rounded() && abs($0) < 1e15 })
    else { return nil }
    return numbers.map { Dimension(Int($0)) }
  }

  fileprivate func wholeNumber(_ value: Value) -> Dimension? {
    wholeNumbers(value).flatMap { $0.count == 1 ? $0[0] : nil }
  }
}
