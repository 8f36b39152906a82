import Foundation
import GraphIR
import Tensors

/// The plans of one graph for every combination of input types that it was run with, and the memory they run in.
///
/// Plans may be made on any thread; runs take turns.
final class PlanCache: @unchecked Sendable {
  let graph: Graph
  private let weights: WeightCache
  private let workers: Workers
  private let lock = NSLock()
  private var plans: [[TensorType?]: ExecutionPlan] = [:]
  private var arena: TensorArena?

  /// A loop whose values grow needs a plan for each round and none of them twice; beyond this many, all are dropped.
  private static let limit = 256

  init(_ graph: Graph, weights: WeightCache, workers: Workers) {
    (self.graph, self.weights, self.workers) = (graph, weights, workers)
  }

  var count: Int { lock.withLock { plans.count } }

  /// The plan for inputs of these types, made when first asked for.
  func plan(for types: [TensorType?], observer: (any ExecutionObserver)? = nil) throws -> ExecutionPlan {
    if let known = lock.withLock({ plans[types] }) { return known }
    let plan = try ExecutionPlan(graph, inputTypes: types, weights: weights, workers: workers, observer: observer)
    lock.withLock {
      if plans.count >= Self.limit { plans.removeAll() }
      plans[types] = plan
    }
    return plan
  }

  /// Runs the plan for the types of `inputs`, which are in the graph's order.
  func run(
    _ inputs: [Tensor?], memoryLimit: Int, observer: (any ExecutionObserver)?
  ) throws -> (outputs: [Tensor], statistics: RunStatistics) {
    let plan = try plan(for: inputs.map { $0?.type }, observer: observer)
    return try plan.run(
      inputs, in: try arena(for: plan, limit: memoryLimit), on: workers, memoryLimit: memoryLimit, observer: observer)
  }

  /// Memory for the values of a run, kept from run to run.
  private func arena(for plan: ExecutionPlan, limit: Int) throws -> TensorArena {
    if let arena, arena.byteCount >= plan.arenaByteCount { return arena }
    guard plan.arenaByteCount <= limit else {
      throw ModelError.unsupported(
        "needs \(plan.arenaByteCount) bytes for values, more than the memory limit of \(limit)")
    }
    arena = nil
    let arena = try TensorArena(byteCount: plan.arenaByteCount)
    self.arena = arena
    return arena
  }
}
