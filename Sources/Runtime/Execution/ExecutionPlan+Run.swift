import Foundation
import GraphIR
import Tensors

/// What a run took.
public struct RunStatistics: Hashable, Sendable {
  public var seconds = 0.0
  /// The most bytes of values, inputs and constants aside, that were alive at once.
  public var activationBytes = 0
  /// The most scratch bytes that a single operation used beside them.
  public var scratchBytes = 0
}

extension ExecutionPlan {
  /// Runs the plan on `inputs`, in the graph's order, which have the types it was made for.
  func run(
    _ inputs: [Tensor?], in arena: TensorArena, on workers: Workers, memoryLimit: Int,
    observer: (any ExecutionObserver)?
  ) throws -> (outputs: [Tensor], statistics: RunStatistics) {
    let clock = RunClock()
    var values = [Tensor?](repeating: nil, count: slotCount)
    for case (let slot?, let tensor?) in zip(inputSlots, inputs) { values[slot] = tensor }
    func tensor(_ operand: Operand) throws -> Tensor? {
      switch operand {
      case .absent: return nil
      case .constant(let tensor): return tensor
      case .slot(let slot):
        guard let tensor = values[slot] else { throw InternalError("a value was dropped before its last reader ran") }
        return tensor
      }
    }

    let observesThreads = observer?.observesThreads ?? false
    var meter = ActivationMeter(limit: memoryLimit, arena: arena, planned: arenaByteCount)
    for (index, step) in steps.enumerated() {
      let operands = try step.inputs.map(tensor)
      let begin = observer == nil ? 0 : clock.elapsed
      if observesThreads { workers.pool.beginSpans() }
      let results = try locating(step.node.label) {
        try step.results(for: operands, in: arena, on: workers, meter: &meter, observer: observer, start: begin)
      }
      let present = operands.compactMap { $0 }
      for (slot, result) in zip(step.outputs, results) {
        guard let slot else { continue }
        values[slot] = result
        meter.retain(result, computedFrom: present)
      }
      if let observer {
        observer.executed(
          StepRecord(
            index: index, stepCount: steps.count, nodes: step.nodes, outermost: step.node.id,
            inputs: step.inputTypes ?? operands.map { $0.map(\.type) },
            outputs: step.readsViews ? step.node.outputs.map(\.type) : results.map(\.type),
            overwritesInput: step.overwritesInput, start: begin, duration: clock.elapsed - begin,
            liveBytes: meter.live - arenaByteCount + arenaBytesAlive[index],
            spans: observesThreads && !step.runsSubgraphs ? workers.spans(since: clock.start) : []))
      }
      for slot in step.released {
        if let value = values[slot] { meter.release(value) }
        values[slot] = nil
      }
    }
    let results = try outputs.map { operand in
      guard let result = try tensor(operand) else { throw InternalError("an output was not computed") }
      return result
    }
    let statistics = RunStatistics(
      seconds: clock.elapsed, activationBytes: meter.peak, scratchBytes: meter.peakScratch)
    return (results, statistics)
  }
}

extension ExecutionPlan.Step {
  /// Whether what it runs has steps of its own, which say what threads did.
  fileprivate var runsSubgraphs: Bool {
    if case .subgraphs = method { true } else { false }
  }

  fileprivate func results(
    for operands: [Tensor?], in arena: TensorArena, on workers: Workers, meter: inout ActivationMeter,
    observer: (any ExecutionObserver)?, start: Double
  ) throws -> [Tensor] {
    switch method {
    case .subgraphs(let operation, let plans):
      return try run(
        operation, plans, operands, apartFrom: arena, meter: &meter,
        observer: observer.map { InnerObserver($0, owner: node, start: start) })
    case .view:
      return try evaluate(operands)
    case .definition:
      try meter.check(plannedByteCount)
      return try evaluateApart(operands, from: arena)
    case .kernel(let kernel):
      return try run(kernel, operands, types: outputTypes, in: arena, on: workers, meter: &meter)
    case .whenSizesAreKnown(let executable):
      let inputs = Operands(operands.map { $0.map { $0.info } })
      let types = try executable.infer(inputs).prefix(node.outputs.count).map(\.type)
      guard types.allSatisfy({ $0.shape.sizes != nil }), let kernel = try executable.prepare(inputs, outputs: types)
      else { return try evaluateApart(operands, from: arena) }
      return try run(kernel, operands, types: types, in: arena, on: workers, meter: &meter)
    }
  }

  /// The results of the definition, which may be inputs or parts of them, where no other value will be written.
  private func evaluateApart(_ operands: [Tensor?], from arena: TensorArena) throws -> [Tensor] {
    try evaluate(operands).map { try $0.apart(from: arena) }
  }

