import GraphIR
import Operations
import Tensors
import TestSupport
import Testing

/// What decompositions compute is what definitions compute.
@Suite struct CompositeOperationTests {
  struct Case: CustomTestStringConvertible {
    let operation: any CompositeOperation
    let shapes: [[Int]]

    var testDescription: String { "\(operation)" }
  }

  static func layer(_ axis: Int) -> LayerNormalization {
    var operation = LayerNormalization()
    (operation.axis, operation.epsilon) = (axis, 0.01)
    return operation
  }

  static func rms(_ axis: Int) -> RMSNormalization {
    var operation = RMSNormalization()
    (operation.axis, operation.epsilon) = (axis, 0.01)
    return operation
  }

  static let cases = [
    Case(operation: Gelu(), shapes: [[3, 50]]), Case(operation: Gelu(approximate: .tanh), shapes: [[3, 50]]),
    Case(operation: Swish(), shapes: [[3, 50]]), Case(operation: Swish(alpha: -1.7), shapes: [[3, 50]]),
    Case(operation: SwiGLU(), shapes: [[3, 5], [3, 5]]),
    Case(operation: layer(-1), shapes: [[2, 3, 5], [5], [5]]),
    Case(operation: layer(1), shapes: [[2, 3, 5], [3, 5]]),
    Case(operation: rms(-1), shapes: [[2, 3, 5], [5]]), Case(operation: rms(-2), shapes: [[2, 3, 5], [3, 5]]),
  ]

  @Test(arguments: cases, [ElementType.float64, .float32, .float16, .bfloat16])
  func decompositionsAreDefinitions(_ test: Case, _ element: ElementType) throws {
    let inputs = try test.shapes.enumerated().map { index, shape in
      try Tensor.random(shape, element, seed: UInt64(index + 1), scale: 2)
    }
    let expected = try test.operation.evaluate(Operands(inputs))
    let found = try test.operation.evaluateDecomposed(Operands(inputs))
    #expect(found.first?.element == element)
    let tolerances: [ElementType: Double] = [.float64: 1e-12, .float32: 4e-6, .float16: 2e-2, .bfloat16: 2e-1]
    let tolerance = tolerances[element] ?? 0
    for (one, other) in zip(expected, found) { #expect(try largestDifference(one, other) < tolerance) }
  }

  @Test func turningByARightAngle() throws {
    let input = try Tensor([1, 2, 3, 4] as [Float], shape: [1, 4])
    let (cosines, sines) = (Tensor(scalar: Float(0)), Tensor([1, 1, 10, 10] as [Float]))
    func turned(_ interleaved: Bool) throws -> [Float] {
      try RotaryPosition(interleaved: interleaved).evaluate(Operands([input, cosines, sines]))[0].values(as: Float.self)
    }
    #expect(try turned(false) == [-3, -4, 10, 20])
    #expect(try turned(true) == [-2, 1, -40, 30])
  }
}
