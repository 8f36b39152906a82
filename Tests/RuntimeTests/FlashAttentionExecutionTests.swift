import GraphIR
import Operations
import Tensors
import TestSupport
import Testing

@testable import Runtime

@Suite struct FlashAttentionExecutionTests {
  struct Case: CustomTestStringConvertible {
    let testDescription: String
    var element = ElementType.float32
    var keyHeads = 4
    var bias: [Int]?
    var mask: [Int]?
    var hasSinks = false
    var lengths: [Int]?
    var change: @Sendable (inout FlashAttention) -> Void = { _ in }
  }

  static let cases: [Case] = [
    Case(testDescription: "plain"),
    Case(testDescription: "half precision", element: .float16),
    Case(testDescription: "bfloat16", element: .bfloat16),
    Case(testDescription: "double precision", element: .float64),
    Case(testDescription: "shared keys", keyHeads: 2),
    Case(testDescription: "bias of every score", bias: [2, 4, 7, 9]),
    Case(testDescription: "bias of a key", bias: [9]),
    Case(testDescription: "bias of a batch entry", bias: [2, 1, 1, 9]),
    Case(testDescription: "mask of a query and key", mask: [7, 9]),
    Case(testDescription: "bias and mask", bias: [4, 1, 9], mask: [2, 1, 7, 9]) { $0.maskedScore = -1e9 },
    Case(testDescription: "causal") { $0.causal = .lowerRight },
    Case(testDescription: "window") {
      ($0.leftWindow, $0.rightWindow) = (2, 1)
    },
    Case(testDescription: "soft cap") { $0.softcap = 2 },
    Case(testDescription: "sinks", hasSinks: true),
    Case(testDescription: "lengths", lengths: [4, 9]),
  ]

  @Test(arguments: cases)
  func agreesWithTheDefinition(_ test: Case) throws {
    var operation = FlashAttention()
    operation.scale = 0.3
    test.change(&operation)
    func random(_ shape: [Int], _ seed: UInt64) throws -> Tensor { try .random(shape, test.element, seed: seed) }
    let mask = try test.mask.map { shape in
      try Tensor(integers: (0..<shape.reduce(1, *)).map { $0 % 3 == 1 ? 0 : 1 }, element: .bool, shape: shape)
    }
    let inputs: [Tensor?] = [
      try random([2, 4, 7, 5], 1), try random([2, test.keyHeads, 9, 5], 2), try random([2, test.keyHeads, 9, 3], 3),
      try test.bias.map { try random($0, 4) }, mask, try test.hasSinks ? random([4], 5) : nil,
      test.lengths.map { Tensor($0.map(Int64.init)) },
    ]
    var graph = Graph()
    let values = try inputs.enumerated().map { index, tensor in
      try tensor.map { try graph.addInput(["\(index)"], $0.type) }
    }
    graph.addOutput(["output"], try graph.insert(operation, values))
    var given: [String: Tensor] = [:]
    for (index, tensor) in inputs.enumerated() { given["\(index)"] = tensor }
    let actual = try Session(graph, options: .init(threads: 2)).run(given)
    let expected = try operation.evaluate(Operands(inputs))
    let error = try OutputError(of: actual.outputs[0], expected: expected[0])
    #expect(error.scaled <= OutputError.tolerance(for: test.element))
    if test.element != .float64 { #expect(actual.statistics.scratchBytes > 0) }
  }

  /// Layers that read one mask look through it once a run, and anew in the next; one that reads another mask does so by itself.
  @Test func layersShareWhatTheyFindInAMask() throws {
    let (length, operation) = (40, FlashAttention())
    var graph = Graph()
    let x = try graph.addInput(["x"], TensorType(.float32, [1, 2, 40, 16]))
    let masks = try ["first", "second"].map { try graph.addInput([$0], TensorType(.bool, [1, 40, 40])) }
    // Two views of the first mask, as every layer of an exported model makes its own.
    let views = try (0..<2).map { _ in
      try graph.insert(Unsqueeze(), [masks[0], try graph.insert(Constant(Tensor([Int64(0)])), [])])
    }
    var layer = x
    for mask in [views[0], masks[1], views[1]] {
      layer = try graph.insert(operation, [layer, layer, layer, nil, mask])
    }
    graph.addOutput(["y"], layer)

    let session = Session(graph, options: .init(threads: 2))
    func mask(_ hides: (_ query: Int, _ key: Int) -> Bool) throws -> Tensor {
      let bits = (0..<length * length).map { hides($0 / length, $0 % length) ? 0 : 1 }
      return try Tensor(integers: bits, element: .bool, shape: [1, length, length])
    }
    let random = try Tensor.random([1, 2, length, 16], seed: 1)
    let causal = try mask { $0 < $1 }
    let reversed = try mask { $0 > $1 }
    for (first, second) in [(causal, reversed), (reversed, causal)] {
      let actual = try session.run(["x": random, "first": first, "second": second]).outputs[0]
      let expected = try [first, second, first].reduce(random) { layer, mask in
        try operation.evaluate(Operands([layer, layer, layer, nil, mask]))[0]
      }
      #expect(try OutputError(of: actual, expected: expected).scaled <= OutputError.tolerance(for: .float32))
    }
    let kernels = try session.plan(for: [random, causal, causal].map(\.type)).steps.compactMap { step in
      if case .kernel(let kernel) = step.method { kernel as? FlashAttentionKernel } else { nil }
    }
    #expect(kernels.map { $0.mask?.isFirst } == [true, true, false])
    #expect(kernels[0].mask?.scan === kernels[2].mask?.scan)
    #expect(kernels[0].mask?.scan !== kernels[1].mask?.scan)
  }

  @Test func scratchCountsAgainstTheMemoryLimit() throws {
    var graph = Graph()
    let x = try graph.addInput(["x"], TensorType(.float32, [1, 1, 64, 16]))
    graph.addOutput(["y"], try graph.insert(FlashAttention(), [x, x, x], name: "attention"))
    let session = Session(graph, options: .init(threads: 1, memoryLimit: 64 * 16 * 4))
    let error = try #require(throws: ModelError.self) { try session.run(["x": .random([1, 1, 64, 16], seed: 1)]) }
    #expect(error.kind == .unsupported)
  }
}
