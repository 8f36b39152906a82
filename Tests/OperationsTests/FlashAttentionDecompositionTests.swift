import GraphIR
import Operations
import Tensors
import TestSupport
import Testing

struct FlashAttentionDecompositionTests {
  /// The decomposition computes in 32 bits what the definition computes in 64.
  @Test(arguments: try AttentionVariant.all())
  func isTheDefinition(_ variant: AttentionVariant) throws {
    let operands = Operands(variant.inputs)
    let expected = try #require(try variant.operation.evaluate(operands).first)
    let found = try #require(try variant.operation.evaluateDecomposed(operands).first)
    #expect(try largestDifference(expected, found) < 2e-6)
  }

  @Test func halfPrecisionIsWidened() throws {
    let plain = try #require(try AttentionVariant.all().first)
    let inputs = try plain.inputs.map {
      try $0.map { try Tensor(doubles: $0.doubles(), element: .float16, shape: $0.shape) }
    }
    let expected = try #require(try plain.operation.evaluate(Operands(inputs)).first)
    let found = try #require(try plain.operation.evaluateDecomposed(Operands(inputs)).first)
    #expect(found.element == .float16)
    #expect(try largestDifference(expected, found) < 2e-3)
  }

  @Test func headsOfUnknownNumberAreRepeatedAtRunTime() throws {
    var graph = Graph()
    func type(_ names: [String]) -> TensorType {
      TensorType(.float32, Shape(names.map { Dimension(symbol: $0) } + [8]))
    }
    let query = try graph.addInput(["q"], type(["b", "h", "s"]))
    let key = try graph.addInput(["k"], type(["b", "g", "t"]))
    let results = try FlashAttention().decompose([query, key, key], in: &graph)
    let shape = graph.type(of: try #require(results.first)).shape
    #expect(shape.rank == 4 && shape.dimensions?.last == 8)
  }
}
