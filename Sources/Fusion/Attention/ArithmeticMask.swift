import GraphIR
import Operations
import Tensors

/// A mask put on by arithmetic: s · b + (1 − b) · fill is `where(b, s, fill)` where every b is sure to be 1 or 0.
struct ArithmeticMask {
  let scores: Value
  let condition: Value
  let fill: Double
  /// The product and the sum.
  let nodes: [NodeID]

  init?(_ node: Node, in graph: Graph) {
    let inputs = node.inputs.compactMap { $0 }
    guard inputs.count == 2, node.operation is Add || node.operation is Sub else { return nil }
    let isSum = node.operation is Add
    for (product, other) in [(inputs[0], inputs[1])] + (isSum ? [(inputs[1], inputs[0])] : []) {
      let factors = graph[product.node].inputs.compactMap { $0 }
      guard graph[product.node].operation is Mul, factors.count == 2 else { continue }
      for (scores, condition) in [(factors[0], factors[1]), (factors[1], factors[0])] {
        guard let line = graph.line(other, of: condition), line.atOne == 0, line.atZero.isFinite,
          graph.isZeroOrOne(condition)
        else { continue }
        (self.scores, self.condition, fill) = (scores, condition, isSum ? line.atZero : -line.atZero)
        nodes = [product.node, node.id]
        return
      }
    }
    return nil
  }
}

extension Graph {
  /// What `value` is where `variable` is 0 and where it is 1, if it depends on that alone, element by element.
  fileprivate func line(_ value: Value, of variable: Value, depth: Int = 0) -> (atZero: Double, atOne: Double)? {
    if value == variable { return (0, 1) }
    if let truth = truth(value), let other = self.truth(variable), truth.value == other.value {
      return truth.isNegated == other.isNegated ? (0, 1) : (1, 0)
    }
    if let line = constantLine(value, of: variable) { return line }
    let node = self[value.node]
    let inputs = node.inputs.compactMap { $0 }
    guard depth < 8 else { return nil }
    func inner(_ index: Int) -> (atZero: Double, atOne: Double)? { line(inputs[index], of: variable, depth: depth + 1) }
    func number(_ index: Int) -> Double? { info(of: inputs[index]).scalar }
    switch node.operation {
    case is Neg where inputs.count == 1: return inner(0).map { (-$0.atZero, -$0.atOne) }
    case is Mul where inputs.count == 2:
      guard let factor = number(0) ?? number(1), let line = inner(number(0) == nil ? 0 : 1) else { return nil }
      return (line.atZero * factor, line.atOne * factor)
    case is Add where inputs.count == 2:
      guard let term = number(0) ?? number(1), let line = inner(number(0) == nil ? 0 : 1) else { return nil }
      return (line.atZero + term, line.atOne + term)
    case is Sub where inputs.count == 2:
      if let term = number(0) { return inner(1).map { (term - $0.atZero, term - $0.atOne) } }
      return number(1).flatMap { term in inner(0).map { ($0.atZero - term, $0.atOne - term) } }
    default: return nil
    }
  }

  /// The same of two constants: the one number that `value` has wherever `variable` has 0, and the one where it has 1.
  private func constantLine(_ value: Value, of variable: Value) -> (atZero: Double, atOne: Double)? {
    guard let constant = info(of: value).constant, let places = info(of: variable).constant,
      constant.shape == places.shape, constant.count <= Self.constantLimit, constant.element.isFloatingPoint,
      let numbers = try? constant.doubles(), let places = try? places.doubles(),
      let zero = places.firstIndex(of: 0), let one = places.firstIndex(of: 1)
    else { return nil }
    let isLine = zip(numbers, places).allSatisfy { $0 == ($1 == 0 ? numbers[zero] : numbers[one]) }
    return isLine ? (numbers[zero], numbers[one]) : nil
  }

  /// How many elements of a constant are looked at.
  private static var constantLimit: Int { 1 << 22 }

