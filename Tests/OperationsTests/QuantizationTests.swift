import GraphIR
import Operations
import Tensors
import Testing

@Suite("Quantisation")
struct QuantizationTests {
  @Test func `values are rounded to even, shifted and cut off`() throws {
    let values = try tensor([-10, 0.5, 1.5, 300], 4)
    let result = try evaluate(QuantizeLinear(), values, Tensor(scalar: Float(1)), Tensor(scalar: UInt8(5)))[0]
    #expect(try result.values(as: UInt8.self) == [0, 5, 7, 255])
    let back = try evaluate(DequantizeLinear(), result, Tensor(scalar: Float(2)), Tensor(scalar: UInt8(5)))[0]
    #expect(try back.values(as: Float.self) == [-10, 0, 4, 500])
  }

  @Test func `scales along an axis and in blocks`() throws {
    let data = try Tensor([Int8](1...8), shape: [2, 4])
    var operation = DequantizeLinear()
    operation.axis = 0
    #expect(try floats(operation, data, try tensor([1, 10], 2)) == [1, 2, 3, 4, 50, 60, 70, 80])
    (operation.axis, operation.blockSize) = (1, 2)
    #expect(try floats(operation, data, try tensor([1, 10, 100, 1000], 2, 2)) == [1, 2, 30, 40, 500, 600, 7000, 8000])
    expectRefusal(operation, data, try tensor([1, 2], 2))
  }

  @Test func `weights of 4 bits, in blocks with zero points`() throws {
    let data = try Tensor(integers: [0, 15, 8, 1, 7, 9, 3, 4], element: .uint4, shape: [4, 2])
    var operation = DequantizeLinear()
    (operation.axis, operation.blockSize) = (0, 2)
    let points = try Tensor(integers: [8, 1, 0, 9], element: .uint4, shape: [2, 2])
    #expect(
      try floats(operation, data, try tensor([1, 10, 100, 1000], 2, 2), points) == [-8, 140, 0, 0, 700, 0, 300, -5000])
    let eighths = try Tensor(doubles: [448, -0.5], element: .float8e4m3, shape: [2])
    #expect(try floats(DequantizeLinear(), eighths, Tensor(scalar: Float(2))) == [896, -1])
  }

  @Test func `elements that are only stored are converted and reshaped, and nothing else`() throws {
    let stored = try Tensor(integers: [-8, -1, 0, 7], element: .int4, shape: [2, 2])
    #expect(try evaluate(Cast(to: .float16), stored)[0].doubles() == [-8, -1, 0, 7])
    #expect(try evaluate(Cast(to: .bool), stored)[0].booleans() == [true, true, false, true])
    let row = try evaluate(Reshape(), stored, integers([4]))[0]
    #expect(try row.element == .int4 && row.integers() == [-8, -1, 0, 7])
    let number = Tensor(scalar: Float(1))
    let refused: [(any GraphOperation, [Tensor])] = [
      (Cast(to: .int4), [number]), (Add(), [stored, stored]), (Transpose(), [stored]), (Concat(), [stored, stored]),
      (Softmax(), [stored]), (MatMul(), [stored, stored]), (Gather(), [stored, Tensor(scalar: Int64(0))]),
    ]
    for (operation, inputs) in refused {
      let error = #expect(throws: ModelError.self) { try operation.evaluate(Operands(inputs)) }
      #expect(error?.kind == .unsupported && error?.message.contains("i4") == true)
    }
  }

  @Test func `a tensor's own range is made to include 0`() throws {
    let results = try evaluate(DynamicQuantizeLinear(), try tensor([0, 2, -3, -2.5, 1.34, 0.5], 6))
    #expect(try results[0].values(as: UInt8.self) == [153, 255, 0, 26, 221, 179])
    #expect(try results[2].values(as: UInt8.self) == [153])
  }

  @Test func `integer products subtract zero points`() throws {
    let left = try Tensor([UInt8(11), 7, 3, 10, 6, 2], shape: [2, 3])
    let right = try Tensor([UInt8(1), 4, 2, 5, 3, 6], shape: [3, 2])
    let result = try evaluate(MatMulInteger(), left, right, Tensor(scalar: UInt8(12)), Tensor(scalar: UInt8(0)))[0]
    #expect(try result.values(as: Int32.self) == [-38, -83, -44, -98])
    var conv = ConvInteger()
    conv.conv.pads = [1, 1]
    let row = try Tensor([UInt8(2), 3], shape: [1, 1, 2])
    let ones = try Tensor([UInt8(1), 1, 1], shape: [1, 1, 3])
    #expect(try evaluate(conv, row, ones, Tensor(scalar: UInt8(1)))[0].values(as: Int32.self) == [3, 3])
  }
}

