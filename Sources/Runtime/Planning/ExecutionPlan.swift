import GraphIR
import Tensors

/// A graph made ready to run on inputs of given types: what runs in which order, where each value lies, and when it is dropped.
///
/// Everything that follows from shapes and constants is worked out here, once; a run only computes what depends on the inputs'
/// contents.
public struct ExecutionPlan: Sendable {
  /// Where a value is found during a run.
  enum Operand: Sendable {
    case absent
    /// Part of the model, or computed from such parts and the shapes of the inputs.
    case constant(Tensor)
    case slot(Int)
  }

  /// How a node is run.
  enum Method: Sendable {
    case definition
    case view
    case kernel(any Kernel)
    /// A kernel may exist, but sizes depend on the contents of the inputs, so it is prepared during the run.
    case whenSizesAreKnown(any CPUExecutable)
  }

  struct Step: Sendable {
    let node: Node
    let inputs: [Operand]
    /// The slot of each output; nil where nothing reads it.
    let outputs: [Int?]
    let method: Method
    /// The slots that no later step reads.
    var released: [Int] = []
  }

  let steps: [Step]
  let slotCount: Int
  /// The slot of each input of the graph; nil where nothing reads it.
  let inputSlots: [Int?]
  let inputTypes: [TensorType?]
  let outputs: [Operand]

  /// Plans a run of `graph` with inputs of these types, in the graph's order; nil for an input that is not given.
  ///
  /// Throws `ModelError`: `invalid` where the inputs don't fit the graph, `unsupported` where an output depends on an
  /// operation that flashfuse does not know.
  init(_ original: Graph, inputTypes: [TensorType?]) throws {
    let binding = try InputBinding(original.inputs, in: original, given: inputTypes)
    var graph = original
    try graph.reinfer(inputTypes: binding.types)

    let order = Self.nodesToRun(of: graph)
    var slots: [Value: Int] = [:]
    var lastReader: [Int: Int] = [:]
    var steps: [Step] = []
    for port in graph.inputs { slots[port.value] = slots.count }
    func operand(_ value: Value?) throws -> Operand {
      guard let value else { return .absent }
      if let tensor = graph.info(of: value).constant { return .constant(tensor) }
      guard let slot = slots[value] else {
        throw ModelError.invalid("\(graph[value.node].label): is read before it is computed: the graph has a cycle")
      }
      return .slot(slot)
    }

    var readInputs: Set<Value> = []
    for id in order {
      let node = graph[id]
      if node.operation is Parameter {
        readInputs.insert(Value(id))
        continue
      }
      if let opaque = node.operation as? Opaque {
        throw ModelError.unsupported("\(node.label): the operation \(opaque.type) is not known")
      }
      let inputs = try node.inputs.map(operand)
      for case .slot(let slot) in inputs { lastReader[slot] = steps.count }
      let outputs = node.values.map { value -> Int? in
        guard !graph.uses(of: value).isEmpty else { return nil }
        slots[value] = slots.count
        return slots[value]
      }
      for case let slot? in outputs { lastReader[slot] = steps.count }
      steps.append(Step(node: node, inputs: inputs, outputs: outputs, method: try Self.method(for: node, in: graph)))
    }

    outputs = try graph.outputs.map { try operand($0.value) }
    for case .slot(let slot) in outputs { lastReader[slot] = nil }
    for (slot, step) in lastReader.sorted(by: { $0.key < $1.key }) { steps[step].released.append(slot) }
    for (port, type) in zip(graph.inputs, inputTypes) where type == nil && readInputs.contains(port.value) {
      throw ModelError.invalid("input '\(port.name)' \(original.type(of: port.value)) is not given")
    }
    self.steps = steps
    slotCount = slots.count
    inputSlots = graph.inputs.map { readInputs.contains($0.value) ? slots[$0.value] : nil }
    self.inputTypes = inputTypes
  }

  /// The nodes that outputs depend on and that are not known beforehand, each after those it reads.
  private static func nodesToRun(of graph: Graph) -> [NodeID] {
    var needed: Set<NodeID> = []
    var pending = graph.outputs.map(\.value)
    while let value = pending.popLast() {
      guard graph.info(of: value).constant == nil, needed.insert(value.node).inserted else { continue }
      pending += graph[value.node].inputs.compactMap { $0 }
    }
    return graph.topologicalOrder().filter(needed.contains)
  }

  private static func method(for node: Node, in graph: Graph) throws -> Method {
    if node.operation is any ViewOperation { return .view }
    guard let executable = node.operation as? any CPUExecutable else { return .definition }
    let inputs = node.inputs.map { $0.map { graph.info(of: $0) } }
    let infos = inputs.compactMap { $0 } + node.outputs
    guard infos.allSatisfy({ $0.shape.sizes != nil && $0.element != .unknown }) else {
      return .whenSizesAreKnown(executable)
    }
    let kernel = try locating(node.label) {
      try executable.prepare(Operands(inputs), outputs: node.outputs.map(\.type))
    }
    return kernel.map { .kernel($0) } ?? .definition
  }
}
