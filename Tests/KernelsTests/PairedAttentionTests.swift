import KernelInterface
import Testing

@testable import Kernels

/// Attention whose steps are paired, on every instruction set, and what must not be.
struct PairedAttentionTests {
  static func run(_ shape: AttentionShape, tileKeys: Int = 24) -> KernelRun {
    var run = KernelRun(shape: shape, tiles: AttentionTiles(queryRows: 96, keys: tileKeys), pairsSteps: true)
    run.modifiers.scale = 1 / Double(shape.headSize).squareRoot()
    return run
  }

  static func shape(queries: Int = 70, keys: Int = 90, head: Int = 32, value: Int = 32) -> AttentionShape {
    AttentionShape(
      batch: 1, queryHeads: 4, keyHeads: 2, queryLength: queries, keyLength: keys, headSize: head, valueSize: value)
  }

  /// Odd counts of keys, in whole tiles and the last.
  @Test(arguments: [1, 8, 23, 24, 25, 90, 97], [(16, 16), (64, 64), (48, 80), (128, 32), (40, 64)])
  func sizes(_ keys: Int, _ sizes: (head: Int, value: Int)) throws {
    for tileKeys in [23, 32] {
      try Self.run(Self.shape(keys: keys, head: sizes.head, value: sizes.value), tileKeys: tileKeys).expectAccurate()
    }
  }

  @Test(arguments: Layout.allCases, [KernelElement.float32, .float16, .bfloat16])
  func layouts(_ layout: Layout, _ element: KernelElement) throws {
    var run = Self.run(Self.shape())
    (run.layout, run.element) = (layout, element)
    run.fewestRoundedKeys = .max
    try run.expectAccurate()
  }

  @Test(arguments: [0, 1, 2, 3, 4, 5])
  func modifiers(_ kind: Int) throws {
    var run = Self.run(Self.shape())
    let keys = run.shape.keyLength
    switch kind {
    case 0: run.modifiers.causal = .lowerRight
    case 1: run.modifiers.softcap = 2
    case 2:
      run.modifiers.bias = ScoreTensor(broadcast: [true, true, false, false], run.shape) {
        $0 % keys > 60 ? -.greatestFiniteMagnitude : Float($0 % 7) / 7
      }
    case 3:
      run.modifiers.maskedScore = -3e38
      run.modifiers.mask = ScoreTensor(broadcast: [true, true, false, false], run.shape) {
        $0 / keys == 5 || $0 % keys > 40 ? 0 : 1
      }
    case 4:
      run.modifiers.window = AttentionWindow(left: 20, right: 30)
      run.modifiers.validKeyLengths = [77]
    default: run.modifiers.sinks = [0, 3, -2, -.infinity]
    }
    try run.expectAccurate()
  }

  /// Weights get a factor for values that are larger or smaller than they, of which nothing is left in the output.
  @Test(arguments: [1e-30, 1e-6, 0.02, 3, 1e5, 1e30] as [Float])
  func valuesOfAnySize(_ size: Float) throws {
    for keys in [90, 700] {
      let run = Self.run(Self.shape(queries: keys == 700 ? 13 : 70, keys: keys))
      var inputs = run.inputs
      for index in inputs.value.indices { inputs.value[index] *= size }
      try Self.expectColumnsAccurate(run, inputs)
    }
  }

  /// Columns with a mean beside which their differences are small, in rows with one large weight and many small ones: pairs that all have
  /// one sign would be off by 8e-5.
  @Test func valuesWithAMean() throws {
    let shape = AttentionShape(
      queryHeads: 1, keyHeads: 1, queryLength: 60, keyLength: 1024, headSize: 64, valueSize: 64)
    let run = Self.run(shape, tileKeys: 128)
    var inputs = run.inputs
    for index in inputs.value.indices { inputs.value[index] = 1 + inputs.value[index] / 16 }
    for index in inputs.query.indices { inputs.query[index] = 0.3 * inputs.query[index] + 0.5 }
    for index in inputs.key.indices {
      inputs.key[index] = 0.3 * inputs.key[index] + (index / shape.headSize == 7 ? 1.75 : 0)
    }
    try Self.expectColumnsAccurate(run, inputs, tolerance: 1e-5)
  }