  /// Runs an operation by plans of the graphs inside; what these compute counts beside what is alive around them.
  private func run(
    _ operation: any SubgraphOperation, _ plans: [PlanCache], _ operands: [Tensor?], apartFrom arena: TensorArena,
    meter: inout ActivationMeter, observer: InnerObserver?
  ) throws -> [Tensor] {
    let outside = meter.live
    let limit = meter.limit
    var inside = RunStatistics()
    var stacked = 0
    let clock = RunClock()
    let results = try operation.evaluate(Operands(operands)) { subgraph, inputs in
      observer?.roundStart = clock.elapsed
      let (outputs, statistics) = try plans[subgraph].run(
        inputs, memoryLimit: max(limit - outside, 0), observer: observer)
      stacked += outputs.dropFirst(operation.stackOffset).reduce(0) { $0 + $1.byteCount }
      try meter.check(stacked)
      inside.activationBytes = max(inside.activationBytes, stacked.addingSaturated(statistics.activationBytes))
      inside.scratchBytes = max(inside.scratchBytes, statistics.scratchBytes)
      return outputs
    }
    meter.noteInside(inside)
    return try checked(results) { ModelError.invalid($0) }.map { try $0.apart(from: arena) }
  }

  /// The bytes of the outputs as far as the plan knows their sizes.
  private var plannedByteCount: Int {
    outputTypes.reduce(0) { sum, output in
      guard let sizes = output.shape.sizes, let count = try? Tensor.elementCount(of: sizes, element: output.element)
      else { return sum }
      return sum.addingSaturated(output.element.byteCount(of: count))
    }
  }

  private func evaluate(_ operands: [Tensor?]) throws -> [Tensor] {
    try checked(node.operation.evaluate(Operands(operands))) { InternalError("\(node.label): \($0)") }
  }

  /// As many of `results` as the node has outputs, of the types that were inferred; what differs is the failure `failure`.
  private func checked(_ results: [Tensor], failure: (String) -> any Error) throws -> [Tensor] {
    // How many there are may follow from what a file says elsewhere, as for the parts of a split.
    try require(
      results.count >= node.outputs.count, "\(node.outputs.count) results are named, but it gives \(results.count)")
    for (result, expected) in zip(results, node.outputs) {
      let sizes = expected.shape.sizes
      guard sizes == nil || sizes == result.shape, expected.element == .unknown || expected.element == result.element
      else { throw failure("gave \(result.type) where \(expected.type) was inferred") }
    }
    return Array(results.prefix(node.outputs.count))
  }

  private func run(
    _ kernel: any Kernel, _ operands: [Tensor?], types: [TensorType], in arena: TensorArena, on workers: Workers,
    meter: inout ActivationMeter
  ) throws -> [Tensor] {
    let scratch = kernel.scratchByteCount(threads: workers.count)
    var needed = scratch
    for (type, place) in zip(types, places) where place == nil {
      let bytes = try type.element.byteCount(of: Tensor.elementCount(of: type.shape.sizes ?? [], element: type.element))
      needed = needed.addingSaturated(bytes)
    }
    try meter.check(needed)
    meter.noteScratch(scratch)
    let buffers = try zip(types, places).map { type, place in
      let sizes = type.shape.sizes ?? []
      return try place.map { try TensorBuffer(element: type.element, shape: sizes, in: arena, at: $0) }
        ?? TensorBuffer(element: type.element, shape: sizes)
    }
    try kernel.run(Operands(operands), into: buffers, on: workers)
    return try buffers.map { try $0.tensor() }
  }
}

extension Workers {
  /// What the threads did since the pool was asked to keep it, in seconds after `origin`.
  fileprivate func spans(since origin: DispatchTime) -> [ThreadSpan] {
    pool.endSpans().map { span in
      ThreadSpan(
        thread: span.worker, start: Double(span.start - origin.uptimeNanoseconds) * 1e-9,
        duration: Double(span.end - span.start) * 1e-9, taskCount: span.taskCount)
    }
  }
}

extension Int {
  /// The sum of two numbers of bytes, or the largest number there is.
  fileprivate func addingSaturated(_ other: Int) -> Int {
    let (sum, overflow) = addingReportingOverflow(other)
    return overflow ? .max : sum
  }
}

extension Tensor {
  /// The same tensor where no other value of the arena will be written.
  fileprivate func apart(from arena: TensorArena) throws -> Tensor {
    guard arena.holds(self) else { return self }
    return try Tensor(element: element, shape: shape) { target in withBytes { target.copyMemory(from: $0) } }
  }

  package var type: TensorType { TensorType(element, Shape(shape)) }

  /// What is known of the tensor; its contents only where it is small, as for sizes and axes.
  fileprivate var info: ValueInfo {
    count <= ValueInfo.symbolsLimit ? ValueInfo(constant: self) : ValueInfo(type)
  }
}

/// Something that only a bug in flashfuse can cause.
package struct InternalError: Error, CustomStringConvertible {
  package let description: String

  package init(_ description: String) { self.description = description }
}
