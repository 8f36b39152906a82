import GraphIR
import Operations
import Tensors

/// Puts in place of `FlashAttention` what an ONNX file can say; what no other operator says stays, for a function to say.
struct AttentionLowering {
  let attentionOperator: WriteOptions.AttentionOperator

  /// `graph` with the `nodes`, all of them `FlashAttention` and each after those it depends on, lowered.
  func lower(_ nodes: [NodeID], in graph: Graph) throws -> Graph {
    guard attentionOperator != .function else { return graph }
    var lowered = graph
    var shared = SharedValues()
    for id in nodes {
      guard let attention = lowered[id].operation as? FlashAttention else { continue }
      let wide = try widened(id, in: &lowered)
      let node = lowered[wide]
      // Moved, not copied: there may be many attentions in a large graph.
      var builder = AttentionBuilder(attention, node, graph: Graph(), shared: SharedValues())
      builder.exchange(&lowered, &shared)
      defer { builder.exchange(&lowered, &shared) }
      do {
        switch attentionOperator {
        case .onnx: try builder.addStandardAttention()
        case .microsoft, .function:
          if try !builder.addGroupQueryAttention() { try builder.addMultiHeadAttention() }
        }
      } catch let error as ModelError where error.kind == .unsupported {
        // The function can say everything. What was added so far goes with all that nothing reads.
        continue
      }
    }
    lowered.removeUnused()
    return lowered
  }

  /// The node that stands for the attention `id`: one of 32 bits for one of bfloat16, for which runtimes have no kernels.
  private func widened(_ id: NodeID, in graph: inout Graph) throws -> NodeID {
    let node = graph[id]
    guard let query = node.inputs.first.flatMap({ $0 }), graph.type(of: query).element == .bfloat16 else { return id }
    func cast(_ value: Value, to element: ElementType) throws -> Value {
      try graph.insert(Cast(to: element), [value], name: "\(node.name)/Cast", origin: node.origin)
    }
    let inputs = try node.inputs.map { input in
      try input.map { graph.type(of: $0).element == .bfloat16 ? try cast($0, to: .float32) : $0 }
    }
    let wide = try graph.add(node.operation, inputs, name: node.name, origin: node.origin)
    try graph.replaceUses(of: Value(id), with: cast(Value(wide), to: .bfloat16))
    return wide
  }
}

/// Values that lowering has added and that further attentions can read: the same mask need not be built for every layer.
struct SharedValues {
  private struct Key: Hashable {
    let operation: AnyHashable
    let inputs: [Value?]
  }

  /// Sizes of axes as tensors of one integer and no axes.
  var sizes: [Dimension: Value] = [:]
  private var results: [Key: Value] = [:]

  subscript(operation: any GraphOperation, inputs: [Value?]) -> Value? {
    get { results[Key(operation: AnyHashable(operation), inputs: inputs)] }
    set { results[Key(operation: AnyHashable(operation), inputs: inputs)] = newValue }
  }
}

/// Builds the replacement of one `FlashAttention`.
struct AttentionBuilder {
  let attention: FlashAttention
  let node: Node
  private(set) var graph: Graph
  var shared: SharedValues
  private let origin: Origin

  init(_ attention: FlashAttention, _ node: Node, graph: Graph, shared: SharedValues) {
    self.attention = attention
    self.node = node
    self.graph = graph
    self.shared = shared
    origin = Origin(sources: node.origin.sources, passes: node.origin.passes + ["ONNX"])
  }

  /// Takes the graph and what it shares, giving those that it had.
  mutating func exchange(_ other: inout Graph, _ others: inout SharedValues) {
    swap(&graph, &other)
    swap(&shared, &others)
  }

  func input(_ index: Int) throws -> Value {
    guard let value = optionalInput(index) else { throw ModelError.invalid("\(node.label): input \(index) is missing") }
    return value
  }

  func optionalInput(_ index: Int) -> Value? { node.inputs.indices.contains(index) ? node.inputs[index] : nil }

  func type(of value: Value) -> TensorType { graph.type(of: value) }

  /// The sizes of `value`, which must have four axes.
  func sizes(of value: Value) throws -> [Dimension] {
    guard let sizes = graph.type(of: value).shape.dimensions, sizes.count == 4 else {
      throw ModelError.unsupported("attention of unknown rank")
    }
    return sizes
  }

  /// The result of `operation` on `inputs`, of a node that is there already where one is.
  mutating func insert(_ operation: any GraphOperation, _ inputs: [Value?]) throws -> Value {
    if let known = shared[operation, inputs] { return known }
    let kind = OperationDescriptor.of(operation).name
    let result = try graph.insert(operation, inputs, name: "\(node.name)/\(kind)", origin: origin)
    shared[operation, inputs] = result
    return result
  }

  /// Adds the node that bears the name of the one it replaces.
  mutating func insertReplacement(
    _ operation: any GraphOperation, _ inputs: [Value?], outputs: Int = 1
  ) throws -> Value {
    Value(try graph.add(operation, inputs, name: node.name, origin: origin, outputs: outputs))
  }

  mutating func constant(_ tensor: Tensor) throws -> Value {
    try insert(Constant(tensor), [])
  }

  mutating func constant(_ integers: [Int]) throws -> Value {
    try constant(Tensor(integers: integers, shape: [integers.count]))
  }

  mutating func scalar(_ number: Double, _ element: ElementType) throws -> Value {
    try constant(Tensor(doubles: [number], element: element, shape: []))
  }

  /// `value` converted to `element`, or itself where it has that type.
  mutating func cast(_ value: Value, to element: ElementType) throws -> Value {
    graph.type(of: value).element == element ? value : try insert(Cast(to: element), [value])
  }

  /// `value` as a constant where its contents are known already, so that no arithmetic for it is written.
  mutating func folded(_ value: Value) throws -> Value {
    guard let tensor = graph.info(of: value).constant, !(graph[value.node].operation is Constant) else { return value }
    return try constant(tensor)
  }

  /// Runs `body` on the graph.
  mutating func building<Result>(_ body: (inout Graph) throws -> Result) rethrows -> Result { try body(&graph) }

  mutating func replaceUses(of old: Value, with new: Value) throws { try graph.replaceUses(of: old, with: new) }
}
