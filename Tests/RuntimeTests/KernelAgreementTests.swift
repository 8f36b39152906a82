import GraphIR
import Operations
import Tensors
import TestSupport
import Testing

@testable import Runtime

/// Every kernel against the operation's definition.
@Suite struct KernelAgreementTests {
  struct Case: CustomTestStringConvertible {
    let operation: any GraphOperation
    let shapes: [[Int]]
    var element = ElementType.float32
    var scale = 1.0

    var testDescription: String { "\(operation) of \(shapes)" }
  }

  static let matMul: [Case] = [
    [[3, 4], [4, 5]], [[4], [4, 5]], [[3, 4], [4]], [[4], [4]], [[2, 3, 4], [4, 5]], [[2, 1, 3, 4], [6, 4, 5]],
    [[4, 5], [2, 3, 5, 2]], [[1, 3, 4], [7, 4, 1]], [[0, 4], [4, 5]], [[3, 0], [0, 5]], [[2, 0, 4], [2, 4, 5]],
    [[2, 3, 4], [1, 1, 4, 5]], [[150, 170], [170, 130]],
  ].flatMap { shapes in [ElementType.float32, .float64].map { Case(operation: MatMul(), shapes: shapes, element: $0) } }

  static let gemm: [Case] = [
    (false, false, [[3, 4], [4, 5], [5]]), (true, false, [[4, 3], [4, 5], [3, 1]]),
    (false, true, [[3, 4], [5, 4], []]),
    (true, true, [[4, 3], [5, 4]]), (false, false, [[3, 0], [0, 5], [3, 5]]),
    (false, false, [[3, 4], [4, 5], [1, 5]]),
  ].flatMap { left, right, shapes in
    [ElementType.float32, .float64].map { element in
      var gemm = Gemm()
      (gemm.transposesLeft, gemm.transposesRight, gemm.alpha, gemm.beta) = (left, right, 0.5, 2)
      return Case(operation: gemm, shapes: shapes, element: element)
    }
  }

  static let softmax: [Case] = [[5], [3, 7], [2, 3, 400], [4, 1, 1], [0, 3], [3, 0]].flatMap { shape in
    shape.indices.map { Case(operation: Softmax(axis: $0), shapes: [shape], scale: 30) }
  }

  static func convolution(_ change: (inout Conv) -> Void) -> Conv {
    var operation = Conv()
    change(&operation)
    return operation
  }

  static let convolutions: [Case] = [
    Case(operation: Conv(), shapes: [[2, 3, 9, 8], [4, 3, 3, 3], [4]]),
    Case(operation: convolution { $0.pads = [1, 2, 0, 1] }, shapes: [[1, 2, 5, 6], [3, 2, 3, 2]]),
    Case(operation: convolution { $0.strides = [2, 3] }, shapes: [[1, 2, 11, 13], [3, 2, 4, 4], [3]]),
    Case(
      operation: convolution { ($0.dilations, $0.pads) = ([2, 1], [2, 1, 2, 1]) },
      shapes: [[1, 2, 7, 6], [3, 2, 3, 3]]),
    Case(operation: convolution { $0.group = 2 }, shapes: [[2, 4, 5, 5], [6, 2, 2, 2], [6]]),
    Case(operation: convolution { $0.group = 4 }, shapes: [[1, 4, 5, 5], [4, 1, 3, 3], [4]]),
    Case(operation: Conv(), shapes: [[3, 8, 6, 7], [5, 8, 1, 1], [5]]),
    Case(operation: convolution { $0.strides = [2, 2] }, shapes: [[1, 8, 6, 7], [5, 8, 1, 1]]),
    Case(operation: convolution { $0.autoPad = .sameUpper }, shapes: [[1, 2, 5, 5], [3, 2, 4, 4]]),
    Case(operation: convolution { $0.pads = [1, 1] }, shapes: [[2, 3, 50], [4, 3, 3], [4]]),
    Case(operation: Conv(), shapes: [[1, 2, 4, 5, 6], [3, 2, 2, 3, 2], [3]]),
    Case(operation: convolution { $0.pads = [1, 1, 1, 1] }, shapes: [[1, 64, 40, 41], [8, 64, 3, 3]]),
    Case(operation: Conv(), shapes: [[0, 3, 9, 8], [4, 3, 3, 3]]),
  ]

