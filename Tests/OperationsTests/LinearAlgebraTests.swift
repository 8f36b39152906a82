import GraphIR
import Operations
import Tensors
import Testing

@Suite("Matrices and convolutions")
struct LinearAlgebraTests {
  @Test func `products of matrices, vectors and stacks`() throws {
    let left = try tensor([1, 2, 3, 4], 2, 2)
    #expect(try floats(MatMul(), left, try tensor([5, 6, 7, 8], 2, 2)) == [19, 22, 43, 50])
    #expect(try evaluate(MatMul(), left, try tensor([1, 1], 2))[0].shape == [2])
    #expect(try evaluate(MatMul(), try tensor([1, 1], 2), try tensor([1, 1], 2))[0].shape == [])
    let stack = try evaluate(MatMul(), try counting(3, 1, 2, 4), try counting(5, 4, 3))[0]
    #expect(stack.shape == [3, 5, 2, 3])
    #expect(
      try evaluate(MatMul(), try counting(2, 0), try counting(0, 3))[0].values(as: Float.self) == [0, 0, 0, 0, 0, 0])
    #expect(
      try evaluate(MatMul(), try integers([1, 2], 1, 2), try integers([3, 4], 2, 1))[0].values(as: Int64.self) == [11])
  }

  @Test func `general products scale, transpose and add`() throws {
    var gemm = Gemm()
    (gemm.alpha, gemm.beta, gemm.transposesLeft, gemm.transposesRight) = (2, 0.5, true, true)
    let result = try floats(gemm, try counting(3, 2), try counting(4, 3), try tensor([2, 4, 6, 8], 4))
    // aᵀ·bᵀ doubled, plus half of the addend.
    #expect(result == [21, 58, 95, 132, 27, 82, 137, 192])
  }

  @Test(arguments: ["bhid,bhjd->bhij", "...id,...jd->...ij"])
  func `summations over labels agree with matrix products`(equation: String) throws {
    let query = try counting(2, 3, 4, 5)
    let key = try counting(2, 3, 6, 5)
    let expected = try MatMul().evaluate(
      Operands([query, try Transpose([0, 1, 3, 2]).evaluate(Operands([key]))[0]]))[0]
    #expect(try evaluate(Einsum(equation), query, key)[0] == expected)
  }

  @Test func `summations over labels of one, two and three inputs`() throws {
    let matrix = try counting(3, 3)
    #expect(try floats(Einsum("ii->i"), matrix) == [0, 4, 8])
    #expect(try floats(Einsum("ii"), matrix) == [12])
    #expect(try floats(Einsum("ij->ji"), matrix) == [0, 3, 6, 1, 4, 7, 2, 5, 8])
    #expect(try floats(Einsum("i,j"), try tensor([1, 2], 2), try tensor([3, 4], 2)) == [3, 4, 6, 8])
    #expect(try floats(Einsum("ij,jk,k->i"), matrix, matrix, try tensor([1, 0, 0], 3)) == [15, 42, 69])
  }

  @Test func `convolution with stride, dilation, padding and groups`() throws {
    var conv = Conv()
    conv.pads = [1, 1, 1, 1]
    let ones = try Tensor([Float](repeating: 1, count: 9), shape: [1, 1, 3, 3])
    let image = try counting(1, 1, 3, 3)
    #expect(try floats(conv, image, ones) == [8, 15, 12, 21, 36, 27, 20, 33, 24])
    conv.strides = [2, 2]
    #expect(try floats(conv, image, ones, try tensor([0.5], 1)) == [8.5, 12.5, 20.5, 24.5])
    var dilated = Conv()
    dilated.dilations = [2]
    #expect(try floats(dilated, try counting(1, 1, 5), try tensor([1, 10], 1, 1, 2)) == [20, 31, 42])
    var grouped = Conv()
    grouped.group = 2
    #expect(try floats(grouped, try counting(1, 2, 2), try tensor([1, 10], 2, 1, 1)) == [0, 1, 20, 30])
    var same = Conv()
    (same.autoPad, same.strides) = (.sameUpper, [2, 2])
    #expect(try evaluate(same, try counting(1, 1, 5, 4), ones)[0].shape == [1, 1, 3, 2])
  }

  @Test func `transposed convolution is the adjoint of convolution`() throws {
    var conv = Conv()
    (conv.strides, conv.pads, conv.dilations) = ([2, 1], [1, 0, 0, 1], [1, 2])
    var transposed = ConvTranspose()
    (transposed.strides, transposed.pads, transposed.dilations) = (conv.strides, conv.pads, conv.dilations)
    let weights = try Tensor((0..<36).map { Float($0 % 7) - 3 }, shape: [3, 2, 3, 2])
    let x = try Tensor((0..<2 * 8 * 6).map { Float($0 % 5) }, shape: [1, 2, 8, 6])
    let convolved = try evaluate(conv, x, weights)[0]
    let y = try Tensor((0..<convolved.count).map { Float($0 % 3) - 1 }, shape: convolved.shape)
    let back = try evaluate(transposed, y, weights)[0]
    #expect(back.shape == x.shape)
    func dot(_ a: Tensor, _ b: Tensor) throws -> Float {
      var sum: Float = 0
      for (left, right) in zip(try a.values(as: Float.self), try b.values(as: Float.self)) { sum += left * right }
      return sum
    }
    #expect(try dot(convolved, y) == dot(x, back))
  }

  @Test func `pooling`() throws {
    let image = try counting(1, 1, 4, 4)
    var maximum = MaxPool()
    (maximum.kernelShape, maximum.strides) = ([2, 2], [2, 2])
    let pooled = try evaluate(maximum, image)
    #expect(try pooled[0].values(as: Float.self) == [5, 7, 13, 15])
    #expect(try pooled[1].values(as: Int64.self) == [5, 7, 13, 15])
    var mean = AveragePool()
    (mean.kernelShape, mean.pads, mean.strides) = ([2, 2], [1, 1, 1, 1], [3, 3])
    #expect(try floats(mean, image) == [0, 2.5, 10, 12.5])
    mean.countsPadding = true
    #expect(try floats(mean, image) == [0, 1.25, 5, 12.5])
    #expect(try floats(GlobalAveragePool(), image) == [7.5])
    #expect(try floats(GlobalMaxPool(), image) == [15])
    maximum.roundsUp = true
    #expect(try evaluate(maximum, try counting(1, 1, 5, 5))[0].shape == [1, 1, 3, 3])
  }

  @Test func `resampling`() throws {
    var resize = Resize()
    let image = try tensor([1, 2, 3, 4], 1, 1, 2, 2)
    let scales = try tensor([1, 1, 2, 2], 4)
    #expect(try floats(resize, image, nil, scales) == [1, 1, 2, 2, 1, 1, 2, 2, 3, 3, 4, 4, 3, 3, 4, 4])
    resize.mode = .linear
    #expect(try floats(resize, image, nil, scales).prefix(4) == [1, 1.25, 1.75, 2])
    resize.coordinates = .alignCorners
    let row = try evaluate(resize, try tensor([0, 3], 1, 2), nil, nil, try integers([1, 4]))[0]
    #expect(try row.values(as: Float.self) == [0, 1, 2, 3])
  }
}

