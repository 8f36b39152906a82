import GraphIR
import Operations
import Tensors
import Testing

@Suite("Operations that move elements")
struct ShapeOperationTests {
  @Test func `slices forwards, backwards and beyond both ends`() throws {
    let row = try counting(10)
    func slice(_ start: Int64, _ end: Int64, _ step: Int64) throws -> [Float] {
      let result = try evaluate(
        Slice(), row, try integers([start]), try integers([end]), try integers([0]), try integers([step]))
      return try result[0].values(as: Float.self)
    }
    #expect(try slice(2, 5, 1) == [2, 3, 4])
    #expect(try slice(-3, .max, 1) == [7, 8, 9])
    #expect(try slice(-1, .min, -3) == [9, 6, 3, 0])
    #expect(try slice(8, 2, -2) == [8, 6, 4])
    #expect(try slice(-100, .min, -2) == [0])
    #expect(try slice(-100, 3, -1) == [])
    #expect(try slice(-100, 100, 4) == [0, 4, 8])
    #expect(try slice(5, 5, 1) == [])
    #expect(try slice(20, 0, -9) == [9])
    #expect(try slice(0, 10, .max) == [0])
    #expect(try slice(9, -11, .min) == [9])
  }

  @Test func `slices of several axes`() throws {
    let data = try counting(2, 3, 4)
    let result = try evaluate(Slice(), data, try integers([1, -2]), try integers([2, .max]), try integers([0, -1]))[0]
    #expect(result.shape == [1, 3, 2])
    #expect(try result.values(as: Float.self) == [14, 15, 18, 19, 22, 23])
  }

  @Test func `reshaping keeps, infers and empties axes`() throws {
    let data = try counting(2, 3, 4)
    #expect(try evaluate(Reshape(), data, try integers([0, -1]))[0].shape == [2, 12])
    #expect(try evaluate(Reshape(), data, try integers([4, -1, 2]))[0].shape == [4, 3, 2])
    var allowing = Reshape()
    allowing.allowsZero = true
    #expect(try evaluate(allowing, try counting(0, 3), try integers([3, 0]))[0].shape == [3, 0])
  }

  @Test func `flattening and squeezing`() throws {
    var flatten = Flatten()
    for (axis, shape) in [(0, [1, 24]), (1, [2, 12]), (-1, [6, 4]), (3, [24, 1])] {
      flatten.axis = axis
      #expect(try evaluate(flatten, try counting(2, 3, 4))[0].shape == shape)
    }
    #expect(try evaluate(Squeeze(), try counting(1, 3, 1))[0].shape == [3])
    #expect(try evaluate(Squeeze(), try counting(1, 3, 1), try integers([-1]))[0].shape == [1, 3])
    #expect(try evaluate(Unsqueeze(), try counting(3, 4), try integers([0, -1]))[0].shape == [1, 3, 4, 1])
  }

  @Test func `transposing reads by strides`() throws {
    let data = try counting(2, 3, 4)
    let result = try evaluate(Transpose([2, 0, 1]), data)[0]
    #expect(result.shape == [4, 2, 3])
    #expect(try result.values(as: Float.self).prefix(7) == [0, 4, 8, 12, 16, 20, 1])
    let back = try evaluate(Transpose([1, 2, 0]), result)[0]
    #expect(back == data)
    #expect(try evaluate(Transpose(), try counting(2, 3))[0].values(as: Float.self) == [0, 3, 1, 4, 2, 5])
  }

  @Test func `concatenating what was split gives it back`() throws {
    let data = try counting(2, 7, 3)
    let parts = try evaluate(Split(axis: 1), data, try integers([2, 0, 5]))
    #expect(parts.map(\.shape) == [[2, 2, 3], [2, 0, 3], [2, 5, 3]])
    #expect(try Concat(axis: -2).evaluate(Operands(parts))[0] == data)
    #expect(try evaluate(Split(axis: 1, parts: 3), data).map(\.shape) == [[2, 3, 3], [2, 3, 3], [2, 1, 3]])
  }

  @Test func `expanding and tiling`() throws {
    let column = try tensor([1, 2], 2, 1)
    #expect(try floats(Expand(), column, try integers([1, 3])) == [1, 1, 1, 2, 2, 2])
    #expect(try evaluate(Expand(), column, try integers([3, 1, 1]))[0].shape == [3, 2, 1])
    #expect(try floats(Tile(), try tensor([1, 2, 3, 4], 2, 2), try integers([1, 2])) == [1, 2, 1, 2, 3, 4, 3, 4])
  }

  @Test func `ranges`() throws {
    func range(_ start: Int64, _ limit: Int64, _ delta: Int64) throws -> [Int64] {
      try evaluate(NumberRange(), Tensor(scalar: start), Tensor(scalar: limit), Tensor(scalar: delta))[0].values(
        as: Int64.self)
    }
    #expect(try range(1, 8, 3) == [1, 4, 7])
    #expect(try range(5, 0, -2) == [5, 3, 1])
    #expect(try range(5, 0, 1) == [])
    #expect(try range(.min, .max, .max) == [.min, -1, .max - 1])
    #expect(
      try floats(NumberRange(), Tensor(scalar: Float(0)), Tensor(scalar: Float(1)), Tensor(scalar: Float(0.25))) == [
        0, 0.25, 0.5, 0.75,
      ])
  }

  @Test func `triangles`() throws {
    let data = try counting(2, 3)
    #expect(try floats(Trilu(), data) == [0, 1, 2, 0, 4, 5])
    var lower = Trilu()
    lower.upper = false
    #expect(try floats(lower, data, Tensor(scalar: Int64(-1))) == [0, 0, 0, 3, 0, 0])
    #expect(try floats(lower, data, Tensor(scalar: Int64.max)) == [0, 1, 2, 3, 4, 5])
  }

  @Test func `padding by every mode`() throws {
    let row = try tensor([1, 2, 3], 3)
    func padded(_ mode: Pad.Mode, _ before: Int64, _ after: Int64) throws -> [Float] {
      var pad = Pad()
      pad.mode = mode
      return try evaluate(pad, row, try integers([before, after]), Tensor(scalar: Float(9)))[0].values(as: Float.self)
    }
    #expect(try padded(.constant, 2, 1) == [9, 9, 1, 2, 3, 9])
    #expect(try padded(.constant, -1, 2) == [2, 3, 9, 9])
    #expect(try padded(.edge, 2, 1) == [1, 1, 1, 2, 3, 3])
    #expect(try padded(.reflect, 3, 2) == [2, 3, 2, 1, 2, 3, 2, 1])
    #expect(try padded(.wrap, 2, 4) == [2, 3, 1, 2, 3, 1, 2, 3, 1])
  }

  @Test(arguments: [DepthToSpace.Mode.depthColumnRow, .columnRowDepth])
  func `blocks moved into space and back`(mode: DepthToSpace.Mode) throws {
    var there = DepthToSpace()
    var back = SpaceToDepth()
    (there.blockSize, there.mode, back.blockSize, back.mode) = (2, mode, 2, mode)
    let data = try counting(2, 8, 3, 5)
    let image = try evaluate(there, data)[0]
    #expect(image.shape == [2, 2, 6, 10])
    #expect(try evaluate(back, image)[0] == data)
  }
}