  static let elementwise: [Case] = [
    Case(operation: Add(), shapes: [[2, 3, 4], [4]]), Case(operation: Sub(), shapes: [[2, 3, 1], [1, 4]]),
    Case(operation: Mul(), shapes: [[2, 1, 3, 1], [5, 1, 4]]), Case(operation: Div(), shapes: [[600, 7], [600, 1]]),
    Case(operation: Gelu(), shapes: [[3, 1000]], scale: 4), Case(operation: Gelu(approximate: .tanh), shapes: [[40]]),
    Case(operation: Swish(alpha: 1.5), shapes: [[2, 2]], scale: 9),
    Case(operation: SwiGLU(), shapes: [[5, 6], [5, 6]]),
    Case(operation: Relu(), shapes: [[100, 100]]), Case(operation: Erf(), shapes: [[]], scale: 3),
    Case(operation: Tanh(), shapes: [[9, 8, 7]], scale: 3), Case(operation: Exp(), shapes: [[0, 4]]),
  ]

  static func normalization(_ axis: Int) -> LayerNormalization {
    var operation = LayerNormalization()
    operation.axis = axis
    return operation
  }

  static let normalizations: [Case] = [
    Case(operation: normalization(-1), shapes: [[2, 3, 40], [40], [40]]),
    Case(operation: normalization(1), shapes: [[2, 3, 5], [3, 5]]),
    Case(operation: normalization(-1), shapes: [[2, 3, 5], [1], [5]]),
    Case(operation: normalization(-1), shapes: [[2, 0, 5], [5], [5]]),
    Case(operation: RMSNormalization(), shapes: [[7, 100], [100]]),
  ]

  static let fused: [Case] =
    [
      Case(operation: RotaryPosition(), shapes: [[2, 3, 5, 8], [2, 1, 5, 8], [5, 8]]),
      Case(operation: RotaryPosition(interleaved: true), shapes: [[2, 3, 5, 8], [5, 8], [2, 1, 5, 8]]),
      Case(operation: RotaryPosition(), shapes: [[700, 6], [6], [700, 6]]),
      Case(operation: RotaryPosition(), shapes: [[4, 6], [4, 1], [1]]),
      Case(operation: RotaryPosition(), shapes: [[4, 6], [6], [6]], element: .float64),
      Case(operation: linear(.swish, transposed: true), shapes: [[9, 20], [30, 20], [30]]),
    ]
    + MatMulBiasActivation.Activation.allCases.flatMap { activation in
      [ElementType.float32, .float64].map {
        Case(operation: linear(activation), shapes: [[2, 7, 20], [20, 30], [1, 30]], element: $0)
      }
    }

  static func linear(
    _ activation: MatMulBiasActivation.Activation, transposed: Bool = false
  ) -> MatMulBiasActivation {
    var operation = MatMulBiasActivation()
    (operation.activation, operation.transposesRight, operation.alpha) = (activation, transposed, 1.5)
    return operation
  }

  @Test(arguments: matMul + gemm + softmax + convolutions + elementwise + normalizations + fused)
  func agreesWithTheDefinition(_ test: Case) throws {
    let inputs = try test.shapes.enumerated().map { index, shape in
      try Tensor.random(shape, test.element, seed: UInt64(index + 1), scale: test.scale)
    }
    var graph = Graph()
    let values = try inputs.enumerated().map { try graph.addInput(["\($0)"], $1.type) }
    graph.addOutput(["output"], try graph.insert(test.operation, values))
    let named = Dictionary(uniqueKeysWithValues: inputs.enumerated().map { ("\($0)", $1) })
    let expected = try test.operation.evaluate(Operands(inputs))[0]
    for threads in [1, 2] {
      let actual = try Session(graph, options: .init(threads: threads)).run(named).outputs[0]
      #expect(actual.element == expected.element)
      let error = try OutputError(of: actual, expected: expected)
      #expect(error.scaled <= (test.element == .float64 ? 1e-12 : 1e-4))
    }
  }

