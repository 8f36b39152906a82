import GraphIR
import Operations
import Tensors
import Testing

/// Tiny attentions and softmaxes in 16 bits give what single 16-bit operations give; all others what 32 bits give.
@Suite("Steps rounded to 16 bits") struct StepwiseRoundingTests {
  /// What the ONNX reference gives, computed with NumPy: every addend of the sum is rounded.
  @Test func `a short bfloat16 softmax`() throws {
    let scores: [Float] = [
      2.046875, -2.5625, 0.41796875, -0.56640625, -0.453125, -0.2158203125, -2.015625, -0.2314453125,
    ]
    let result = try evaluate(Softmax(), Tensor(scores.map { BFloat16($0) }))[0].values(as: BFloat16.self)
    #expect(
      result.map(\.bitPattern) == [0x3F22, 0x3BCC, 0x3E00, 0x3D3F, 0x3D55, 0x3D87, 0x3C33, 0x3D84] as [UInt16])
  }

  @Test func `a long bfloat16 softmax keeps its sum`() throws {
    // Rounded with every addend the sum would stop at 256.
    let result = try evaluate(Softmax(), Tensor([BFloat16](repeating: BFloat16(0), count: 1024)))[0]
    #expect(try result.doubles().allSatisfy { $0 == 1.0 / 1024 })
  }

  private func operands(keys: Int) throws -> [Tensor] {
    try [[1, 2, 3, 8], [1, 2, keys, 8], [1, 2, keys, 4]].enumerated().map { index, shape in
      let count = shape.reduce(1, *)
      return try Tensor(
        doubles: (0..<count).map { Double(($0 * 37 + index * 11) % 23) / 7 - 1.5 }, element: .float16, shape: shape)
    }
  }

  @Test func `a small attention is its steps`() throws {
    let inputs = try operands(keys: 5)
    var attention = FlashAttention()
    attention.scale = 0.3
    let half = try Tensor(doubles: [0.55], element: .float16, shape: [])
    attention.stepScales = [try half.doubles()[0], try half.doubles()[0], 1]
    let found = try evaluate(attention, inputs[0], inputs[1], inputs[2])[0]

    let query = try Mul().evaluate(Operands([inputs[0], half]))[0]
    let key = try Mul().evaluate(Operands([inputs[1], half]))[0]
    let turned = try Transpose([0, 1, 3, 2]).evaluate(Operands([key]))[0]
    let scores = try MatMul().evaluate(Operands([query, turned]))[0]
    let weights = try Softmax().evaluate(Operands([scores]))[0]
    #expect(try found == MatMul().evaluate(Operands([weights, inputs[2]]))[0])
  }

  @Test func `a larger attention is not rounded between its steps`() throws {
    let inputs = try operands(keys: 17)
    var attention = FlashAttention()
    attention.scale = 0.3
    let expected = try attention.evaluate(Operands(inputs))[0]
    attention.stepScales = [0.5, 0.5, 1]
    #expect(try attention.evaluate(Operands(inputs))[0] == expected)
  }
}