@Suite("Signals, rotations, losses and boxes")
struct FurtherOperationTests {
  @Test func `a transform and its inverse give the signal back`() throws {
    let signal = try tensor([1, -2, 3, 0.5, 7], 1, 5, 1)
    let spectrum = try evaluate(DFT(), signal)[0]
    #expect(spectrum.shape == [1, 5, 2])
    var inverse = DFT()
    inverse.inverse = true
    let back = try evaluate(inverse, spectrum)[0].values(as: Float.self)
    for (index, value) in try signal.values(as: Float.self).enumerated() {
      #expect(abs(back[2 * index] - value) < 1e-5 && abs(back[2 * index + 1]) < 1e-5)
    }
    var half = DFT()
    half.onesided = true
    #expect(
      try evaluate(half, signal)[0] == evaluate(Slice(), spectrum, integers([0]), integers([3]), integers([1]))[0])
  }

  @Test func `pairs of features turn`() throws {
    let input = try tensor([1, 2, 3, 4], 1, 1, 1, 4)
    let (cosines, sines) = (try tensor([0, 1], 1, 1, 2), try tensor([1, 0], 1, 1, 2))
    #expect(try floats(RotaryEmbedding(), input, cosines, sines) == [-3, 2, 1, 4])
    var interleaved = RotaryEmbedding()
    interleaved.interleaved = true
    #expect(try floats(interleaved, input, cosines, sines) == [-2, 1, 3, 4])
    let table = try tensor([9, 9, 0, 1], 2, 2)
    let sineTable = try tensor([9, 9, 1, 0], 2, 2)
    #expect(try floats(RotaryEmbedding(), input, table, sineTable, try integers([1], 1, 1)) == [-3, 2, 1, 4])
  }

  @Test func `the identity map makes a grid that samples the image itself`() throws {
    let image = try counting(1, 2, 3, 4)
    let identity = try tensor([1, 0, 0, 0, 1, 0], 1, 2, 3)
    let grid = try evaluate(AffineGrid(), identity, try integers([1, 2, 3, 4]))[0]
    for (a, b) in zip(try floats(GridSample(), image, grid), try image.values(as: Float.self)) {
      #expect(abs(a - b) < 1e-5)
    }
  }

  @Test func `losses weigh and ignore classes`() throws {
    let scores = try tensor([-1, -2, -3, -4], 2, 2)
    var loss = NegativeLogLikelihoodLoss()
    #expect(try floats(loss, scores, try integers([1, 0])) == [2.5])
    #expect(try floats(loss, scores, try integers([1, 0]), try tensor([1, 3], 2)) == [2.25])
    loss.ignoredIndex = 0
    #expect(try floats(loss, scores, try integers([1, 0])) == [2])
    expectRefusal(loss, scores, try integers([2, 0]))
  }

  @Test func `boxes that overlap a better one are left out`() throws {
    let boxes = try tensor([0, 0, 1, 1, 0, 0.1, 1, 1.1, 0, 10, 1, 11], 1, 3, 4)
    let scores = try tensor([0.9, 0.75, 0.6], 1, 1, 3)
    let kept = try evaluate(
      NonMaxSuppression(), boxes, scores, Tensor(scalar: Int64(3)), Tensor(scalar: Float(0.5)))[0]
    #expect(try kept.values(as: Int64.self) == [0, 0, 0, 0, 0, 2])
  }

  @Test func `sampling at the elements gives them back`() throws {
    let image = try counting(1, 1, 2, 2)
    let corners = try tensor([-1, -1, 1, -1, -1, 1, 1, 1], 1, 2, 2, 2)
    var sample = GridSample()
    sample.alignsCorners = true
    for mode in GridSample.Mode.allCases {
      sample.mode = mode
      #expect(try evaluate(sample, image, corners)[0] == image)
    }
    #expect(try floats(sample, image, try tensor([5, 5], 1, 1, 1, 2)) == [0])
  }

  @Test func `caches are written where each entry asks for`() throws {
    let past = try counting(2, 3, 1)
    let update = try tensor([10, 11, 12, 13], 2, 2, 1)
    var scatter = TensorScatter()
    #expect(try floats(scatter, past, update, try integers([1, 0])) == [0, 10, 11, 12, 13, 5])
    scatter.mode = .circular
    #expect(try floats(scatter, past, update, try integers([2, 0])) == [11, 1, 10, 12, 13, 5])
  }

  @Test func `half floats convert by bits as the library does`() throws {
    for pattern in UInt16.min...UInt16.max {
      let half = Float16(bitPattern: pattern)
      let wide = try Cast(to: .float32).evaluate(Operands([Tensor(scalar: half)]))[0].values(as: Float.self)[0]
      #expect(wide.isNaN ? half.isNaN : wide == Float(half))
      let back = try Cast(to: .float16).evaluate(Operands([Tensor(scalar: wide)]))[0].values(as: Float16.self)[0]
      #expect(back.isNaN ? half.isNaN : back.bitPattern == pattern)
    }
    for value in [1.0009765625 / 2 + 0.00024414, 65519.99, 65520, 5.9604645e-8, 2.9802322e-8, 2.98e-8, 1e-30] as [Float]
    {
      let half = try Cast(to: .float16).evaluate(Operands([Tensor(scalar: value)]))[0].values(as: Float16.self)[0]
      #expect(half == Float16(value))
    }
  }
}