  /// Later tiles may have far larger or smaller values than the first.
  @Test(arguments: [1e-9, 0.1, 10, 1e9] as [Float])
  func valuesThatChange(_ factor: Float) throws {
    let run = Self.run(Self.shape())
    var inputs = run.inputs
    for index in inputs.value.indices where index / run.shape.valueSize % run.shape.keyLength >= 24 {
      inputs.value[index] *= factor
    }
    try Self.expectColumnsAccurate(run, inputs)
  }

  /// A column of small values beside large ones keeps its digits, one of zeros is exact, and NaN and infinities stay in theirs.
  @Test func unevenColumns() throws {
    let run = Self.run(Self.shape())
    var inputs = run.inputs
    for index in inputs.value.indices {
      switch index % run.shape.valueSize {
      case 3: inputs.value[index] *= 1e-7
      case 8: inputs.value[index] = 0
      case 17: inputs.value[index] *= 1000
      default: break
      }
    }
    try Self.expectColumnsAccurate(run, inputs)
    inputs.value[21] = .infinity
    inputs.value[30] = .nan
    try Self.expectColumnsAccurate(run, inputs)
  }

  /// Keys or queries so long that pairs would lose digits of the scores, in some tiles or all.
  @Test(arguments: [0.01, 0.5, 4, 30] as [Float], [0.01, 4, 30] as [Float])
  func longQueriesAndKeys(_ query: Float, _ key: Float) throws {
    var run = Self.run(Self.shape())
    var inputs = run.inputs
    for index in inputs.query.indices { inputs.query[index] *= query }
    for index in inputs.key.indices where index / run.shape.headSize % 3 == 0 { inputs.key[index] *= key }
    // As many digits of scores as without pairs, whatever the scores are.
    run.modifiers.scale = 1 / Double(max(query * key, 1)) / Double(run.shape.headSize).squareRoot()
    try Self.expectColumnsAccurate(run, inputs)
  }

  /// How scores and values may be spread.
  enum Kind: CaseIterable {
    case random, longQueries, uniform, single, firstKeyOfSmallValues, firstKey, masksOfFours, keysWithMean,
      neighboursAlike
    case valuesWithMean, sparseValues
  }

