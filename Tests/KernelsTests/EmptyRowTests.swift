import KernelInterface
import Testing

@testable import Kernels

/// Rows whose keys are all hidden, in every way a graph can do that, and numbers that are not finite.
struct EmptyRowTests {
  static let shape = AttentionShape(queryLength: 20, keyLength: 30)
  static let tiles = AttentionTiles(queryRows: 16, keys: 8)
  /// Rows 3 and 17 see nothing.
  static func hidesRow(_ index: Int) -> Bool { [3, 17].contains(index / shape.keyLength) }

  @Test(arguments: [false, true])
  func negativeInfiniteBias(_ guardsNaN: Bool) throws {
    var run = KernelRun(shape: Self.shape, tiles: Self.tiles)
    run.modifiers.guardsNaN = guardsNaN
    run.modifiers.bias = ScoreTensor(broadcast: [true, true, false, false], Self.shape) {
      Self.hidesRow($0) ? -.infinity : 0
    }
    try run.expectAccurate()
    let output = try run.output(of: run.inputs)
    let row = output[3 * Self.shape.valueSize]
    #expect(guardsNaN ? row == 0 : row.isNaN)
  }

  /// A bias of the lowest finite number swallows every score: all keys weigh the same.
  @Test(arguments: [-Float.greatestFiniteMagnitude, -1e30, -3e38])
  func lowestBias(_ bias: Float) throws {
    var run = KernelRun(shape: Self.shape, tiles: Self.tiles)
    run.modifiers.bias = ScoreTensor(broadcast: [true, true, true, true], Self.shape) { _ in bias }
    try expectMeanOfValues(run, row: 3)
    run.modifiers.bias = ScoreTensor(broadcast: [true, true, false, false], Self.shape) {
      Self.hidesRow($0) ? bias : 0
    }
    try expectMeanOfValues(run, row: 3)
    try expectMeanOfValues(run, row: 17)
  }

  @Test(arguments: [-Float.infinity, -1e9, -Float.greatestFiniteMagnitude], [false, true])
  func booleanMask(_ maskedScore: Float, _ guardsNaN: Bool) throws {
    var run = KernelRun(shape: Self.shape, tiles: Self.tiles)
    run.modifiers.guardsNaN = guardsNaN
    run.modifiers.maskedScore = maskedScore
    run.modifiers.mask = ScoreTensor(broadcast: [true, true, false, false], Self.shape) { Self.hidesRow($0) ? 0 : 1 }
    try run.expectAccurate()
    if maskedScore.isFinite { try expectMeanOfValues(run, row: 17) }
    run.modifiers.mask = ScoreTensor(broadcast: [true, true, true, true], Self.shape) { _ in 0 }
    try run.expectAccurate()
  }

  /// Keys hidden by order stay out of the mean that a masked row gives.
  @Test func maskedRowUnderCausality() throws {
    var run = KernelRun(shape: Self.shape, tiles: Self.tiles)
    run.modifiers.causal = .upperLeft
    run.modifiers.maskedScore = -1e9
    run.modifiers.mask = ScoreTensor(broadcast: [true, true, false, false], Self.shape) { Self.hidesRow($0) ? 0 : 1 }
    try run.expectAccurate()
  }

  @Test(arguments: [false, true])
  func rowsBeforeTheDiagonal(_ guardsNaN: Bool) throws {
    var run = KernelRun(tiles: Self.tiles)
    run.shape = AttentionShape(queryLength: 30, keyLength: 10)
    run.modifiers.causal = .lowerRight
    run.modifiers.guardsNaN = guardsNaN
    try run.expectAccurate()
  }

  @Test func sinkFillsAnEmptyRow() throws {
    var run = KernelRun(shape: Self.shape, tiles: Self.tiles)
    run.modifiers.sinks = [0.5, -3]
    run.modifiers.validKeyLengths = [0]
    #expect(try run.output(of: run.inputs).allSatisfy { $0 == 0 })
  }

  /// NaN and infinities in queries, keys and values, one at a time.
  @Test(arguments: [Float.nan, .infinity, -.infinity], [false, true])
  func nonfiniteInputs(_ number: Float, _ guardsNaN: Bool) throws {
    for keyPath in [\AttentionInputs.query, \.key, \.value] {
      var run = KernelRun(shape: Self.shape, tiles: Self.tiles)
      run.modifiers.guardsNaN = guardsNaN
      var inputs = run.inputs
      inputs[keyPath: keyPath][11] = number
      let exact = NaiveAttention<Double>(run.shape, run.modifiers, inputs).output()
      for instructionSet in InstructionSet.allCases where instructionSet.isAvailable {
        let actual = try run.output(of: inputs, on: instructionSet)
        for (actual, exact) in zip(actual, exact) {
          #expect(agrees(actual, exact), "\(instructionSet): \(actual) where fp64 gives \(exact)")
        }
      }
    }
  }

  private func agrees(_ actual: Float, _ exact: Double) -> Bool {
    exact.isFinite
      ? abs(Double(actual) - exact) < 1e-5 : actual.isNaN == exact.isNaN && (exact.isNaN || Double(actual) == exact)
  }

  private func expectMeanOfValues(_ run: KernelRun, row: Int) throws {
    let inputs = run.inputs
    let shape = run.shape
    for instructionSet in InstructionSet.allCases where instructionSet.isAvailable {
      let output = try run.output(of: inputs, on: instructionSet)
      for column in 0..<shape.valueSize {
        let values = (0..<shape.keyLength).map { Double(inputs.value[$0 * shape.valueSize + column]) }
        let mean = values.reduce(0, +) / Double(shape.keyLength)
        #expect(abs(Double(output[row * shape.valueSize + column]) - mean) < 1e-6)
      }
    }
  }
}
