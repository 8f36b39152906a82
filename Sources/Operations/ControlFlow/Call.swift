import GraphIR
import Tensors

/// The outputs of a graph for the node's inputs: a function of the model, at one of its calls.
public struct Call: SubgraphOperation {
  public var body = Graph()

  public init() {}

  public init(body: Graph) { self.body = body }

  public static let schema = Schema<Self>(
    "Call", inputs: [.variadic("inputs")], outputs: 0...Int.max, attributes: [.init("body", \.body)])

  public var subgraphs: [Graph] {
    get { [body] }
    set { if let graph = newValue.first { body = graph } }
  }

  public var captureOffset: Int { .max }

  public mutating func bind(_ inputs: Operands<ValueInfo>) throws -> [ValueInfo] {
    try body.results(for: (0..<inputs.count).map { inputs.optional($0) ?? .unknown })
  }

  public func evaluate(_ inputs: Operands<Tensor>, running run: SubgraphRun) throws -> [Tensor] {
    try run(0, (0..<inputs.count).map { inputs.optional($0) })
  }
}