@Suite("Reductions and normalisations")
struct ReductionTests {
  @Test func `axes are kept or dropped`() throws {
    let data = try counting(2, 3, 2)
    let sum = try evaluate(ReduceSum(), data, try integers([1]))[0]
    #expect(sum.shape == [2, 1, 2])
    #expect(try sum.values(as: Float.self) == [6, 9, 24, 27])
    var dropping = ReduceMean()
    dropping.keepsAxes = false
    let mean = try evaluate(dropping, data, try integers([0, -1]))[0]
    #expect(mean.shape == [3])
    #expect(try mean.values(as: Float.self) == [3.5, 5.5, 7.5])
    #expect(try evaluate(dropping, data)[0].shape == [])
    dropping.keepsAllWithoutAxes = true
    #expect(try evaluate(dropping, data)[0] == data)
  }

  @Test func `nothing is reduced to the neutral element`() throws {
    let empty = try counting(2, 0)
    let axis = try integers([1])
    #expect(try floats(ReduceSum(), empty, axis) == [0, 0])
    #expect(try floats(ReduceProd(), empty, axis) == [1, 1])
    #expect(try floats(ReduceMax(), empty, axis) == [-.infinity, -.infinity])
    #expect(try evaluate(ReduceMin(), try Tensor([Int8](), shape: [0]))[0].values(as: Int8.self) == [.max])
  }

