import GraphIR
import Tensors

/// A graph run again and again: at most `M` times, as long as the condition holds.
///
/// Inputs behind `M` and `cond` are the first values of the `states`, then what the body takes from outside. The body's inputs are
/// the number of the round, the condition, the states, and what it takes from outside; its outputs the condition for another
/// round, the new states, and values of which those of all rounds are stacked. Results are the last states and those stacks.
public struct Loop: SubgraphOperation {
  public var body = Graph()
  /// How many values each round hands to the next.
  public var states = 0

  public init() {}

  public init(body: Graph, states: Int) {
    self.body = body
    self.states = states
  }

  public static let schema = Schema<Self>(
    "Loop", inputs: [.optional("M"), .optional("cond"), .variadic("values")], outputs: 0...Int.max,
    attributes: [.init("body", \.body), .init("states", \.states)])

  public var subgraphs: [Graph] {
    get { [body] }
    set { if let graph = newValue.first { body = graph } }
  }

  public var captureOffset: Int { 2 + states }

  public var stackOffset: Int { 1 + states }

  /// More rounds than any model needs: a condition that never fails ends here.
  private static let roundLimit = 1 << 20

  public mutating func bind(_ inputs: Operands<ValueInfo>) throws -> [ValueInfo] {
    try check(inputCount: inputs.count)
    let first = try (2..<2 + states).map { try inputs[$0].type }
    let captured = (2 + states..<max(inputs.count, 2 + states)).map { inputs.optional($0) ?? .unknown }
    let round = Loop.round(condition: inputs.optional(1))
    let types = try body.settle(states: first, resultsFrom: 1) { round + $0.map { ValueInfo($0) } + captured }
    let results = body.results
    let count = results.first?.constant.flatMap { try? $0.condition() } == true ? roundCount(inputs) : .unknown
    return types.map { ValueInfo($0) }
      + results.dropFirst(1 + states).map { $0.stacked(count, axis: 0) }
  }

  /// What is known in the body of its first inputs: the number of the round, and the condition, which holds or the body would not run.
  package static func round(condition: ValueInfo?) -> [ValueInfo] {
    let isTrue = condition?.shape.sizes.flatMap { try? Tensor(integers: [1], element: .bool, shape: $0) }
    return [ValueInfo(.int64, .scalar), ValueInfo(constant: isTrue ?? Tensor(scalar: true))]
  }

  /// The number of rounds, provided that the condition never ends them.
  private func roundCount(_ inputs: Operands<ValueInfo>) -> Dimension {
    if let condition = inputs.optional(1) {
      guard (try? condition.constant?.condition()) == true else { return .unknown }
    }
    guard let count = inputs.optional(0)?.symbols?.first else { return .unknown }
    if let number = count.constant { return Dimension(max(number, 0)) }
    return count.isSizeExpression ? count.asSize : .unknown
  }

  private func check(inputCount: Int) throws {
    try require(states >= 0 && states <= max(inputCount - 2, 0), "\(states) states need as many first values")
    let (given, needed) = (body.outputs.count, 1 + states)
    try require(given >= needed, "the body must give a condition and \(states) states, but has \(given) outputs")
  }

  public func evaluate(_ inputs: Operands<Tensor>, running run: SubgraphRun) throws -> [Tensor] {
    try check(inputCount: inputs.count)
    let limit = try inputs.optional(0).map { try $0.scalarInteger() } ?? .max
    var holds = try inputs.optional(1)?.condition() ?? true
    let isTrue = try Tensor(integers: [1], element: .bool, shape: inputs.optional(1)?.shape ?? [])
    var values = try (2..<2 + states).map { try inputs[$0] }
    let captured = (2 + states..<max(inputs.count, 2 + states)).map { inputs.optional($0) }
    var stacks = body.outputs.dropFirst(1 + states).map { _ in [Tensor]() }
    var round = 0
    while holds && round < limit {
      guard round < Self.roundLimit else {
        throw ModelError.unsupported("a loop of more than \(Self.roundLimit) rounds")
      }
      let results = try run(0, [Tensor(scalar: Int64(round)), isTrue] + values + captured)
      try require(results.count == body.outputs.count, "the body gave \(results.count) results")
      holds = try results[0].condition()
      values = Array(results[1..<1 + states])
      for index in stacks.indices { stacks[index].append(results[1 + states + index]) }
      round += 1
    }
    let infos = body.results.dropFirst(1 + states)
    return try values + zip(stacks, infos).map { try Tensor.stacked($0, axis: 0, like: $1) }
  }
}
