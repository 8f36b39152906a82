import GraphIR
import Operations
import Tensors

/// Puts in place of `FlashAttention` what an ONNX file can say; what no other operator says stays, for a function to say.
struct AttentionLowering {
  let attentionOperator: WriteOptions.AttentionOperator

  /// `graph` with the `nodes`, all of them `FlashAttention`, lowered.
  func lower(_ nodes: [NodeID], in graph: Graph) throws -> Graph {
    var lowered = graph
    for id in nodes {
      guard let attention = lowered[id].operation as? FlashAttention else { continue }
      var draft = lowered
      do {
        var builder = AttentionBuilder(attention, lowered[id], graph: draft)
        switch attentionOperator {
        case .function: continue
        case .microsoft: try builder.addMultiHeadAttention()
        case .onnx: try builder.addStandardAttention()
        }
        draft = builder.graph
        lowered = draft
      } catch let error as ModelError where error.kind == .unsupported {
        // The function can say everything.
        continue
      }
    }
    lowered.removeUnused()
    return lowered
  }
}

/// Builds the replacement of one `FlashAttention`.
struct AttentionBuilder {
  let attention: FlashAttention
  let node: Node
  private(set) var graph: Graph
  private let origin: Origin

  init(_ attention: FlashAttention, _ node: Node, graph: Graph) {
    self.attention = attention
    self.node = node
    self.graph = graph
    origin = Origin(sources: node.origin.sources, passes: node.origin.passes + ["ONNX"])
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

  mutating func insert(_ operation: any GraphOperation, _ inputs: [Value?]) throws -> Value {
    let kind = OperationDescriptor.of(operation).name
    return try graph.insert(operation, inputs, name: "\(node.name)/\(kind)", origin: origin)
  }

  /// Adds the node that bears the name of the one it replaces.
  mutating func insertReplacement(_ operation: any GraphOperation, _ inputs: [Value?]) throws -> Value {
    try graph.insert(operation, inputs, name: node.name, origin: origin)
  }

  mutating func constant(_ tensor: Tensor) throws -> Value {
    try graph.addConstant(tensor, name: "\(node.name)/Constant", origin: origin)
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
