import GraphIR

/// Something that a pattern finds, by a name that is its own within the pattern: a value, or the number in a constant.
public struct Capture<Bound: Sendable>: Hashable, Sendable {
  public let name: String

  public init(_ name: String) { self.name = name }
}

/// What a value of a graph must have been computed as.
///
/// A pattern is written as the formula it stands for; `Fusion` adds the operators for that. Nothing in it depends on the order of
/// operands, on how products and sums are put together, or on how often the graph computes a part.
public indirect enum Pattern: Sendable {
  /// Any value; wherever it stands in a pattern, it is the same one.
  case value(Capture<Value>)
  /// The number in any constant of one element.
  case number(Capture<Double>)
  /// A constant of one element that is this number, as its element type rounds it.
  case constant(Double)
  /// A result of an operation.
  case operation(OperationPattern)
  /// A sum or a product of any number of parts.
  case combination(Combination)
  /// The first that fits.
  case oneOf([Pattern])
  /// What only fits under a further condition.
  case checked(Pattern, Condition)
  /// What must be there for the place to be worth a decision, which is called after its node.
  case anchored(Pattern)
  /// A part that is not replaced, so that others may read it, too.
  case shared(Pattern)
  /// A part whose value is wanted.
  case named(Capture<Value>, Pattern)

  /// Throws a `Reason` where the value, which has fitted so far, does not do.
  public typealias Condition = @Sendable (Value, Match, Graph) throws -> Void

  /// The pattern, where `condition` does not throw.
  public func checked(_ condition: @escaping Condition) -> Pattern { .checked(self, condition) }

  /// The pattern as that which makes a place worth a decision: a value that is wrong beside it is a reason, not just another graph.
  public var anchored: Pattern { .anchored(self) }

  /// The pattern as a part that stays, whoever else reads it.
  public var shared: Pattern { .shared(self) }

  /// The pattern, with its value bound to `capture`.
  public func named(_ capture: Capture<Value>) -> Pattern { .named(capture, self) }
}

extension GraphOperation {
  /// A result of this operation on inputs that fit `inputs`; further inputs may be any.
  public static func of(_ inputs: Pattern..., output: Int = 0) -> Pattern {
    .operation(OperationPattern(Self.self, inputs, output: output))
  }
}

/// An operation of one type on inputs that have patterns of their own; inputs after those may be any.
public final class OperationPattern: Sendable {
  let type: ObjectIdentifier
  let inputs: [Pattern]
  /// Which of the operation's results it is.
  let output: Int

  init<Op: GraphOperation>(_ type: Op.Type, _ inputs: [Pattern], output: Int) {
    self.type = ObjectIdentifier(type)
    self.inputs = inputs
    self.output = output
  }
}

/// Parts that are added or multiplied in any order and with any brackets, and the number that all constants among them come to.
public final class Combination: Sendable {
  /// The operations that put combinations together.
  public struct Algebra: Sendable {
    /// x ∘ y
    let joining: ObjectIdentifier
    /// x ∘ y⁻¹
    let separating: ObjectIdentifier
    /// x⁻¹
    let inverting: ObjectIdentifier
    /// x ∘ identity = x
    let identity: Double
    let join: @Sendable (Double, Double) -> Double
    let invert: @Sendable (Double) -> Double

    var types: Set<ObjectIdentifier> { [joining, separating, inverting] }

    public init<Joining: GraphOperation, Separating: GraphOperation, Inverting: GraphOperation>(
      joining: Joining.Type, separating: Separating.Type, inverting: Inverting.Type, identity: Double,
      join: @escaping @Sendable (Double, Double) -> Double, invert: @escaping @Sendable (Double) -> Double
    ) {
      self.joining = ObjectIdentifier(joining)
      self.separating = ObjectIdentifier(separating)
      self.inverting = ObjectIdentifier(inverting)
      self.identity = identity
      self.join = join
      self.invert = invert
    }

    static func == (left: Algebra, right: Algebra) -> Bool { left.joining == right.joining }
  }

  struct Part: Sendable {
    let pattern: Pattern
    let isInverted: Bool
    /// Whether the place's anchor is in it.
    let hasAnchor: Bool

    init(_ pattern: Pattern, isInverted: Bool) {
      self.pattern = pattern
      self.isInverted = isInverted
      hasAnchor = pattern.anchorTypes != nil
    }
  }

  let algebra: Algebra
  /// Those that say most come first, so that captures are bound when they are looked for.
  let parts: [Part]
  let constant: Double
  /// The number that takes the place of `constant`.
  let number: Capture<Double>?

  /// `left` ∘ `right`, or ∘ its inverse; combinations of the same algebra become one, and those among alternatives, too.
  public static func pattern(
    _ left: Pattern, _ right: Pattern, inverted: Bool = false, algebra: Algebra
  ) -> Pattern {
    if case .oneOf(let alternatives) = left, alternatives.contains(where: { $0.isCombination(of: algebra) }) {
      return .oneOf(alternatives.map { pattern($0, right, inverted: inverted, algebra: algebra) })
    }
    if case .oneOf(let alternatives) = right, alternatives.contains(where: { $0.isCombination(of: algebra) }) {
      return .oneOf(alternatives.map { pattern(left, $0, inverted: inverted, algebra: algebra) })
    }
    return .combination(Combination(left, right, inverted: inverted, algebra: algebra))
  }

  private init(_ left: Pattern, _ right: Pattern, inverted: Bool, algebra: Algebra) {
    var parts: [Part] = []
    var constant = algebra.identity
    var number: Capture<Double>?
    func add(_ pattern: Pattern, inverted: Bool) {
      func sign(_ number: Double) -> Double { inverted ? algebra.invert(number) : number }
      switch pattern {
      case .constant(let number): constant = algebra.join(constant, sign(number))
      case .number(let capture) where !inverted && number == nil: number = capture
      case .combination(let inner) where inner.algebra == algebra && !(inverted && inner.number != nil):
        constant = algebra.join(constant, sign(inner.constant))
        parts += inner.parts.map { Part($0.pattern, isInverted: $0.isInverted != inverted) }
        number = inner.number ?? number
      default: parts.append(Part(pattern, isInverted: inverted))
      }
    }
    add(left, inverted: false)
    add(right, inverted: inverted)
    self.algebra = algebra
    self.parts = parts.filter { !$0.pattern.isCapture } + parts.filter { $0.pattern.isCapture }
    self.constant = constant
    self.number = number
  }
}

extension Pattern {
  fileprivate var isCapture: Bool {
    switch self {
    case .value: true
    case .checked(let inner, _), .shared(let inner), .named(_, let inner): inner.isCapture
    default: false
    }
  }

  fileprivate func isCombination(of algebra: Combination.Algebra) -> Bool {
    switch self {
    case .combination(let combination): combination.algebra == algebra
    case .oneOf(let alternatives): alternatives.contains { $0.isCombination(of: algebra) }
    default: false
    }
  }

  /// The types that the operation at the top can have; nil where it can be any.
  var rootTypes: Set<ObjectIdentifier>? {
    switch self {
    case .operation(let pattern): return [pattern.type]
    case .combination(let combination): return combination.algebra.types
    case .oneOf(let patterns):
      let types = patterns.map(\.rootTypes)
      return types.contains(nil) ? nil : types.reduce(into: []) { $0.formUnion($1 ?? []) }
    case .checked(let inner, _), .anchored(let inner), .shared(let inner), .named(_, let inner): return inner.rootTypes
    case .value, .number, .constant: return nil
    }
  }
}
