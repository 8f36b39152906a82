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

  /// How a step is run.
  enum Method: Sendable {
    case definition
    case view
    case kernel(any Kernel)
    /// A kernel may exist, but sizes depend on the contents of the inputs, so it is prepared during the run.
    case whenSizesAreKnown(any CPUExecutable)
    /// It runs graphs of its own, each by plans for the inputs it gets.
    case subgraphs(any SubgraphOperation, [PlanCache])
  }

  struct Step: Sendable {
    /// What it computes, in order.
    let nodes: [Node]
    /// The types of what the nodes read, where the step itself reads views of it or something packed.
    let inputTypes: [TensorType?]?
    let inputs: [Operand]
    /// The slot of each output; nil where nothing reads it.
    let outputs: [Int?]
    let outputTypes: [TensorType]
    let method: Method
    /// Where each output lies in the arena; nil where it has memory of its own.
    var places: [Int?]
    /// Whether its output is written over an input that nothing else needs any more.
    var overwritesInput = false
    /// The slots that no later step reads.
    var released: [Int] = []

    /// The node that it is named after.
    var node: Node { nodes[0] }

    /// Whether it is one node whose operands and result lie in memory in another order than the node says.
    var readsViews: Bool { inputTypes != nil && nodes.count == 1 }
  }

  let steps: [Step]
  let slotCount: Int
  /// The bytes that values of known size share.
  let arenaByteCount: Int
  /// How many of them hold a value that is needed while each step runs.
  let arenaBytesAlive: [Int]
  /// The slot of each input of the graph; nil where nothing reads it.
  let inputSlots: [Int?]
  let inputTypes: [TensorType?]
  let outputs: [Operand]

  /// Plans a run of `graph` with inputs of these types, in the graph's order; nil for an input that is not given.
  ///
  /// Throws `ModelError`: `invalid` where the inputs don't fit the graph, `unsupported` where an output depends on an
  /// operation that flashfuse does not know.
  init(
    _ original: Graph, inputTypes: [TensorType?], weights: WeightCache, workers: Workers,
    observer: (any ExecutionObserver)? = nil
  ) throws {
    let binding = try InputBinding(original.inputs, in: original, given: inputTypes)
    var graph = original
    try graph.reinfer(inputTypes: binding.types)
    try graph.computeHalfPrecisionInSingle()
    // A product with what follows it has a kernel for 32-bit floats of known sizes; others are faster part by part.
    try graph.decompose { $0.operation is any ProductOperation && !ElementwiseRegions.isProduct($0, in: $1) }

    var planner = StepPlanner(graph, order: Self.nodesToRun(of: graph), weights: weights, workers: workers)
    let planned = try planner.steps(observer)
    var slots: [Value: Int] = [:]
    for port in graph.inputs { slots[port.value] = slots.count }
    for step in planned {
      for value in step.outputs { slots[value] = slots.count }
    }
    func slot(_ value: Value) throws -> Int {
      guard let slot = slots[value] else { throw InternalError("\(graph[value.node].label): no step computes it") }
      return slot
    }
    let outputs = try graph.outputs.map { port -> Operand in
      try planner.constant(port.value).map { .constant($0) } ?? .slot(try slot(port.value))
    }

    var read: Set<Int> = []
    var available = Set(graph.inputs.map(\.value))
    for case .slot(let slot) in outputs { read.insert(slot) }
    for step in planned {
      for case .value(let value) in step.inputs {
        guard available.contains(value) else {
          throw ModelError.invalid(
            "\(graph[value.node].label): is read before it is computed: the graph has a cycle")
        }
        read.insert(try slot(value))
      }
      available.formUnion(step.outputs)
    }
    var steps = try planned.map { step in
      Step(
        nodes: step.nodes, inputTypes: step.inputTypes,
        inputs: try step.inputs.map { input in
          switch input {
          case .absent: .absent
          case .constant(let tensor): .constant(tensor)
          case .value(let value): .slot(try slot(value))
          }
        },
        outputs: try step.outputs.map { read.contains(try slot($0)) ? try slot($0) : nil },
        outputTypes: step.outputTypes, method: step.method, places: step.outputs.map { _ in nil })
    }
    for (port, type) in zip(graph.inputs, inputTypes) where type == nil {
      guard let slot = slots[port.value], read.contains(slot) else { continue }
      throw ModelError.invalid("input '\(port.name)' \(original.type(of: port.value)) is not given")
    }

    let lives = ValueLives(steps, outputs: outputs, overwritable: planned.map(\.overwritable))
    for (slot, step) in lives.lastReaders.sorted(by: { $0.key < $1.key }) { steps[step].released.append(slot) }
    for index in lives.overwriting { steps[index].overwritesInput = true }
    (arenaByteCount, arenaBytesAlive) = lives.place(in: &steps)
    self.steps = steps
    self.outputs = outputs
    slotCount = slots.count
    inputSlots = graph.inputs.map { port in slots[port.value].flatMap { read.contains($0) ? $0 : nil } }
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
}
