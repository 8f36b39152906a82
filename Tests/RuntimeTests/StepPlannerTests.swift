import GraphIR
import Operations
import Tensors
import TestSupport
import Testing

@testable import Runtime

/// What is computed together, read in place and written over, and that results stay those of the definitions.
@Suite struct StepPlannerTests {
  /// Runs `graph` on random inputs and compares every output with the operations' definitions, evaluated one by one.
  @discardableResult
  static func check(_ graph: Graph, steps: [String]) throws -> RunStatistics {
    var inputs: [String: Tensor] = [:]
    var known: [Value: Tensor] = [:]
    for (index, port) in graph.inputs.enumerated() {
      let type = graph.type(of: port.value)
      inputs[port.name] = try .random(try #require(type.shape.sizes), type.element, seed: UInt64(index + 1))
      known[port.value] = inputs[port.name]
    }
    for id in graph.topologicalOrder() where !(graph[id].operation is Parameter) {
      let node = graph[id]
      let operands = node.inputs.map { $0.flatMap { known[$0] ?? graph.info(of: $0).constant } }
      for (index, result) in try node.operation.evaluate(Operands(operands)).enumerated() {
        known[Value(id, index)] = result
      }
    }
    let session = Session(graph, options: .init(threads: 2))
    let plan = try session.plan(for: graph.inputs.map { graph.type(of: $0.value) })
    #expect(plan.steps.map { OperationDescriptor.of($0.node.operation).name } == steps)
    // Twice, so that the second run meets what the first left in memory.
    _ = try session.run(inputs)
    let result = try session.run(inputs)
    for (port, output) in zip(graph.outputs, result.outputs) {
      let expected = try #require(known[port.value] ?? graph.info(of: port.value).constant)
      #expect(try OutputError(of: output, expected: expected).scaled < 2e-5)
    }
    return result.statistics
  }

  static func weights(_ shape: [Int], in graph: inout Graph, seed: UInt64) throws -> Value {
    try graph.addConstant(.random(shape, seed: seed))
  }

  @Test func whatFollowsAFusedProductIsDoneWithIt() throws {
    var graph = Graph()
    let x = try graph.addInput(["x"], TensorType(.float32, [2, 30, 40]))
    let residual = try graph.addInput(["residual"], TensorType(.float32, [2, 30, 50]))
    var operation = MatMulBiasActivation()
    operation.activation = .gelu
    let product = try graph.insert(
      operation,
      [x, Self.weights([40, 50], in: &graph, seed: 7), Self.weights([50], in: &graph, seed: 8)])
    graph.addOutput(["y"], try graph.insert(Add(), [residual, product]))
    try Self.check(graph, steps: ["MatMulBiasActivation"])
  }

  /// As compressed models have them: (W − z)·s in blocks, unpacked for the product and for nothing else, once for all plans.
  @Test(arguments: [300, 20]) func weightsOfFourBitsArePackedOnce(columns: Int) throws {
    var graph = Graph()
    let x = try graph.addInput(["x"], TensorType(.float32, [Dimension(symbol: "n"), 512]))
    let numbers = (0..<columns * 512).map { $0 * 7 % 16 }
    let stored = try graph.addConstant(Tensor(integers: numbers, element: .uint4, shape: [columns, 8, 64]))
    let cast = try graph.insert(Cast(to: .float16), [stored])
    let point = try graph.insert(
      Cast(to: .float16), [graph.addConstant(Tensor(integers: [8], element: .uint4, shape: []))])
    let scale = try graph.addConstant(.random([columns, 8, 1], .float16, seed: 4))
    let scaled = try graph.insert(Mul(), [graph.insert(Sub(), [cast, point]), scale])
    let flat = try graph.insert(Reshape(), [scaled, graph.addConstant(Tensor(integers: [columns, 512], shape: [2]))])
    let weights = try graph.insert(Transpose(), [graph.insert(Cast(to: .float32), [flat])])
    graph.addOutput(["y"], try graph.insert(MatMul(), [x, weights]))
    let session = Session(graph, options: .init(threads: 2))
    for rows in [1, 5] {
      let input = try Tensor.random([rows, 512], seed: 3)
      let expected = try Session(graph.promotedToDoublePrecision()).run(["x": input.promotedToDoublePrecision()])
      let result = try session.run(["x": input])
      #expect(try OutputError(of: result.outputs[0], expected: expected.outputs[0]).scaled < 2e-5)
    }
    #expect(session.planCount == 2 && session.packedCount == 1)
  }

  /// x·W + b, the error function's GELU in its parts, and a residual.
  @Test func aChainAfterAProductIsOneStep() throws {
    var graph = Graph()
    let x = try graph.addInput(["x"], TensorType(.float32, [2, 30, 40]))
    let product = try graph.insert(MatMul(), [x, Self.weights([40, 50], in: &graph, seed: 7)])
    let sum = try graph.insert(Add(), [Self.weights([50], in: &graph, seed: 8), product])
    let root = try graph.addConstant(Tensor(scalar: Float(1.4142135)))
    let one = try graph.addConstant(Tensor(scalar: Float(1)))
    let half = try graph.addConstant(Tensor(scalar: Float(0.5)))
    let erf = try graph.insert(Erf(), [try graph.insert(Div(), [sum, root])])
    let gelu = try graph.insert(
      Mul(), [try graph.insert(Mul(), [sum, try graph.insert(Add(), [erf, one])]), half])
    let residual = try graph.addInput(["residual"], TensorType(.float32, [30, 50]))
    graph.addOutput(["y"], try graph.insert(Add(), [gelu, residual]))
    try Self.check(graph, steps: ["MatMul"])
  }

  @Test func whatOthersReadIsComputedForThem() throws {
    var graph = Graph()
    let x = try graph.addInput(["x"], TensorType(.float32, [30, 40]))
    let product = try graph.insert(MatMul(), [x, Self.weights([40, 40], in: &graph, seed: 7)])
    let relu = try graph.insert(Relu(), [product])
    let tanh = try graph.insert(Tanh(), [relu])
    graph.addOutput(["y"], tanh)
    graph.addOutput(["z"], relu)
    try Self.check(graph, steps: ["MatMul", "Tanh"])
    graph.addOutput(["product"], product)
    try Self.check(graph, steps: ["MatMul", "Relu", "Tanh"])
  }

  @Test func twoProductsMeetInOneRegion() throws {
    var graph = Graph()
    let x = try graph.addInput(["x"], TensorType(.float32, [100, 40]))
    let gate = try graph.insert(MatMul(), [x, Self.weights([40, 60], in: &graph, seed: 1)])
    let value = try graph.insert(MatMul(), [x, Self.weights([40, 60], in: &graph, seed: 2)])
    let open = try graph.insert(Mul(), [gate, try graph.insert(Sigmoid(), [gate])])
    graph.addOutput(["y"], try graph.insert(Mul(), [open, value]))
    try Self.check(graph, steps: ["MatMul", "MatMul"])
  }

  @Test func weightsThatTheModelTransposesArePackedFromWhereTheyAre() throws {
    var graph = Graph()
    let x = try graph.addInput(["x"], TensorType(.float32, [3, 300]))
    let weights = try Self.weights([400, 300], in: &graph, seed: 7)
    let swapped = try graph.insert(Transpose([1, 0]), [weights])
    graph.addOutput(["y"], try graph.insert(MatMul(), [x, swapped]))
    try Self.check(graph, steps: ["MatMul"])
  }

  /// Heads are split, transposed, attended to and merged without a copy.
  @Test func attentionReadsAndWritesThroughTransposes() throws {
    var graph = Graph()
    let x = try graph.addInput(["x"], TensorType(.float32, [2, 30, 3 * 4 * 8]))
    let sizes = try graph.addConstant(Tensor([32, 32, 32] as [Int64]))
    let split = try graph.add(Split(axis: 2), [x, sizes])
    let heads = try graph.addConstant(Tensor([2, 30, 4, 8] as [Int64]))
    let operands = try (0..<3).map { index in
      let shaped = try graph.insert(Reshape(), [Value(split, index), heads])
      return try graph.insert(Transpose([0, 2, 1, 3]), [shaped])
    }
    var operation = FlashAttention()
    operation.scale = 0.5
    let attention = try graph.insert(operation, operands)
    let merged = try graph.insert(Transpose([0, 2, 1, 3]), [attention])
    let flat = try graph.addConstant(Tensor([2, 30, 32] as [Int64]))
    graph.addOutput(["y"], try graph.insert(Reshape(), [merged, flat]))
    try Self.check(graph, steps: ["FlashAttention", "Reshape"])
  }

  /// The product could read the attention through the transpose, but the attention writes only what that gives.
  @Test func productsReadWhatAnAttentionWrites() throws {
    var graph = Graph()
    let x = try graph.addInput(["x"], TensorType(.float32, [2, 4, 30, 8]))
    let attention = try graph.insert(FlashAttention(), [x, x, x])
    let swapped = try graph.insert(Transpose([0, 1, 3, 2]), [attention])
    graph.addOutput(["y"], try graph.insert(MatMul(), [swapped, secondAttention(of: x, in: &graph)]))
    try Self.check(graph, steps: ["FlashAttention", "FlashAttention", "MatMul"])
  }

  private func secondAttention(of x: Value, in graph: inout Graph) throws -> Value {
    var operation = FlashAttention()
    operation.scale = 0.5
    return try graph.insert(operation, [x, x, x])
  }

  @Test func productsReadTransposedFactorsInPlace() throws {
    var graph = Graph()
    let x = try graph.addInput(["x"], TensorType(.float32, [2, 30, 4, 8]))
    let y = try graph.addInput(["y"], TensorType(.float32, [2, 20, 4, 8]))
    let left = try graph.insert(Transpose([0, 2, 1, 3]), [x])
    let right = try graph.insert(Transpose([0, 2, 3, 1]), [y])
    graph.addOutput(["z"], try graph.insert(MatMul(), [left, right]))
    try Self.check(graph, steps: ["MatMul"])
  }

  /// Halves of the features are exchanged, turned and joined, as rotary embeddings are spelled out: only joining copies.
  @Test func elementwiseNodesReadPartsAndTransposesInPlace() throws {
    var graph = Graph()
    let x = try graph.addInput(["x"], TensorType(.float32, [2, 30, 4, 8]))
    let cosines = try graph.addInput(["cos"], TensorType(.float32, [1, 1, 30, 8]))
    let sines = try graph.addInput(["sin"], TensorType(.float32, [1, 1, 30, 8]))
    let heads = try graph.insert(Transpose([0, 2, 1, 3]), [x])
    func half(_ start: Int64) throws -> Value {
      let bounds = try [start, start + 4, 3].map { try graph.addConstant(Tensor([$0])) }
      return try graph.insert(Slice(), [heads] + bounds)
    }
    let turned = try graph.insert(Concat(axis: 3), [try graph.insert(Neg(), [try half(4)]), try half(0)])
    let first = try graph.insert(Mul(), [heads, cosines])
    graph.addOutput(["y"], try graph.insert(Add(), [first, try graph.insert(Mul(), [turned, sines])]))
    try Self.check(graph, steps: ["Neg", "Concat", "Mul"])
  }

  /// Where a row's elements don't lie side by side, they are copied first.
  @Test func whatProgramsCannotReadIsCopied() throws {
    var graph = Graph()
    let x = try graph.addInput(["x"], TensorType(.float32, [70, 50]))
    let swapped = try graph.insert(Transpose([1, 0]), [x])
    let y = try graph.addInput(["y"], TensorType(.float32, [50, 70]))
    graph.addOutput(["z"], try graph.insert(Mul(), [swapped, y]))
    try Self.check(graph, steps: ["Transpose", "Mul"])
  }

  @Test(arguments: [ElementType.float32, .float64, .float16])
  func movedElementsAreCopiedOnce(_ element: ElementType) throws {
    var graph = Graph()
    let x = try graph.addInput(["x"], TensorType(element, [5, 6, 7]))
    let bounds = try [1, 6, 1, 2].map { try graph.addConstant(Tensor([$0] as [Int64])) }
    let part = try graph.insert(Slice(), [x] + bounds)
    let order = try graph.insert(Transpose([2, 0, 1]), [part])
    graph.addOutput(["moved"], order)
    let one = try graph.insert(Unsqueeze(), [part, try graph.addConstant(Tensor([0] as [Int64]))])
    let sizes = try graph.addConstant(Tensor([2, 5, 3, 7] as [Int64]))
    graph.addOutput(["repeated"], try graph.insert(Expand(), [one, sizes]))
    for axis in 0..<3 {
      graph.addOutput(["joined\(axis)"], try graph.insert(Concat(axis: axis), [order, order]))
    }
    let column = try graph.insert(
      Slice(), [x] + (try [3, 4, 2].map { try graph.addConstant(Tensor([$0] as [Int64])) }))
    graph.addOutput(["column"], try graph.insert(Concat(axis: 2), [column, x, column]))
    try Self.check(graph, steps: ["Transpose", "Expand", "Concat", "Concat", "Concat", "Concat"])
  }

  @Test func castsToTheSameTypeCostNothing() throws {
    var graph = Graph()
    let x = try graph.addInput(["x"], TensorType(.float32, [30, 40]))
    let product = try graph.insert(MatMul(), [x, Self.weights([40, 50], in: &graph, seed: 7)])
    let bias = try Self.weights([50], in: &graph, seed: 8)
    let sum = try graph.insert(Add(), [try graph.insert(Cast(to: .float32), [product]), bias])
    let last = try graph.insert(Cast(to: .float32), [sum])
    // Two readers, which find what the product's step has made.
    graph.addOutput(["y"], try graph.insert(Mul(), [last, try graph.insert(Softmax(), [last])]))
    graph.addOutput(["x as it is"], try graph.insert(Cast(to: .float32), [x]))
    try Self.check(graph, steps: ["MatMul", "Softmax", "Mul", "Cast"])
  }

  @Test func residualsAreReadWhereTheyAre() throws {
    var graph = Graph()
    let x = try graph.addInput(["x"], TensorType(.float32, [2, 30, 40]))
    let product = try graph.insert(MatMul(), [x, Self.weights([40, 50], in: &graph, seed: 7)])
    let residual = try graph.addInput(["residual"], TensorType(.float32, [30, 2, 120]))
    let bounds = try [60, 110, 2].map { try graph.addConstant(Tensor([$0] as [Int64])) }
    let part = try graph.insert(Transpose([1, 0, 2]), [try graph.insert(Slice(), [residual] + bounds)])
    graph.addOutput(["y"], try graph.insert(Add(), [product, part]))
    try Self.check(graph, steps: ["MatMul"])
  }

  @Test func resultsAreWrittenOverInputsThatNothingNeedsAnyMore() throws {
    var graph = Graph()
    let x = try graph.addInput(["x"], TensorType(.float32, [64, 64]))
    var value = try graph.insert(Softmax(), [x])
    for _ in 0..<4 { value = try graph.insert(Softmax(), [value]) }
    // Read at the end, so never written over.
    let kept = value
    for _ in 0..<4 { value = try graph.insert(Softmax(), [value]) }
    graph.addOutput(["y"], try graph.insert(Add(), [value, kept]))
    let statistics = try Self.check(graph, steps: Array(repeating: "Softmax", count: 9) + ["Add"])
    #expect(statistics.activationBytes == 3 * 64 * 64 * 4)
  }

  /// A view of a value that is written over would change with it.
  @Test func viewsKeepTheirMemory() throws {
    var graph = Graph()
    let x = try graph.addInput(["x"], TensorType(.float32, [64, 64]))
    let first = try graph.insert(Softmax(), [x])
    let shape = try graph.addConstant(Tensor([32, 128] as [Int64]))
    let view = try graph.insert(Reshape(), [first, shape])
    let second = try graph.insert(Softmax(), [first])
    graph.addOutput(["y"], try graph.insert(Softmax(), [second]))
    graph.addOutput(["view"], view)
    graph.addOutput(["z"], try graph.insert(Softmax(axis: 1), [view]))
    try Self.check(graph, steps: ["Softmax", "Reshape", "Softmax", "Softmax", "Softmax"])
  }

  @Test(arguments: 0..<20)
  func placesOfValuesAliveTogetherDoNotOverlap(_ seed: Int) {
    var generator = Numbers(state: UInt64(seed))
    let demands = (0..<40).map { _ -> MemoryPlan.Demand in
      let first = Int.random(in: 0..<30, using: &generator)
      return .init(
        byteCount: Int.random(in: 1..<1000, using: &generator), first: first,
        last: first + Int.random(in: 0..<8, using: &generator))
    }
    let plan = MemoryPlan(demands)
    for (index, demand) in demands.enumerated() {
      #expect(plan.offsets[index] % 64 == 0 && plan.offsets[index] + demand.byteCount <= plan.byteCount)
      for other in demands.indices where other < index {
        let isTogether = demands[other].first <= demand.last && demand.first <= demands[other].last
        let isApart =
          plan.offsets[index] + demand.byteCount <= plan.offsets[other]
          || plan.offsets[other] + demands[other].byteCount <= plan.offsets[index]
        #expect(isApart || !isTogether)
      }
    }
  }
}

/// Numbers that depend on the seed alone.
private struct Numbers: RandomNumberGenerator {
  var state: UInt64

  mutating func next() -> UInt64 {
    state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
    return state ^ state >> 29
  }
}
