import GraphIR
import Operations
import Tensors
import Testing

@Suite("Elementwise operations")
struct ElementwiseTests {
  @Test func `operands broadcast to each other`() throws {
    let left = try counting(2, 1, 3)
    let right = try tensor([10, 20], 2, 1)
    let sum = try evaluate(Add(), left, right)[0]
    #expect(sum.shape == [2, 2, 3])
    #expect(try sum.values(as: Float.self) == [10, 11, 12, 20, 21, 22, 13, 14, 15, 23, 24, 25])
    #expect(try floats(Sub(), Tensor(scalar: Float(1)), try tensor([1, 2], 2)) == [0, -1])
    #expect(try evaluate(Mul(), try counting(0, 3), try counting(3))[0].shape == [0, 3])
  }

  @Test(arguments: [[4, 3, 5], [1, 3, 5], [4, 1, 5], [4, 3, 1], [5], [1], [3, 1], [4, 1, 1], []])
  func `broadcasting agrees with index arithmetic`(shape: [Int]) throws {
    let full = try counting(4, 3, 5)
    let count = shape.reduce(1, *)
    let part = try Tensor((0..<count).map { Float($0) * 100 }, shape: shape)
    let sum = try evaluate(Add(), full, part)[0].values(as: Float.self)
    let padded = Array(repeating: 1, count: 3 - shape.count) + shape
    for (index, value) in sum.enumerated() {
      let position = [index / 15, index / 5 % 3, index % 5]
      let offset = zip(position, padded).reduce(0) { $0 * $1.1 + ($1.1 == 1 ? 0 : $1.0) }
      #expect(value == Float(index) + Float(offset) * 100)
    }
  }

  @Test func `integers wrap around and divide towards zero`() throws {
    #expect(try evaluate(Add(), Tensor([Int8.max]), Tensor([Int8(1)]))[0].values(as: Int8.self) == [.min])
    #expect(try evaluate(Mul(), Tensor([UInt8(200)]), Tensor([UInt8(2)]))[0].values(as: UInt8.self) == [144])
    let quotient = try evaluate(Div(), Tensor([Int32(-7), 7, .min]), Tensor([Int32(2), -2, -1]))[0]
    #expect(try quotient.values(as: Int32.self) == [-3, -3, .min])
    #expect(try evaluate(Abs(), Tensor([Int16.min, -3]))[0].values(as: Int16.self) == [.min, 3])
    #expect(try evaluate(Neg(), Tensor([Int64.min, 5]))[0].values(as: Int64.self) == [.min, -5])
  }

  @Test func `remainders take the divisor's or the dividend's sign`() throws {
    let left = try integers([-7, 7, -6])
    let right = try integers([3, -3, 3])
    #expect(try evaluate(Mod(), left, right)[0].values(as: Int64.self) == [2, -2, 0])
    #expect(try evaluate(Mod(fmod: true), left, right)[0].values(as: Int64.self) == [-1, 1, 0])
    #expect(try floats(Mod(fmod: true), try tensor([-7.5], 1), try tensor([2], 1)) == [-1.5])
  }

  @Test func `powers of mixed types`() throws {
    #expect(try evaluate(Pow(), Tensor([Int32(3), -2]), Tensor([Float(2), 3]))[0].values(as: Int32.self) == [9, -8])
    #expect(try floats(Pow(), try tensor([4, 9], 2), Tensor(scalar: Float(0.5))) == [2, 3])
    #expect(try floats(Pow(), try tensor([2], 1), Tensor([Int64(10)])) == [1024])
  }

  @Test func `narrow floats compute in 32 bits and round once`() throws {
    let half = Tensor([Float16(2048), 1])
    #expect(try evaluate(Add(), half, Tensor([Float16(1), 1]))[0].values(as: Float16.self) == [2048, 2])
    let brain = Tensor([BFloat16(3), BFloat16(-1)])
    #expect(try evaluate(Relu(), brain)[0].values(as: BFloat16.self).map(\.float) == [3, 0])
    let product = try evaluate(Mul(), brain, Tensor([BFloat16(1.5), BFloat16(2)]))[0]
    #expect(try product.values(as: BFloat16.self).map(\.float) == [4.5, -2])
  }

