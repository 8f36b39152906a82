import Foundation
import GraphIR
import Kernels
import Tensors

/// A graph with everything that running it many times shares: threads, and a plan for every combination of input shapes.
///
/// Not for use from several threads at once.
public final class Session {
  public struct Options: Sendable {
    /// How many threads to compute on; nil: all cores of this machine.
    public var threads: Int?
    /// Bytes that values and scratch may take at once; a run that needs more fails before it allocates them. Nil: as
    /// many as this machine has.
    public var memoryLimit: Int?

    public init(threads: Int? = nil, memoryLimit: Int? = nil) {
      self.threads = threads
      self.memoryLimit = memoryLimit
    }
  }

  public struct Result: Sendable {
    /// One tensor for each output of the graph, in its order.
    public let outputs: [Tensor]
    public let statistics: RunStatistics
  }

  public let graph: Graph
  public let options: Options
  let workers: Workers
  private let plans: PlanCache
  private let weights = WeightCache()

  public init(_ graph: Graph, options: Options = Options()) {
    self.graph = graph
    self.options = options
    workers = Workers(count: options.threads ?? Workers.defaultCount)
    plans = PlanCache(graph, weights: weights, workers: workers)
  }

  /// The number of threads in use.
  public var threads: Int { workers.count }

  /// The instruction set that the attention kernels use.
  public var instructionSet: String { InstructionSet.current.rawValue }

  /// The most floating-point operations per second on numbers of a type that this session's threads reach together,
  /// measured now.
  public func measuredPeak(of element: ElementType) -> Double {
    InstructionSet.current.measuredPeak(on: workers.pool, element: element == .bfloat16 ? .bfloat16 : .float32)
  }

  /// The most bytes per second that this session's threads read together from main memory, measured now.
  public var measuredReadBandwidth: Double { InstructionSet.current.measuredReadBandwidth(on: workers.pool) }

  /// Runs the graph on tensors for its inputs, each under any of the input's names.
  ///
  /// An input that no output depends on may be left out. Throws `ModelError`: `invalid` where a name is no input's, an input is
  /// missing or does not fit; `unsupported` where an operation is not known or the memory limit does not suffice.
  public func run(_ inputs: [String: Tensor]) throws -> Result { try run(inputs, observer: nil) }

  /// The same, telling `observer` of every node that has run.
  package func run(_ inputs: [String: Tensor], observer: (any ExecutionObserver)?) throws -> Result {
    let ordered = try order(inputs)
    let limit = options.memoryLimit ?? AllocationLimit.machineMemory
    let (outputs, statistics) = try AllocationLimit.$byteCount.withValue(limit) {
      try plans.run(ordered, memoryLimit: limit, observer: observer)
    }
    return Result(outputs: outputs, statistics: statistics)
  }

  /// The graph with the sizes of these inputs put in where it leaves them open.
  package func graph(for inputs: [String: Tensor]) throws -> Graph {
    var bound = graph
    let binding = try InputBinding(graph.inputs, in: graph, given: try order(inputs).map { $0?.type })
    try bound.reinfer(inputTypes: binding.types)
    return bound
  }

  /// The plan for inputs of these types, made when first asked for.
  public func plan(for types: [TensorType?]) throws -> ExecutionPlan { try plans.plan(for: types) }

  /// How many plans were made.
  var planCount: Int { plans.count }

  /// How many matrices of weights were packed.
  var packedCount: Int { weights.count }

  private func order(_ inputs: [String: Tensor]) throws -> [Tensor?] {
    var unused = inputs
    let ordered = try graph.inputs.map { port -> Tensor? in
      let given = Set(port.names).compactMap { unused.removeValue(forKey: $0) }
      try require(given.count <= 1, "input '\(port.name)' is given under several of its names")
      return given.first
    }
    if let name = unused.keys.sorted().first {
      let names = graph.inputs.map { "'\($0.name)'" }.joined(separator: ", ")
      throw ModelError.invalid("'\(name)' is no input of the model, which has \(names)")
    }
    return ordered
  }
}