  /// The booleans of which `value` has 1 and 0 for true and false, or the other way round where they are negated.
  func truth(_ value: Value) -> (value: Value, isNegated: Bool)? {
    var (value, isNegated) = (value, false)
    for _ in 0..<8 {
      let node = self[value.node]
      let isBoolean = info(of: value).element == .bool
      if isBoolean, !node.is(Not.self) { return (value, isNegated) }
      guard isBoolean || node.is(Cast.self), let source = node.inputs[0] else { return nil }
      if isBoolean { isNegated.toggle() }
      value = source
    }
    return nil
  }

  /// Whether no element of `value` can be another number than 0 or 1.
  func isZeroOrOne(_ value: Value, depth: Int = 0) -> Bool {
    var value = value
    for _ in 0..<16 {
      let info = info(of: value)
      if info.element == .bool { return true }
      if let constant = info.constant {
        return constant.count <= Self.constantLimit
          && (try? constant.doubles().allSatisfy { $0 == 0 || $0 == 1 }) ?? false
      }
      let node = self[value.node]
      switch node.operation {
      case is Slice, is Trilu: break
      case is ConstantOfShape: return [0, 1].contains(uniformNumber(value))
      case is Where, is Mul:
        let parts = node.inputs.suffix(2).compactMap { $0 }
        return depth < 8 && parts.allSatisfy { isZeroOrOne($0, depth: depth + 1) }
      default: guard ShapeStep.source(of: node) != nil else { return false }
      }
      guard let source = node.inputs.first.flatMap({ $0 }) else { return false }
      value = source
    }
    return false
  }

  /// Whether every element of `value`, `factor` times, is sure to be 0 or so large that it takes the place of what it is added to.
  func isAllOrNothing(_ value: Value, times factor: Double, depth: Int = 0) -> Bool {
    // With 53 bits only what is larger still rounds a score away.
    let least = info(of: value).element == .float64 ? 1e20 : -AttentionForm.absorbingFill
    let isLarge = { (number: Double) in (number * factor).magnitude >= least }
    if let constant = info(of: value).constant {
      return constant.count <= ValueInfo.contentsLimit
        && (try? constant.doubles().allSatisfy { $0 == 0 || isLarge($0) }) ?? false
    }
    if isLarge(1), isWhole(value) { return true }
    let node = self[value.node]
    let inputs = node.inputs.compactMap { $0 }
    guard depth < 16 else { return false }
    switch node.operation {
    case is Mul where inputs.count == 2:
      return [(0, 1), (1, 0)].contains { one, other in
        let number = info(of: inputs[one]).scalar
        return number.map { isAllOrNothing(inputs[other], times: factor * $0, depth: depth + 1) } ?? false
      }
    case is Where where inputs.count == 3:
      return inputs[1...].allSatisfy { isAllOrNothing($0, times: factor, depth: depth + 1) }
    case is Neg, is Slice: return isAllOrNothing(inputs[0], times: factor, depth: depth + 1)
    default:
      return ShapeStep.source(of: node).map { isAllOrNothing($0, times: factor, depth: depth + 1) } ?? false
    }
  }

  /// Whether all elements of `value` are sure to be whole numbers.
  private func isWhole(_ value: Value, depth: Int = 0) -> Bool {
    let info = info(of: value)
    if info.element == .bool || info.element.isInteger { return true }
    if let constant = info.constant {
      return constant.count <= ValueInfo.contentsLimit
        && (try? constant.doubles().allSatisfy { $0 == $0.rounded() }) ?? false
    }
    let node = self[value.node]
    guard depth < 16 else { return false }
    switch node.operation {
    case is Add, is Sub, is Mul, is Neg, is Slice:
      return node.inputs.allSatisfy { $0.map { isWhole($0, depth: depth + 1) } ?? true }
    default: return ShapeStep.source(of: node).map { isWhole($0, depth: depth + 1) } ?? false
    }
  }
}
