import KernelInterface
import Testing

@testable import Kernels

/// Biases whose large negative numbers hide whole tiles.
struct HiddenBiasTests {
  /// Which keys of a query are hidden; blocks of the scan are 16 × 32.
  enum Pattern: CaseIterable {
    case causal
    case leftPadding
    case rightPadding
    /// As causal, but some rows, and all rows of whole tiles, see nothing.
    case emptyRows

    func hides(_ query: Int, _ key: Int) -> Bool {
      switch self {
      case .causal: key > query
      case .leftPadding: key < 70
      case .rightPadding: key >= 70
      case .emptyRows: key > query || query == 5 || query >= 96
      }
    }
  }

  static let shape = AttentionShape(queryHeads: 2, keyHeads: 1, queryLength: 150, keyLength: 150)

  static func run(
    _ pattern: Pattern, _ fill: Float, _ element: KernelElement = .float32, tileKeys: Int = 32
  ) -> KernelRun {
    var run = KernelRun(shape: shape, element: element, tiles: AttentionTiles(queryRows: 96, keys: tileKeys))
    run.modifiers.bias = ScoreTensor(broadcast: [true, true, false, false], shape) {
      pattern.hides($0 / shape.keyLength, $0 % shape.keyLength) ? fill : 0
    }
    return run
  }

  @Test(
    arguments: Pattern.allCases, [-Float.infinity, -Float.greatestFiniteMagnitude, -1e9, -65504, -1e4, -9000, -8999])
  func tilesAreSkippedWithoutAnyChange(_ pattern: Pattern, _ fill: Float) throws {
    try Self.run(pattern, fill).expectAccurate()
    // Tiles of several blocks, some of which are shortened.
    try Self.run(pattern, fill, tileKeys: 64).expectAccurate()
    // In an empty row 32 bits lose the scores beside the fill, 64 bits, which narrow types are compared with, may not.
    guard pattern != .emptyRows else { return }
    var bfloat16 = Self.run(pattern, fill, .bfloat16, tileKeys: 91)
    bfloat16.fewestRoundedKeys = 1
    try bfloat16.expectAccurate()
    var half = Self.run(pattern, fill, .float16)
    (half.biasElement, half.layout) = (fill < -65504 ? .float32 : .float16, .transposed)
    try half.expectAccurate()
  }

  /// Scores so large that hidden keys win: nothing may be skipped.
  @Test(arguments: [KernelElement.float32, .bfloat16])
  func largeScoresOutweighTheBias(_ element: KernelElement) throws {
    var run = Self.run(.causal, -1e4, element)
    run.fewestRoundedKeys = 1
    var inputs = run.inputs
    // Every score with the last key, which nearly all queries may not see, is about 20,000.
    for index in 0..<Self.shape.queryCount { inputs.query[index] = 100 }
    let last = inputs.key.count - Self.shape.headSize
    for index in last..<inputs.key.count { inputs.key[index] = 100 }
    let expected = NaiveAttention<Double>(run.shape, run.modifiers, inputs).output()
    for instructionSet in InstructionSet.allCases where instructionSet.isAvailable {
      let actual = try run.output(of: inputs, on: instructionSet)
      #expect(zip(actual, expected).allSatisfy { abs(Double($0) - $1) <= 0.02 })
    }
    #expect(abs(expected[0] - Double(inputs.value[inputs.value.count - Self.shape.valueSize])) < 1e-6)
  }

  /// What a hidden score adds to the sum, NaN stays, as it would without fusion.
  @Test(arguments: [Float.nan, .infinity])
  func nonfiniteKeysAreNotSkipped(_ number: Float) throws {
    let run = Self.run(.causal, -Float.greatestFiniteMagnitude)
    var inputs = run.inputs
    inputs.key[inputs.key.count - 1] = number
    let exact = NaiveAttention<Double>(run.shape, run.modifiers, inputs).output()
    for instructionSet in InstructionSet.allCases where instructionSet.isAvailable {
      let actual = try run.output(of: inputs, on: instructionSet)
      #expect(zip(actual, exact).allSatisfy { $0.isNaN == $1.isNaN })
    }
  }

  /// Tiles are skipped indeed, and shortened where a part is hidden: what no query sees is not read.
  @Test(arguments: [-Float.greatestFiniteMagnitude, -1e4], [32, 64])
  func valuesOfHiddenTilesAreNotRead(_ fill: Float, _ tileKeys: Int) throws {
    var run = Self.run(.rightPadding, fill, tileKeys: tileKeys)
    // The last of a few rows more would be an item by themselves, which skips nothing.
    run.shape.queryLength = 144
    var inputs = run.inputs
    for index in 96 * Self.shape.valueSize..<inputs.value.count { inputs.value[index] = .nan }
    for instructionSet in InstructionSet.allCases where instructionSet.isAvailable {
      #expect(try run.output(of: inputs, on: instructionSet).allSatisfy(\.isFinite))
    }
    run.modifiers.mask = ScoreTensor(broadcast: [true, true, false, false], run.shape) {
      Pattern.rightPadding.hides(0, $0 % Self.shape.keyLength) ? 0 : 1
    }
    (run.modifiers.bias, run.modifiers.maskedScore) = (nil, fill)
    for instructionSet in InstructionSet.allCases where instructionSet.isAvailable {
      #expect(try run.output(of: inputs, on: instructionSet).allSatisfy(\.isFinite))
    }
  }

  /// The hidden start of a tile is left out too where nothing hidden counts.
  @Test(arguments: [KernelElement.float32, .bfloat16])
  func valuesBeforeTheFirstVisibleKeyAreNotRead(_ element: KernelElement) throws {
    var run = Self.run(.leftPadding, 0, element, tileKeys: 150)
    run.fewestRoundedKeys = 1
    run.shape.queryLength = 144
    run.modifiers.bias = nil
    run.modifiers.mask = ScoreTensor(broadcast: [true, true, false, false], run.shape) {
      Pattern.leftPadding.hides(0, $0 % Self.shape.keyLength) ? 0 : 1
    }
    var inputs = run.inputs
    for index in 0..<64 * Self.shape.valueSize { inputs.value[index] = .nan }
    for instructionSet in InstructionSet.allCases where instructionSet.isAvailable {
      #expect(try run.output(of: inputs, on: instructionSet).allSatisfy(\.isFinite))
    }
  }

  /// A bias beside a mask, a soft cap, sinks or causality.
  @Test(arguments: Pattern.allCases)
  func besideOtherModifiers(_ pattern: Pattern) throws {
    var run = Self.run(pattern, -1e9)
    run.modifiers.softcap = 3
    run.modifiers.sinks = [0.5, -2e9]
    try run.expectAccurate()
    run.modifiers.causal = .upperLeft
    try run.expectAccurate()
    run.modifiers.maskedScore = -1e4
    run.modifiers.mask = ScoreTensor(broadcast: [true, true, false, false], Self.shape) { $0 % 3 == 0 ? 0 : 1 }
    try run.expectAccurate()
  }
}