  @Test func softmaxOfSpecialValuesIsThatOfTheDefinition() throws {
    let rows: [Float] = [
      .nan, 1, 2, -.infinity, -.infinity, -.infinity, 1, .nan, 0, 1, -.infinity, 2, .infinity, 0, 1,
      -.greatestFiniteMagnitude, -.greatestFiniteMagnitude, -.greatestFiniteMagnitude,
    ]
    let input = try Tensor(rows, shape: [6, 3])
    var graph = Graph()
    graph.addOutput(["y"], try graph.insert(Softmax(), [try graph.addInput(["x"], input.type)]))
    let actual = try Session(graph).run(["x": input]).outputs[0]
    let error = try OutputError(of: actual, expected: Softmax().evaluate(Operands([input]))[0])
    #expect(error.absolute < 1e-6)
  }

  @Test func softmaxOfALongRowAddsUpExactly() throws {
    let input = try Tensor.random([1, 50000], seed: 9)
    var graph = Graph()
    graph.addOutput(["y"], try graph.insert(Softmax(), [try graph.addInput(["x"], input.type)]))
    let actual = try Session(graph).run(["x": input]).outputs[0]
    let exact = try Softmax().evaluate(Operands([input.promotedToDoublePrecision()]))[0]
    #expect(try OutputError(of: actual, expected: exact).relative < 5e-7)
  }

  @Test(arguments: [0, 1, -1], [ElementType.float32, .bool, .int64])
  func slicesAreThoseThatAreNamed(_ axis: Int, _ element: ElementType) throws {
    let numbers = (0..<60_000).map { $0 % 7 == 3 ? 0 : $0 % 127 }
    let data = try Tensor(integers: numbers, element: element, shape: [40, 30, 50])
    for indices in try [Tensor(integers: [3, -1, 0, 29, -30, 3], shape: [2, 3]), Tensor(integers: [7], shape: [])] {
      var graph = Graph()
      let values = [try graph.addInput(["data"], data.type), try graph.addInput(["indices"], indices.type)]
      graph.addOutput(["y"], try graph.insert(Gather(axis: axis), values))
      let actual = try Session(graph, options: .init(threads: 2)).run(["data": data, "indices": indices]).outputs[0]
      let expected = try Gather(axis: axis).evaluate(Operands([data, indices]))[0]
      #expect(actual.type == expected.type)
      #expect(try actual.doubles() == expected.doubles())
      let outside = try Tensor(integers: indices.integers().map { $0 + 50 }, shape: indices.shape)
      #expect(throws: ModelError.self) { try Session(graph).run(["data": data, "indices": outside]) }
    }
  }

  @Test func sizesThatAreFoundDuringTheRunGetAKernelAsWell() throws {
    // The shape to reshape to is an input, so nothing is known of the product's sizes beforehand.
    var graph = Graph()
    let x = try graph.addInput(["x"], TensorType(.float32, [12]))
    let shape = try graph.addInput(["shape"], TensorType(.int64, [2]))
    let matrix = try graph.insert(Reshape(), [x, shape])
    let weights = try graph.addConstant(Tensor.random([4, 2], seed: 2))
    graph.addOutput(["y"], try graph.insert(MatMul(), [matrix, weights]))
    let input = try Tensor.random([12], seed: 1)
    let result = try Session(graph).run(["x": input, "shape": Tensor([3, 4] as [Int64])])
    let expected = try MatMul().evaluate(Operands([input.reshaped(to: [3, 4]), .random([4, 2], seed: 2)]))[0]
    #expect(try OutputError(of: result.outputs[0], expected: expected).absolute < 1e-5)
    // The reshaped matrix shares the input's memory.
    #expect(result.statistics.activationBytes == 3 * 2 * 4)
  }
}
