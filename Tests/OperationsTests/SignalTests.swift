import GraphIR
import Operations
import Tensors
import Testing

@Suite("Windows, spectra and samples")
struct SignalTests {
  private func isClose(_ left: [Float], _ right: [Float]) -> Bool {
    left.count == right.count && zip(left, right).allSatisfy { abs($0 - $1) < 1e-5 }
  }

  @Test func `windows rise and fall`() throws {
    var hann = HannWindow()
    hann.isPeriodic = false
    #expect(isClose(try floats(hann, Tensor(scalar: Int64(5))), [0, 0.5, 1, 0.5, 0]))
    #expect(isClose(try floats(HannWindow(), Tensor(scalar: Int64(4))), [0, 0.5, 1, 0.5]))
    #expect(isClose(try floats(HammingWindow(), Tensor(scalar: Int64(2))), [4 / 46, 1]))
    #expect(isClose(try floats(BlackmanWindow(), Tensor(scalar: Int64(4))), [0, 0.34, 1, 0.34]))
    expectRefusal(HannWindow(), Tensor(scalar: Int64(-1)))
    expectRefusal(HannWindow(), Tensor(scalar: Int64.max))
  }

  @Test func `frames are transformed one by one`() throws {
    let signal = try Tensor(randomOf: .float32, shape: [1, 10, 1], seed: 1)
    let window = try HannWindow().evaluate(Operands([Tensor(scalar: Int64(4))]))[0]
    let result = try evaluate(STFT(), signal, Tensor(scalar: Int64(3)), window)[0]
    #expect(result.shape == [1, 3, 3, 2])
    let frame = try Slice().evaluate(Operands([signal, integers([3]), integers([7]), integers([1])]))[0]
    let weighted = try Mul().evaluate(Operands([frame, window.reshaped(to: [4, 1])]))[0]
    var transform = DFT()
    transform.onesided = true
    let expected = try transform.evaluate(Operands([weighted]))[0].values(as: Float.self)
    #expect(isClose(Array(try result.values(as: Float.self)[6..<12]), expected))
    for step in [0, -1, .min] as [Int64] { expectRefusal(STFT(), signal, Tensor(scalar: step)) }
    expectRefusal(STFT(), signal, Tensor(scalar: Int64(1)), nil, Tensor(scalar: Int64(11)))
  }

  @Test func `bands are triangles of height 1`() throws {
    let limits = [Tensor(scalar: Float(0)), Tensor(scalar: Float(4000))]
    let sizes = [4, 64, 8000].map { Tensor(scalar: Int64($0)) }
    let weights = try evaluate(MelWeightMatrix(), sizes[0], sizes[1], sizes[2], limits[0], limits[1])[0]
    #expect(weights.shape == [33, 4])
    let values = try weights.values(as: Float.self)
    for band in 0..<4 {
      let column = (0..<33).map { values[$0 * 4 + band] }
      #expect(column.max() == 1 && column.min() == 0)
      let peak = column.firstIndex(of: 1) ?? 0
      #expect(zip(column[..<peak], column[1...]).allSatisfy { $0 <= $1 })
    }
    expectRefusal(MelWeightMatrix(), sizes[0], sizes[1], sizes[2], limits[1], limits[0])
    expectRefusal(MelWeightMatrix(), sizes[0], sizes[1], sizes[2], limits[0], Tensor(scalar: Float(9000)))
    expectRefusal(MelWeightMatrix(), Tensor(scalar: Int64.max), sizes[1], sizes[2], limits[0], limits[1])
  }

  @Test func `random numbers depend on the seed alone`() throws {
    var uniform = RandomUniform()
    (uniform.low, uniform.high, uniform.seed) = (2, 3, 7)
    let shape = try integers([50, 40])
    let numbers = try evaluate(uniform, shape)[0]
    #expect(try evaluate(uniform, shape)[0] == numbers)
    let values = try numbers.doubles()
    #expect(values.allSatisfy { (2..<3).contains($0) } && abs(values.reduce(0, +) / 2000 - 2.5) < 0.05)
    uniform.seed = 8
    #expect(try evaluate(uniform, shape)[0] != numbers)
    var normal = RandomNormal()
    (normal.mean, normal.deviation) = (1, 2)
    let spread = try evaluate(normal, shape)[0].doubles()
    let mean = spread.reduce(0, +) / 2000
    let variance = spread.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / 2000
    #expect(abs(mean - 1) < 0.2 && abs(variance - 4) < 0.5)
    expectRefusal(uniform, try integers([-1, 2]))
    expectRefusal(uniform, try integers([.max, .max]))
  }
}

