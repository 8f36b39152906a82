import KernelInterface
import Testing

@testable import Kernels

/// Few queries against many keys, which several workers share.
struct SplitKeysTests {
  static let shape = AttentionShape(
    queryHeads: 4, keyHeads: 2, queryLength: 3, keyLength: 2500, headSize: 8, valueSize: 9)

  @Test func keysAreSplitOnlyForFewItems() throws {
    let run = KernelRun(shape: Self.shape)
    func splits(_ shape: AttentionShape, workers: Int) throws -> Int {
      var run = run
      run.shape = shape
      return try run.withArguments(of: run.inputs) { arguments, _ in
        WorkDivision(arguments, tiles: AttentionTiles(queryRows: 48, keys: 64), panelRows: 48, workers: workers)
          .keySplits(workers: workers)
      }
    }
    #expect(try splits(Self.shape, workers: 1) == 1)
    #expect(try splits(Self.shape, workers: 2) == 4)
    #expect(try splits(AttentionShape(batch: 9, keyLength: 2500), workers: 2) == 1)
    #expect(try splits(AttentionShape(keyLength: 40), workers: 2) == 1)
  }

  @Test(arguments: [false, true], [Causality.none, .lowerRight])
  func mergedShares(_ isMasked: Bool, _ causal: Causality) throws {
    var run = KernelRun(shape: Self.shape)
    run.modifiers.causal = causal
    run.modifiers.sinks = [0, 2, -1, -.infinity]
    if isMasked {
      // One share sees nothing, and the second query sees nothing at all.
      run.modifiers.maskedScore = -1e9
      run.modifiers.mask = ScoreTensor(broadcast: [true, true, false, false], Self.shape) {
        let (query, key) = $0.quotientAndRemainder(dividingBy: Self.shape.keyLength)
        return query == 1 || key < 1250 ? 0 : 1
      }
    }
    try run.expectAccurate()
  }

  @Test(arguments: [false, true], [1, 2, 5])
  func emptyRows(_ guardsNaN: Bool, _ splits: Int) throws {
    var run = KernelRun()
    run.shape = AttentionShape(queryHeads: 1, keyHeads: 1, queryLength: 4, keyLength: 3)
    run.modifiers.causal = .lowerRight
    run.modifiers.guardsNaN = guardsNaN
    let inputs = run.inputs
    let exact = NaiveAttention<Double>(run.shape, run.modifiers, inputs).output()
    let actual = try run.withArguments(of: inputs) { arguments, output in
      let attention = try FlashAttention(arguments)
      let division = WorkDivision(arguments, tiles: attention.tiles, panelRows: 48, workers: 2)
      attention.runSplit(division, splits: splits, on: KernelRun.pool)
      return output.numbers
    }
    for (actual, exact) in zip(actual, exact) {
      #expect(exact.isNaN ? actual.isNaN : abs(Double(actual) - exact) < 1e-6)
    }
  }
}
