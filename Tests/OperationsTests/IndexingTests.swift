import GraphIR
import Operations
import Tensors
import Testing

@Suite("Operations that pick and place elements")
struct IndexingTests {
  private let data: Tensor

  init() throws { data = try tensor([1, 2, 3, 4, 5, 6], 2, 3) }

  @Test func `gathering slices`() throws {
    let result = try evaluate(Gather(axis: 1), data, try integers([2, -3], 1, 2))[0]
    #expect(result.shape == [2, 1, 2])
    #expect(try result.values(as: Float.self) == [3, 1, 6, 4])
    #expect(try evaluate(Gather(), data, Tensor(scalar: Int64(-1)))[0].values(as: Float.self) == [4, 5, 6])
    #expect(try evaluate(Gather(), data, try Tensor([Int32](), shape: [0, 2]))[0].shape == [0, 2, 3])
  }

  @Test func `gathering elements and tuples`() throws {
    var elements = GatherElements()
    elements.axis = 1
    #expect(try floats(elements, data, try integers([2, 0, -1, 1], 2, 2)) == [3, 1, 6, 5])
    #expect(try floats(GatherND(), data, try integers([0, 1, 1, -1], 2, 2)) == [2, 6])
    var batched = GatherND()
    batched.batchDimensions = 1
    #expect(try floats(batched, data, try integers([2, 0], 2, 1)) == [3, 4])
  }

  @Test func `scattering replaces and combines`() throws {
    #expect(
      try floats(ScatterND(), data, try integers([1, 0], 1, 2), try tensor([9], 1)) == [1, 2, 3, 9, 5, 6])
    #expect(
      try floats(ScatterND(), data, try integers([-1], 1, 1), try tensor([7, 8, 9], 1, 3)) == [1, 2, 3, 7, 8, 9])
    var adding = ScatterND()
    adding.reduction = .add
    #expect(
      try floats(adding, data, try integers([0, 0, 0, 0], 2, 2), try tensor([10, 100], 2)) == [111, 2, 3, 4, 5, 6])
    var elements = ScatterElements()
    (elements.axis, elements.reduction) = (1, .max)
    #expect(
      try floats(elements, data, try integers([0, -1], 1, 2), try tensor([0.5, 9], 1, 2)) == [1, 2, 9, 4, 5, 6])
  }

  @Test func `the best elements come first, the earlier of equals before the later`() throws {
    let row = try tensor([3, 1, 3, .nan, 2], 5)
    let top = try evaluate(TopK(), row, try integers([3]))
    #expect(try top[1].values(as: Int64.self) == [3, 0, 2])
    var least = TopK()
    least.largest = false
    let bottom = try evaluate(least, row, try integers([2]))
    #expect(try bottom[0].values(as: Float.self) == [1, 2])
    var columns = TopK()
    columns.axis = 0
    #expect(try floats(columns, data, try integers([1])) == [4, 5, 6])
  }

  @Test func `one-hot rows and positions that are not 0`() throws {
    let hot = try evaluate(OneHot(), try integers([1, -1, 5]), Tensor(scalar: Int64(3)), try tensor([0, 2], 2))[0]
    #expect(try hot.values(as: Float.self) == [0, 2, 0, 0, 0, 2, 0, 0, 0])
    let positions = try evaluate(NonZero(), try tensor([0, 5, 7, 0], 2, 2))[0]
    #expect(try positions.values(as: Int64.self) == [0, 1, 1, 0])
    #expect(positions.shape == [2, 2])
  }

  @Test func `compressing and reversing`() throws {
    var compress = Compress()
    compress.axis = 1
    #expect(try floats(compress, data, try Tensor([true, false, true], shape: [3])) == [1, 3, 4, 6])
    var reverse = ReverseSequence()
    (reverse.batchAxis, reverse.timeAxis) = (0, 1)
    #expect(try floats(reverse, data, try integers([2, 3])) == [2, 1, 3, 6, 5, 4])
  }
}

@Suite("Logic")
struct LogicTests {
  @Test func `comparisons with NaN are false`() throws {
    let left = try tensor([1, .nan, 3], 3)
    let right = try tensor([2, .nan, 3], 3)
    #expect(try evaluate(Equal(), left, right)[0].booleans() == [false, false, true])
    #expect(try evaluate(Less(), left, right)[0].booleans() == [true, false, false])
    #expect(try evaluate(LessOrEqual(), left, right)[0].booleans() == [true, false, true])
    #expect(try evaluate(Greater(), right, left)[0].booleans() == [true, false, false])
    #expect(try evaluate(GreaterOrEqual(), right, left)[0].booleans() == [true, false, true])
    #expect(try evaluate(Less(), Tensor([UInt64.max]), Tensor([UInt64(1)]))[0].booleans() == [false])
  }

  @Test func `connectives and bits`() throws {
    let left = try Tensor([true, true, false, false], shape: [4])
    let right = try Tensor([true, false, true, false], shape: [4])
    #expect(try evaluate(And(), left, right)[0].booleans() == [true, false, false, false])
    #expect(try evaluate(Or(), left, right)[0].booleans() == [true, true, true, false])
    #expect(try evaluate(Xor(), left, right)[0].booleans() == [false, true, true, false])
    #expect(try evaluate(BitwiseAnd(), Tensor([Int8(-2)]), Tensor([Int8(7)]))[0].values(as: Int8.self) == [6])
    #expect(try evaluate(BitwiseNot(), Tensor([UInt16(1)]))[0].values(as: UInt16.self) == [65534])
    var shift = BitShift()
    shift.direction = .right
    #expect(
      try evaluate(shift, Tensor([Int8(-8), 4, -1, -128]), Tensor([Int8(1), 8, -1, 7]))[0].values(as: Int8.self)
        == [-4, 0, -1, -1])
    #expect(try evaluate(shift, Tensor([UInt64.max]), Tensor([UInt64(63)]))[0].values(as: UInt64.self) == [1])
    #expect(try evaluate(BitShift(), Tensor([UInt8(129)]), Tensor([UInt8(1)]))[0].values(as: UInt8.self) == [2])
  }

  @Test func `choosing by a condition broadcasts all three`() throws {
    let condition = try Tensor([true, false], shape: [2, 1])
    let result = try evaluate(Where(), condition, try counting(3), Tensor(scalar: Float(-1)))[0]
    #expect(result.shape == [2, 3])
    #expect(try result.values(as: Float.self) == [0, 1, 2, -1, -1, -1])
  }

  @Test func `numbers that are none`() throws {
    let values = try tensor([.nan, .infinity, -.infinity, 0], 4)
    #expect(try evaluate(IsNaN(), values)[0].booleans() == [true, false, false, false])
    var negative = IsInf()
    negative.detectPositive = false
    #expect(try evaluate(negative, values)[0].booleans() == [false, false, true, false])
  }
}