  /// At most twice as far from 64 bits as the same without pairs, in the mean of all outputs, or off by less than a few roundings.
  @Test(arguments: Kind.allCases, [144, 600]) func errorsAreThoseOfSums(_ kind: Kind, _ keys: Int) throws {
    let shape = AttentionShape(
      queryHeads: 1, keyHeads: 1, queryLength: 50, keyLength: keys, headSize: 64, valueSize: 64)
    var run = Self.run(shape, tileKeys: 192)
    var inputs = run.inputs
    for index in inputs.query.indices {
      let feature = index % 64
      switch kind {
      case .longQueries: inputs.query[index] *= 2
      case .uniform, .masksOfFours: inputs.query[index] *= 0.05
      case .single: inputs.query[index] = 2 * inputs.key[index]
      case .firstKeyOfSmallValues, .firstKey: inputs.query[index] = 0.3 * inputs.query[index] + 0.7
      case .neighboursAlike where feature & 1 != 0: inputs.query[index] = inputs.query[index - 1]
      default: break
      }
    }
    for index in inputs.key.indices {
      switch kind {
      case .longQueries: inputs.key[index] *= 0.6
      case .single: inputs.key[index] *= 1.9
      case .firstKeyOfSmallValues, .firstKey: if index < 64 { inputs.key[index] = 1.3 }
      case .keysWithMean: inputs.key[index] = 0.3 * inputs.key[index] + 1.5
      case .neighboursAlike where index & 1 != 0:
        inputs.key[index] = 0.1 * inputs.key[index] - inputs.key[index - 1]
      default: break
      }
    }
    for index in inputs.value.indices {
      switch kind {
      case .firstKeyOfSmallValues: if index < 64 { inputs.value[index] *= 0.02 }
      case .valuesWithMean: inputs.value[index] = 1 + 0.1 * inputs.value[index]
      case .sparseValues: if index % 7 != 0 { inputs.value[index] = 0 }
      default: break
      }
    }
    if kind == .masksOfFours {
      run.modifiers.bias = ScoreTensor(broadcast: [true, true, true, false], shape) { $0 % 4 < 2 ? 0 : -10_000 }
    }
    let exact = NaiveAttention<Double>(shape, run.modifiers, inputs).output()
    func error(_ output: [Float]) -> Double {
      zip(output, exact).reduce(0) { $0 + (Double($1.0) - $1.1) * (Double($1.0) - $1.1) }.squareRoot()
    }
    let size = exact.reduce(0) { $0 + $1 * $1 }.squareRoot()
    for instructionSet in InstructionSet.allCases where instructionSet.isAvailable {
      run.pairsSteps = true
      let paired = error(try run.output(of: inputs, on: instructionSet))
      run.pairsSteps = false
      let usual = error(try run.output(of: inputs, on: instructionSet))
      #expect(
        paired <= max(2 * usual, 4e-7 * size), "\(instructionSet): \(paired / size), \(usual / size) without pairs")
    }
  }

  /// A sink far above all scores leaves outputs as small as their weights.
  @Test(arguments: [0, 12, 20] as [Float]) func sinksAboveAllScores(_ sink: Float) throws {
    var run = Self.run(Self.shape())
    run.modifiers.sinks = [sink, sink, -sink, 0]
    var inputs = run.inputs
    for index in inputs.query.indices { inputs.query[index] *= 0.5 }
    let exact = NaiveAttention<Double>(run.shape, run.modifiers, inputs).output()
    for instructionSet in InstructionSet.allCases where instructionSet.isAvailable {
      let actual = try run.output(of: inputs, on: instructionSet)
      let rows = run.shape.queryLength * run.shape.valueSize
      for head in 0..<run.shape.queryHeads {
        let range = head * rows..<(head + 1) * rows
        let size = exact[range].map(abs).max() ?? 0
        for index in range { #expect(abs(Double(actual[index]) - exact[index]) <= 3e-6 * size) }
      }
    }
  }

  /// Compares each column of the output with fp64, relative to the size of the column: of outputs, or where values cancel out of a
  /// twentieth of theirs.
  static func expectColumnsAccurate(
    _ run: KernelRun, _ inputs: AttentionInputs, tolerance: Double = 6e-6,
    sourceLocation: SourceLocation = #_sourceLocation
  ) throws {
    let exact = NaiveAttention<Double>(run.shape, run.modifiers, inputs).output()
    let columns = run.shape.valueSize
    var sizes = [Double](repeating: 0, count: columns)
    for (index, number) in exact.enumerated() where number.isFinite {
      sizes[index % columns] = max(sizes[index % columns], abs(number))
    }
    for (index, value) in inputs.value.enumerated() where value.isFinite {
      sizes[index % columns] = max(sizes[index % columns], Double(abs(value)) / 20)
    }
    for instructionSet in InstructionSet.allCases where instructionSet.isAvailable {
      let actual = try run.output(of: inputs, on: instructionSet)
      let wrong = zip(actual, exact).enumerated().first { index, pair in
        guard pair.1.isFinite else { return pair.1.isNaN ? !pair.0.isNaN : Double(pair.0) != pair.1 }
        return !(abs(Double(pair.0) - pair.1) <= tolerance * sizes[index % columns])
      }
      if let (index, (actual, exact)) = wrong {
        Issue.record(
          "\(instructionSet): \(actual) at \(index) where fp64 gives \(exact), column of size \(sizes[index % columns])",
          sourceLocation: sourceLocation)
      }
    }
  }
}
