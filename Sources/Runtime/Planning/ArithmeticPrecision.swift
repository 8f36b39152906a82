import GraphIR
import Operations
import Tensors

extension Graph {
  /// Makes arithmetic on 16-bit floats arithmetic on 32-bit ones.
  ///
  /// What is computed stays in 32 bits until the graph says to round: at a `Cast`, at an output, and where an operation can't do without
  /// its type. That is how other runtimes run such models on processors, it loses nothing, and the kernels are for 32 bits. What only
  /// moves elements leaves those of inputs and weights in 16 bits. Handles of nodes stay as they are.
  package mutating func computeHalfPrecisionInSingle() throws {
    guard nodes.contains(where: { $0.outputs.contains { $0.element.isHalfPrecision } }) else { return }
    var widening = Widening(graph: self)
    try widening.run()
    self = widening.graph
  }
}

private struct Widening {
  var graph: Graph
  /// The types that values had which now have 32 bits.
  private var narrowTypes: [Value: ElementType] = [:]
  private var widened: [Value: Value] = [:]
  private var narrowed: [Value: Value] = [:]

  init(graph: Graph) { self.graph = graph }

  mutating func run() throws {
    for id in graph.topologicalOrder() where needsChange(graph[id]) {
      if try widen(graph[id]) { continue }
      let inputs = try graph[id].inputs.map { try $0.map { try narrow($0) } }
      try graph.setInputs(inputs, of: id)
    }
    for (index, port) in graph.outputs.enumerated() where isWide(port.value) {
      graph.setOutput(index, to: try narrow(port.value))
    }
  }

  private func isWide(_ value: Value) -> Bool { narrowTypes[value] != nil }

  private func needsChange(_ node: Node) -> Bool {
    if node.operation is Parameter || node.operation is Constant || node.operation is Cast { return false }
    let inputs = node.inputs.compactMap { $0 }
    if inputs.contains(where: isWide) { return true }
    guard !node.operation.movesElements, !attendsInHalfPrecision(node) else { return false }
    return inputs.contains { graph.info(of: $0).element.isHalfPrecision }
  }

  /// Whether it is attention to 16 bits, which has kernels of its own.
  private func attendsInHalfPrecision(_ node: Node) -> Bool {
    node.operation is Operations.FlashAttention
      && !node.inputs.prefix(3).contains { $0.map(isWide) ?? false }
  }

  /// Lets a node read 32 bits; false, and nothing has changed but for casts that nothing reads, where it can't.
  private mutating func widen(_ node: Node) throws -> Bool {
    guard !(node.operation is any SubgraphOperation), !(node.operation is CastLike), !attendsInHalfPrecision(node)
    else { return false }
    let inputs = try node.inputs.map { try $0.map { try widen($0) } }
    guard (try? graph.setInputs(inputs, of: node.id)) != nil else { return false }
    let results = graph[node.id].outputs
    let fits = zip(node.outputs, results).allSatisfy { before, after in
      after.element == (before.element.isHalfPrecision ? .float32 : before.element)
    }
    guard fits else { return false }
    for (index, before) in node.outputs.enumerated() where before.element.isHalfPrecision {
      narrowTypes[Value(node.id, index)] = before.element
    }
    return true
  }

  /// `value` in 32 bits. Views are taken of what is cast, so that what reads them still sees through them.
  private mutating func widen(_ value: Value) throws -> Value {
    guard graph.info(of: value).element.isHalfPrecision else { return value }
    if let known = widened[value] { return known }
    let node = graph[value.node]
    let result: Value
    if node.operation is Transpose || node.operation is any ViewOperation, !(node.operation is Cast),
      let source = node.inputs.first.flatMap({ $0 })
    {
      let inputs = [try widen(source)] + node.inputs.dropFirst()
      result = try graph.insert(node.operation, inputs, name: node.name, origin: node.origin)
    } else if node.operation is Cast, let source = node.inputs.first.flatMap({ $0 }),
      graph.info(of: source).element.isStorageOnly
    {
      // Unpacking is no rounding: 16 bits are what models have it in, not what they mean.
      result = try graph.insert(Cast(to: .float32), [source], name: node.label)
    } else {
      result = try graph.insert(Cast(to: .float32), [value], name: node.label)
    }
    widened[value] = result
    return result
  }

  private mutating func narrow(_ value: Value) throws -> Value {
    guard let element = narrowTypes[value] else { return value }
    if let known = narrowed[value] { return known }
    let result = try graph.insert(Cast(to: element), [value], name: graph[value.node].label)
    narrowed[value] = result
    return result
  }
}

extension ElementType {
  /// Whether it is one of the 16-bit floating-point types.
  var isHalfPrecision: Bool { self == .float16 || self == .bfloat16 }
}

extension GraphOperation {
  /// Whether its results are elements of its operands, so that 16 bits are as good as 32.
  fileprivate var movesElements: Bool {
    switch self {
    case is any ViewOperation, is Transpose, is Slice, is Split, is Expand, is Concat, is Gather, is Tile: true
    default: false
    }
  }
}