  @Test func `extremes and bounds let NaN through`() throws {
    let values = try tensor([1, .nan, 3], 3)
    let result = try floats(Max(), values, Tensor(scalar: Float(2)), try tensor([0, 0, 5], 3))
    #expect(result[0] == 2 && result[1].isNaN && result[2] == 5)
    #expect(try floats(Min(), try tensor([.nan], 1), try tensor([0], 1))[0].isNaN)
    let clipped = try floats(Clip(), values, Tensor(scalar: Float(2)), nil)
    #expect(clipped[0] == 2 && clipped[1].isNaN && clipped[2] == 3)
    #expect(
      try evaluate(Clip(), Tensor([Int8(-9), 9]), nil, Tensor(scalar: Int8(5)))[0].values(as: Int8.self) == [-9, 5])
  }

  @Test func `activations`() throws {
    let x = try tensor([-3, -0.5, 0, 2], 4)
    func expectClose(_ operation: some GraphOperation, _ expected: [Float]) throws {
      for (a, b) in zip(try floats(operation, x), expected) { #expect(abs(a - b) < 1e-5, "\(operation)") }
    }
    try expectClose(Sigmoid(), [0.047426, 0.377541, 0.5, 0.880797])
    try expectClose(Gelu(), [-0.0040497, -0.154269, 0, 1.954500])
    try expectClose(Gelu(approximate: .tanh), [-0.0036374, -0.154286, 0, 1.954598])
    try expectClose(Swish(), [-0.142278, -0.188770, 0, 1.761594])
    try expectClose(HardSwish(), [0, -0.208333, 0, 1.666667])
    try expectClose(HardSigmoid(), [0, 0.4, 0.5, 0.9])
    try expectClose(LeakyRelu(), [-0.03, -0.005, 0, 2])
    try expectClose(Elu(), [-0.950213, -0.393469, 0, 2])
    try expectClose(Softplus(), [0.048587, 0.474077, 0.693147, 2.126928])
    try expectClose(Erf(), [-0.999978, -0.520500, 0, 0.995322])
    #expect(try floats(Sigmoid(), try tensor([-200, 200], 2)) == [0, 1])
    #expect(try floats(Softplus(), try tensor([-200, 200], 2)) == [0, 200])
  }

  @Test func `rounding goes to even`() throws {
    #expect(try floats(Round(), try tensor([0.5, 1.5, -2.5, 2.4], 4)) == [0, 2, -2, 2])
    #expect(try floats(Floor(), try tensor([-1.5, 1.5], 2)) == [-2, 1])
    #expect(try floats(Ceil(), try tensor([-1.5, 1.5], 2)) == [-1, 2])
    #expect(try floats(Sign(), try tensor([-4, 0, 9], 3)) == [-1, 0, 1])
  }
}

@Suite("Conversions of element types")
struct CastTests {
  @Test func `floats are cut off and integers wrap around`() throws {
    let floats = try tensor([-1.9, 2.9, 300, .nan], 4)
    #expect(try evaluate(Cast(to: .int64), floats)[0].values(as: Int64.self) == [-1, 2, 300, 0])
    #expect(try evaluate(Cast(to: .uint8), Tensor([Int64(-1), 257]))[0].values(as: UInt8.self) == [255, 1])
    #expect(try evaluate(Cast(to: .float64), Tensor([UInt64.max]))[0].values(as: Double.self) == [18446744073709551616])
    #expect(
      try evaluate(Cast(to: .bool), try tensor([0, -0.0, 0.5, .nan], 4))[0].booleans() == [false, false, true, true])
    #expect(
      try evaluate(Cast(to: .float16), try tensor([1e6, 65504], 2))[0].values(as: Float16.self) == [.infinity, 65504])
  }

  @Test func `any byte but 0 is true`() throws {
    let odd = try Tensor(element: .bool, shape: [3]) { bytes in
      bytes[1] = 2
      bytes[2] = 255
    }
    #expect(try evaluate(Cast(to: .int32), odd)[0].values(as: Int32.self) == [0, 1, 1])
    #expect(try evaluate(Not(), odd)[0].booleans() == [true, false, false])
    #expect(try evaluate(Equal(), odd, Tensor(scalar: true))[0].booleans() == [false, true, true])
  }

  @Test(arguments: ElementType.allCases.filter { $0 != .unknown && !$0.isStorageOnly })
  func `small whole numbers survive every type`(element: ElementType) throws {
    let values = try integers(element == .bool ? [0, 1, 1] : [0, 1, 100])
    let there = try evaluate(Cast(to: element), values)[0]
    #expect(there.element == element)
    #expect(try evaluate(Cast(to: .int64), there)[0] == values)
  }
}
