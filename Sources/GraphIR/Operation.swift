import Tensors

/// An operation of the canonical set: its attributes are stored properties, everything else follows from three requirements.
///
/// A type that conforms says what the operation is (`schema`), what type its results have (`infer`), and what they are
/// (`evaluate`, slow and obvious: it is the definition that every fast path is tested against).
public protocol GraphOperation: Hashable, Sendable {
  /// The operation with every attribute at its default.
  init()

  /// Name, inputs, attributes, and how each format spells the operation.
  static var schema: Schema<Self> { get }

  /// Whether this is a `SubgraphOperation`; to ask the type takes far less time than to look for the conformance.
  static var runsGraphs: Bool { get }

  /// Types, and where they follow also contents, of the results.
  ///
  /// A size that can't be known is `Dimension.unknown`. Throws `ModelError` where the inputs don't fit the operation.
  func infer(_ inputs: Operands<ValueInfo>) throws -> [ValueInfo]

  /// The results for `inputs`.
  func evaluate(_ inputs: Operands<Tensor>) throws -> [Tensor]
}

extension GraphOperation {
  public static var runsGraphs: Bool { false }

  var runsGraphs: Bool { Self.runsGraphs }
}

/// An operation whose results may differ from run to run, so that nothing is known of them before, whatever its inputs are.
public protocol StatefulOperation: GraphOperation {}

/// An operation that stands for a piece of graph made of simpler ones: reference, test oracle and export fallback in one.
public protocol CompositeOperation: GraphOperation {
  /// Adds nodes to `graph` that compute the same from `inputs`, and returns their results.
  func decompose(_ inputs: [Value?], in graph: inout Graph) throws -> [Value]
}

extension CompositeOperation {
  /// Evaluates the decomposition.
  public func evaluateDecomposed(_ inputs: Operands<Tensor>) throws -> [Tensor] {
    var graph = Graph()
    let values = try (0..<inputs.count).map { index in
      try inputs.optional(index).map { try graph.addConstant($0) }
    }
    for value in try decompose(values, in: &graph) { graph.addOutput([], value) }
    return try graph.evaluate([])
  }
}