@Suite("Regions, windows and places")
struct RegionTests {
  @Test func `unique elements are counted and found again`() throws {
    let data = try tensor([2, 1, 1, 3, 4, 3], 6)
    var unique = Unique()
    unique.sorted = false
    let results = try evaluate(unique, data)
    #expect(try results[0].values(as: Float.self) == [2, 1, 3, 4])
    #expect(try results.dropFirst().map { try $0.integers() } == [[0, 1, 3, 4], [0, 1, 1, 2, 3, 2], [1, 2, 2, 1]])
    (unique.sorted, unique.axis) = (true, 1)
    let columns = try evaluate(unique, try tensor([1, 0, 1, 1, 0, 1], 2, 3))
    #expect(try columns[0].values(as: Float.self) == [0, 1, 0, 1] && columns[2].integers() == [1, 0, 1])
    unique.axis = nil
    #expect(try evaluate(unique, try tensor([.nan, 1, .nan], 3))[3].integers() == [1, 2])
    #expect(try evaluate(unique, Tensor([true, false, true]))[0].booleans() == [false, true])
    unique.axis = 2
    expectRefusal(unique, data)
  }

  @Test func `determinants multiply`() throws {
    let a = try Tensor(randomOf: .float64, shape: [3, 4, 4], seed: 1)
    let b = try Tensor(randomOf: .float64, shape: [3, 4, 4], seed: 2)
    let of = { (matrix: Tensor) in try evaluate(Det(), matrix)[0].doubles() }
    let product = try MatMul().evaluate(Operands([a, b]))[0]
    for (whole, (x, y)) in zip(try of(product), zip(try of(a), try of(b))) { #expect(abs(whole - x * y) < 1e-9) }
    #expect(try floats(Det(), try tensor([0, 1, 1, 0], 2, 2)) == [-1])
    #expect(try floats(Det(), try tensor([1, 2, 2, 4], 2, 2)) == [0])
    expectRefusal(Det(), try counting(2, 3))
    expectRefusal(Det(), try counting(3))
  }

  @Test func `what was pooled goes back where it was`() throws {
    let image = try Tensor(randomOf: .float32, shape: [1, 2, 4, 4], seed: 3)
    var pool = MaxPool()
    (pool.kernelShape, pool.strides) = ([2, 2], [2, 2])
    let pooled = try pool.evaluate(Operands([image]))
    var unpool = MaxUnpool()
    (unpool.kernelShape, unpool.strides) = ([2, 2], [2, 2])
    let result = try evaluate(unpool, pooled[0], pooled[1])[0]
    for (index, value) in try result.values(as: Float.self).enumerated() {
      #expect(try value == 0 || value == image.values(as: Float.self)[index])
    }
    #expect(try result.doubles().reduce(0, +) == pooled[0].doubles().reduce(0, +))
    #expect(try evaluate(unpool, pooled[0], pooled[1], try integers([1, 2, 5, 6]))[0].shape == [1, 2, 5, 6])
    expectRefusal(unpool, pooled[0], pooled[1], try integers([1, 2, 3, 4]))
    let outside = try Tensor([Int64](repeating: 32, count: 8), shape: [1, 2, 2, 2])
    expectRefusal(unpool, pooled[0], outside)
  }

  @Test func `a convolution that is not deformed`() throws {
    let image = try Tensor(randomOf: .float32, shape: [1, 4, 5, 5], seed: 4)
    let weights = try Tensor(randomOf: .float32, shape: [6, 2, 3, 3], seed: 5)
    let bias = try Tensor(randomOf: .float32, shape: [6], seed: 6)
    var conv = Conv()
    (conv.group, conv.pads, conv.strides) = (2, [1, 1, 1, 1], [2, 2])
    var deformed = DeformConv()
    (deformed.conv, deformed.offsetGroups) = (conv, 2)
    let expected = try conv.evaluate(Operands([image, weights, bias]))[0].doubles()
    let still = try Tensor([Float](repeating: 0, count: 36 * 9), shape: [1, 36, 3, 3])
    for (a, b) in zip(try evaluate(deformed, image, weights, still, bias)[0].doubles(), expected) {
      #expect(abs(a - b) < 1e-5)
    }
    let half = try Tensor([Float](repeating: 0.5, count: 18 * 9), shape: [1, 18, 3, 3])
    let plain = try conv.evaluate(Operands([image, weights]))[0].doubles()
    for (a, b) in zip(try evaluate(deformed, image, weights, still, nil, half)[0].doubles(), plain) {
      #expect(abs(a - b / 2) < 1e-5)
    }
    expectRefusal(deformed, image, weights, try counting(1, 18, 3, 3))
    deformed.offsetGroups = 0
    expectRefusal(deformed, image, weights, still)
  }

  @Test func `a region of a ramp is the ramp`() throws {
    let ramp = try Tensor((0..<64).map { Float($0 % 8) }, shape: [1, 1, 8, 8])
    var align = RoiAlign()
    (align.outputHeight, align.outputWidth, align.samplingRatio) = (2, 2, 2)
    let result = try evaluate(align, ramp, try tensor([1, 1, 5, 5], 1, 4), try integers([0]))[0]
    // Bins of two elements around 1.5 and 3.5, the middle of the first element being 0.5.
    #expect(try result.values(as: Float.self) == [1.5, 3.5, 1.5, 3.5])
    expectRefusal(align, ramp, try tensor([1, 1, 5, 5], 1, 4), try integers([1]))
    expectRefusal(align, ramp, try tensor([1, 1, .infinity, 5], 1, 4), try integers([0]))
    align.outputHeight = -1
    expectRefusal(align, ramp, try tensor([1, 1, 5, 5], 1, 4), try integers([0]))
  }

  @Test func `a causal convolution goes on from its state`() throws {
    let data = try Tensor(randomOf: .float32, shape: [2, 3, 7], seed: 7)
    let weights = try Tensor(randomOf: .float32, shape: [3, 1, 4], seed: 8)
    let conv = CausalConvWithState()
    let whole = try evaluate(conv, data, weights)
    let parts = try Split(axis: 2).evaluate(Operands([data, integers([2, 5])]))
    let first = try evaluate(conv, parts[0], weights)
    let second = try evaluate(conv, parts[1], weights, nil, first[1])
    #expect(try Concat(axis: 2).evaluate(Operands([first[0], second[0]]))[0] == whole[0])
    #expect(second[1] == whole[1])
    expectRefusal(conv, data, weights, nil, try counting(2, 3, 4))
    expectRefusal(conv, data, try Tensor([Float](), shape: [3, 1, 0]))
  }

  @Test func `sequences are counted, with gaps`() throws {
    var counts = TfIdfVectorizer()
    (counts.maximumLength, counts.minimumLength, counts.maximumSkip) = (2, 1, 1)
    (counts.pool, counts.starts, counts.places) = ([2, 3, 5, 4, 6, 7], [0, 2], [0, 1, 2, 3])
    let data = Tensor([Int32(2), 5, 4, 6, 3, 5, 7, 4])
    // 5 4 once next to each other and once with one between.
    #expect(try floats(counts, data) == [1, 1, 2, 0])
    counts.mode = .presence
    counts.weights = [1, 1, 3, 1]
    #expect(try floats(counts, data) == [1, 1, 3, 0])
    counts.places = [0, 1, 2, -1]
    expectRefusal(counts, data)
  }

  @Test func `trees lead to leaves or are refused`() throws {
    var trees = TreeEnsemble()
    (trees.targetCount, trees.roots, trees.features) = (2, [0], [0, 1])
    trees.modes = Tensor([UInt8(0), 3])
    trees.splits = try tensor([1, 5], 2)
    (trees.trueNodes, trees.trueLeafs) = ([0, 1], [1, 1])
    (trees.falseNodes, trees.falseLeafs) = ([1, 2], [0, 1])
    (trees.leafTargets, trees.leafWeights) = ([0, 1, 1], try tensor([10, 20, 30], 3))
    let rows = try tensor([1, 0, 2, 6, 2, 5, .nan, 9], 4, 2)
    #expect(try floats(trees, rows) == [10, 0, 0, 20, 0, 30, 0, 20])
    trees.falseNodes = [0, 2]
    expectRefusal(trees, rows)
    trees.falseNodes = [9, 2]
    expectRefusal(trees, rows)
    trees.features = [7, 1]
    expectRefusal(trees, rows)
  }

  @Test func `steps follow the gradient`() throws {
    let (rate, count) = (Tensor(scalar: Float(0.1)), Tensor(scalar: Int64(0)))
    let (x, gradient) = (try tensor([1, 2], 2), try tensor([3, -4], 2))
    let zeros = try tensor([0, 0], 2)
    var momentum = Momentum()
    (momentum.alpha, momentum.beta) = (0.9, 0.5)
    #expect(try floats(momentum, rate, count, x, gradient, zeros) == [0.7, 2.4])
    momentum.mode = .nesterov
    #expect(try floats(momentum, rate, Tensor(scalar: Int64(1)), x, gradient, zeros) == [0.565, 2.58])
    for value in zip(try floats(Adagrad(), rate, count, x, gradient, zeros), [0.9, 2.1] as [Float]) {
      #expect(abs(value.0 - value.1) < 1e-5)
    }
    let results = try evaluate(Adam(), rate, count, x, gradient, zeros, zeros)
    #expect(try results[1].values(as: Float.self).map { ($0 * 100).rounded() } == [30, -40])
    expectRefusal(Adam(), rate, count, x, gradient, zeros)
    expectRefusal(Adam(), rate, count, x, try counting(3), zeros, zeros)
  }
}
