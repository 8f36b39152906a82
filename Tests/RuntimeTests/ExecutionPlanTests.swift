import GraphIR
import Operations
import Tensors
import TestSupport
import Testing

@testable import Runtime

@Suite struct ExecutionPlanTests {
  /// `count` softmaxes, each of the one before.
  private func chain(_ count: Int, size: Int = 1000) throws -> Graph {
    var graph = Graph()
    var value = try graph.addInput(["x"], TensorType(.float32, Shape([size])))
    for index in 0..<count { value = try graph.insert(Softmax(), [value], name: "softmax\(index)") }
    graph.addOutput(["y"], value)
    return graph
  }

  @Test func aValueIsDroppedAfterItsLastReader() throws {
    let session = Session(try chain(5), options: .init(threads: 1))
    let result = try session.run(["x": .random([1000], seed: 1)])
    #expect(result.statistics.activationBytes == 2 * 4000)
  }

  @Test func aValueLivesUntilItsLastReader() throws {
    var graph = try chain(3)
    let first = try #require(graph.nodes.first { $0.name == "softmax0" })
    graph.addOutput(["first"], try graph.insert(Softmax(), [Value(first.id)], name: "late"))
    let result = try Session(graph, options: .init(threads: 1)).run(["x": .random([1000], seed: 1)])
    #expect(result.statistics.activationBytes == 3 * 4000)
    #expect(result.outputs.count == 2)
  }

  @Test func outputsAreKeptAlthoughNothingReadsThemLater() throws {
    var graph = try chain(4)
    let first = try #require(graph.nodes.first { $0.name == "softmax0" })
    graph.addOutput(["first"], Value(first.id))
    let tensor = try Tensor.random([1000], seed: 2)
    let result = try Session(graph, options: .init(threads: 1)).run(["x": tensor])
    let expected = try Softmax().evaluate(Operands([tensor]))[0]
    #expect(try OutputError(of: result.outputs[1], expected: expected).absolute < 1e-7)
  }

  @Test func theMemoryLimitStopsARunBeforeItIsExceeded() throws {
    let session = Session(try chain(5), options: .init(threads: 1, memoryLimit: 8000))
    _ = try session.run(["x": .random([1000], seed: 1)])
    let small = Session(try chain(5), options: .init(threads: 1, memoryLimit: 7999))
    let error = try #require(throws: ModelError.self) { try small.run(["x": .random([1000], seed: 1)]) }
    #expect(error.kind == .unsupported)
    #expect(error.message == "softmax1: needs 8000 bytes for values, more than the memory limit of 7999")
  }

  @Test func whatIsKnownBeforehandIsNotRun() throws {
    var graph = Graph()
    let constant = try graph.addConstant(Tensor([1, 2, 3] as [Float]))
    graph.addOutput(["y"], try graph.insert(Softmax(), [constant], name: "folded"))
    graph.addOutput(["x"], try graph.addInput(["x"], TensorType(.float32, [2])))
    let plan = try Session(graph).plan(for: [TensorType(.float32, [2])])
    #expect(plan.steps.isEmpty)
    let input = try Tensor([5, 6] as [Float], shape: [2])
    let result = try Session(graph).run(["x": input])
    #expect(result.outputs[1] == input)
    #expect(result.statistics.activationBytes == 0)
  }

  @Test func unknownOperationsStopARunByName() throws {
    var graph = try chain(1)
    let opaque = Opaque(type: "com.example.Mystery", outputs: [TensorType(.float32, [1000])])
    let id = try graph.add(opaque, [graph.outputs[0].value], name: "mystery")
    graph.addOutput(["z"], Value(id))
    let error = try #require(throws: ModelError.self) { try Session(graph).run(["x": .random([1000], seed: 1)]) }
    #expect(error.kind == .unsupported)
    #expect(error.message == "mystery: the operation com.example.Mystery is not known")
  }

  @Test func moreResultsThanThereAreStopARun() throws {
    var graph = try chain(1)
    let id = try graph.add(Split(axis: 0, parts: 2), [graph.inputs[0].value], name: "split", outputs: 3)
    graph.addOutput(["z"], Value(id, 2))
    let error = try #require(throws: ModelError.self) { try Session(graph).run(["x": .random([1000], seed: 1)]) }
    #expect(error.kind == .invalid)
    #expect(error.message.contains("split: 3 results are named, but it gives 2"))
  }

  /// Attention whose heads are a size that is open, and 0 in this run.
  @Test func attentionOfNoHeadsGivesNothing() throws {
    var graph = Graph()
    let x = try graph.addInput(["x"], TensorType(.float32, [2, Dimension(symbol: "heads"), 3, 4]))
    graph.addOutput(["y"], try graph.insert(FlashAttention(), [x, x, x]))
    let empty = try Tensor([Float](), shape: [2, 0, 3, 4])
    #expect(try Session(graph).run(["x": empty]).outputs == [empty])
    #expect(try FlashAttention().evaluate(Operands([empty, empty, empty])) == [empty])
  }

  @Test func anUnknownOperationThatNoOutputNeedsStopsNothing() throws {
    var graph = try chain(1)
    try graph.add(Opaque(type: "Mystery", outputs: [.unknown]), [graph.inputs[0].value], name: "mystery")
    _ = try Session(graph).run(["x": .random([1000], seed: 1)])
  }

  @Test func observersSeeEveryNodeInOrder() throws {
    final class Recorder: ExecutionObserver {
      var steps: [StepRecord] = []
      func executed(_ step: StepRecord) { steps.append(step) }
    }
    let recorder = Recorder()
    _ = try Session(try chain(3)).run(["x": .random([1000], seed: 1)], observer: recorder)
    #expect(recorder.steps.map(\.node.name) == ["softmax0", "softmax1", "softmax2"])
    #expect(recorder.steps.map(\.liveBytes) == [4000, 8000, 8000])
    #expect(recorder.steps.allSatisfy { $0.stepCount == 3 && $0.duration >= 0 })
    #expect(recorder.steps[0].outputs == [TensorType(.float32, [1000])])
  }

  @Test func aSessionPlansOnceForEachCombinationOfShapes() throws {
    var graph = Graph()
    let x = try graph.addInput(["x"], TensorType(.float32, [Dimension(symbol: "n")]))
    graph.addOutput(["y"], try graph.insert(Softmax(), [x]))
    let session = Session(graph)
    for size in [3, 5, 3] { #expect(try session.run(["x": .random([size], seed: 1)]).outputs[0].shape == [size]) }
    #expect(session.planCount == 2)
  }

  @Test func everythingIsInDoublePrecisionOnceTheGraphIsPromoted() throws {
    var graph = try chain(2, size: 4)
    let constant = try graph.addConstant(Tensor([1, 2, 3, 4] as [Float]))
    graph.addOutput(["c"], constant)
    let promoted = try graph.promotedToDoublePrecision()
    try promoted.verify()
    #expect(promoted.nodes.allSatisfy { $0.outputs[0].element == .float64 })
    let input = try Tensor.random([4], seed: 3)
    let exact = try Session(promoted).run(["x": input.promotedToDoublePrecision()]).outputs
    let rounded = try Session(graph).run(["x": input]).outputs
    #expect(try OutputError(of: rounded[0], expected: exact[0]).absolute < 1e-7)
    #expect(exact[1] == (try Tensor([1, 2, 3, 4] as [Double], shape: [4])))
  }
}
