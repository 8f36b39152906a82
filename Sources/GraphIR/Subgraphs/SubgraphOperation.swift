import Tensors

/// An operation that runs graphs of its own: the branches of a condition, the body of a loop.
///
/// These graphs read nothing from around them but what the node's inputs bring: a value that a branch takes from outside is an
/// input of the node and of the branch. So a subgraph is a graph like any other, and the node's inputs say all that it needs.
public protocol SubgraphOperation: GraphOperation {
  /// The graphs, always as many and in the same order.
  var subgraphs: [Graph] { get set }

  /// Where among the node's inputs those begin that all graphs get as they are, as their last inputs.
  var captureOffset: Int { get }

  /// Where among a graph's outputs those begin of which a run keeps the values of all rounds.
  var stackOffset: Int { get }

  /// Tells the graphs what is known of the node's inputs, and returns what follows for its results.
  mutating func bind(_ inputs: Operands<ValueInfo>) throws -> [ValueInfo]

  /// The results for `inputs`, where `run` gives the outputs of a graph for its inputs, both in the graph's order.
  func evaluate(_ inputs: Operands<Tensor>, running run: SubgraphRun) throws -> [Tensor]
}

/// Runs the subgraph of the given number.
public typealias SubgraphRun = (_ subgraph: Int, _ inputs: [Tensor?]) throws -> [Tensor]

extension SubgraphOperation {
  public static var runsGraphs: Bool { true }

  public var stackOffset: Int { .max }

  public func infer(_ inputs: Operands<ValueInfo>) throws -> [ValueInfo] {
    var bound = self
    return try bound.bind(inputs)
  }

  public func evaluate(_ inputs: Operands<Tensor>) throws -> [Tensor] {
    try evaluate(inputs) { try subgraphs[$0].evaluate($1) }
  }
}

extension Graph {
  /// The graphs that the operation of `id` runs; none for most.
  public func subgraphs(of id: NodeID) -> [Graph] {
    self[id].operation.runsGraphs ? (self[id].operation as? any SubgraphOperation)?.subgraphs ?? [] : []
  }

  /// How many nodes this graph is inside of.
  public var depth: Int { scope.count { $0 == "." } }

  /// Changes the graphs that the operation of `id` runs, which must keep their inputs and the types of their outputs.
  public mutating func updateSubgraphs(of id: NodeID, _ change: (inout Graph, _ index: Int) throws -> Void) throws {
    let before = subgraphs(of: id)
    let label = self[id].label
    var index = 0
    try changeSubgraphs(of: id) { graph in
      try change(&graph, index)
      try require(
        graph.hasSamePorts(as: before[index]), "\(label): a graph inside can't change its inputs and outputs")
      index += 1
    }
  }

  /// Calls `change` with the graphs that the operation of `id` runs, one after the other.
  mutating func changeSubgraphs(of id: NodeID, _ change: (inout Graph) throws -> Void) rethrows {
    guard self[id].operation.runsGraphs, var operation = self[id].operation as? any SubgraphOperation else { return }
    var graphs = operation.subgraphs
    for index in graphs.indices { try change(&graphs[index]) }
    operation.subgraphs = graphs
    slots[id.index] = self[id].with(operation: operation)
  }

  private func hasSamePorts(as other: Graph) -> Bool {
    inputs.count == other.inputs.count && outputs.count == other.outputs.count
      && zip(outputs, other.outputs).allSatisfy { type(of: $0.value).element == other.type(of: $1.value).element }
  }

  /// What is known of the outputs outside of the graph: sizes and contents that only mean something inside are unknown.
  public var results: [ValueInfo] {
    outputs.map { port in
      var info = info(of: port.value)
      let known = { (dimension: Dimension) in isLocal(dimension) ? .unknown : dimension }
      info.type.shape = Shape(info.shape.dimensions?.map(known))
      info.symbols = info.symbols?.map(known)
      return info
    }
  }

  /// Whether `dimension` is an expression over something that only this graph knows.
  private func isLocal(_ dimension: Dimension) -> Bool {
    !scope.isEmpty
      && dimension.symbols.contains { $0.hasPrefix("?\(scope)") || $0.hasPrefix("\(Dimension.contentPrefix)\(scope)") }
  }

  /// Infers all types again, with `known` of the inputs, in their order.
  public mutating func reinfer(inputs known: [ValueInfo]) throws {
    try require(known.count == inputs.count, "the graph takes \(inputs.count) inputs, not \(known.count)")
    for (port, info) in zip(inputs, known) { try setInput(port.value.node, info) }
    try reinfer(inputTypes: [:])
  }

  /// The outputs for `inputs`, in the graph's order, each node by its definition.
  public func evaluate(_ inputs: [Tensor?]) throws -> [Tensor] {
    try require(inputs.count == self.inputs.count, "the graph takes \(self.inputs.count) inputs, not \(inputs.count)")
    var computed: [Value: Tensor] = [:]
    func tensor(_ value: Value) throws -> Tensor {
      guard let tensor = computed[value] else {
        throw ModelError.invalid("a value is read that was not given, or before it is computed")
      }
      return tensor
    }
    for (port, tensor) in zip(self.inputs, inputs) { computed[port.value] = tensor }
    let live = areLive()
    for id in topologicalOrder() where live[id.index] {
      let node = self[id]
      if node.operation is Parameter { continue }
      let operands = Operands(try node.inputs.map { try $0.map(tensor) })
      let results = try locating(node.label) { try node.operation.evaluate(operands) }
      for (index, result) in results.enumerated() { computed[Value(id, index)] = result }
    }
    return try outputs.map { try tensor($0.value) }
  }
}