  @Test func `extremes of booleans and of NaN`() throws {
    let flags = try Tensor([true, false, false, false], shape: [2, 2])
    #expect(try evaluate(ReduceMax(), flags, try integers([1]))[0].booleans() == [true, false])
    #expect(try floats(ReduceMax(), try tensor([1, .nan, 2], 3))[0].isNaN)
    #expect(try floats(ReduceL2(), try tensor([3, 4], 2)) == [5])
    let logarithm = try floats(ReduceLogSumExp(), try tensor([1000, 1000], 2))[0]
    let whole = Tensor([3, 5, 12] as [Int32])
    #expect(try evaluate(ReduceLogSum(), whole)[0].values(as: Int32.self) == [2])
    #expect(try evaluate(ReduceLogSumExp(), whole)[0].values(as: Int32.self) == [12])
    #expect(abs(logarithm - 1000.6931) < 1e-3)
  }

  @Test func `positions of extremes`() throws {
    let data = try tensor([1, 3, 3, 0], 2, 2)
    var argument = ArgMax()
    (argument.axis, argument.keepsAxis) = (-1, false)
    #expect(try evaluate(argument, data)[0].values(as: Int64.self) == [1, 0])
    let equal = try tensor([2, 2, 1], 3)
    argument.selectsLast = true
    #expect(try evaluate(argument, equal)[0].values(as: Int64.self) == [1])
    #expect(try evaluate(ArgMin(), data)[0].values(as: Int64.self) == [0, 1])
  }

  @Test func `running sums`() throws {
    let row = try tensor([1, 2, 3], 3)
    var sum = CumSum()
    #expect(try floats(sum, row, Tensor(scalar: Int64(0))) == [1, 3, 6])
    (sum.exclusive, sum.reverse) = (true, true)
    #expect(try floats(sum, row, Tensor(scalar: Int64(-1))) == [5, 3, 0])
  }

  @Test func `normalisations give mean 0 and variance 1`() throws {
    let data = try Tensor((0..<48).map { Float($0 * $0 % 17) }, shape: [2, 4, 6])
    let ones = try Tensor([Float](repeating: 1, count: 6), shape: [6])
    let normalized = try evaluate(LayerNormalization(), data, ones)[0].values(as: Float.self)
    for row in stride(from: 0, to: 48, by: 6) {
      let values = Array(normalized[row..<row + 6])
      let sum: Float = values.reduce(0, +)
      #expect(abs(sum) < 1e-4)
      #expect(abs(meanSquare(values) - 1) < 1e-3)
    }
    let root = try evaluate(RMSNormalization(), data, ones)[0].values(as: Float.self)
    #expect(abs(meanSquare(Array(root[0..<6])) - 1) < 1e-3)
    let (scale, bias) = (try tensor([1, 1, 1, 2], 4), try tensor([0, 0, 0, 5], 4))
    var groups = GroupNormalization()
    groups.groups = 4
    let instances = try evaluate(InstanceNormalization(), data, scale, bias)[0]
    #expect(try evaluate(groups, data, scale, bias)[0] == instances)
    let last: Float = try instances.values(as: Float.self)[18..<24].reduce(0, +)
    #expect(abs(last - 30) < 1e-3)
    let identity = try evaluate(BatchNormalization(), data, scale, bias, bias, scale)[0].values(as: Float.self)
    #expect(abs(identity[1] - 1) < 1e-4)
  }

  private func meanSquare(_ values: [Float]) -> Float {
    var sum: Float = 0
    for value in values { sum += value * value }
    return sum / Float(values.count)
  }

  @Test func `weights sum to one along any axis`() throws {
    let data = try Tensor((0..<24).map { Float($0 % 7) }, shape: [2, 3, 4])
    let weights = try evaluate(Softmax(axis: 1), data)[0]
    for sum in try floats(ReduceSum(), weights, try integers([1])) { #expect(abs(sum - 1) < 1e-6) }
    let logarithms = try floats(LogSoftmax(), data)
    let expected = try floats(Log(), try evaluate(Softmax(), data)[0])
    for (a, b) in zip(logarithms, expected) { #expect(abs(a - b) < 1e-5) }
    let masked = try floats(Softmax(), try tensor([-.infinity, -.infinity], 2))
    #expect(masked.allSatisfy { $0.isNaN })
  }
}
