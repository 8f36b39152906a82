import GraphIR
import Tensors

/// The outputs of one of two graphs, as the condition says.
///
/// Both branches take the same inputs, those of the node behind the condition, and give as many outputs of the same element types.
public struct If: SubgraphOperation {
  public var thenBranch = Graph()
  public var elseBranch = Graph()

  public init() {}

  public init(then thenBranch: Graph, else elseBranch: Graph) {
    self.thenBranch = thenBranch
    self.elseBranch = elseBranch
  }

  public static let schema = Schema<Self>(
    "If", inputs: ["cond", .variadic("captures")], outputs: 0...Int.max,
    attributes: [.init("then_branch", \.thenBranch), .init("else_branch", \.elseBranch)])

  public var subgraphs: [Graph] {
    get { [thenBranch, elseBranch] }
    set {
      guard newValue.count == 2 else { return }
      (thenBranch, elseBranch) = (newValue[0], newValue[1])
    }
  }

  public var captureOffset: Int { 1 }

  public mutating func bind(_ inputs: Operands<ValueInfo>) throws -> [ValueInfo] {
    let condition = try inputs[0]
    try require(
      condition.element == .bool || condition.element == .unknown,
      "the condition must be a boolean, found \(condition.type)")
    let captured = (1..<max(inputs.count, 1)).map { inputs.optional($0) ?? .unknown }
    // A branch that is never taken need not fit the sizes at hand.
    if let taken = try condition.constant?.condition() {
      return try taken ? thenBranch.results(for: captured) : elseBranch.results(for: captured)
    }
    let first = try locating("then_branch") { try thenBranch.results(for: captured) }
    let second = try locating("else_branch") { try elseBranch.results(for: captured) }
    try require(
      first.count == second.count, "one branch has \(first.count) outputs, the other \(second.count)")
    return try zip(first, second).map { try $0.joined(with: $1) }
  }

  public func evaluate(_ inputs: Operands<Tensor>, running run: SubgraphRun) throws -> [Tensor] {
    let captured = (1..<max(inputs.count, 1)).map { inputs.optional($0) }
    return try run(try inputs[0].condition() ? 0 : 1, captured)
  }
}

extension Graph {
  /// What is known of the outputs, with `inputs` known of the inputs.
  mutating func results(for inputs: [ValueInfo]) throws -> [ValueInfo] {
    try reinfer(inputs: inputs)
    return results
  }
}

extension Tensor {
  /// The one boolean of a condition.
  func condition() throws -> Bool {
    guard element == .bool, count == 1, let value = try booleans().first else {
      throw ModelError.invalid("a condition must be one boolean, found \(element.rawValue)\(shape)")
    }
    return value
  }
}
