import KernelInterface
import Testing

@testable import Kernels

/// Bias, mask, causality, windows, lengths, soft cap and sinks.
struct ScoreModifierTests {
  static let shape = AttentionShape(
    batch: 2, queryHeads: 4, keyHeads: 2, queryLength: 19, keyLength: 37, headSize: 6, valueSize: 5)
  static let tiles = AttentionTiles(queryRows: 16, keys: 8)

  /// All sixteen ways to broadcast four axes.
  static let broadcasts = (0..<16).map { bits in (0..<4).map { bits >> $0 & 1 == 1 } }

  @Test(arguments: broadcasts)
  func biases(_ broadcast: [Bool]) throws {
    var generator = SplitMix(state: 5)
    var run = KernelRun(shape: Self.shape, tiles: Self.tiles)
    run.modifiers.bias = ScoreTensor(broadcast: broadcast, Self.shape) { _ in generator.normal() }
    try run.expectAccurate()
  }

  @Test(arguments: [KernelElement.float64, .bfloat16, .float16])
  func biasElements(_ element: KernelElement) throws {
    var generator = SplitMix(state: 6)
    var run = KernelRun(shape: Self.shape, biasElement: element, tiles: Self.tiles)
    run.modifiers.bias = ScoreTensor(broadcast: [false, false, false, false], Self.shape) { _ in
      element.round(generator.normal())
    }
    try run.expectAccurate()
  }

  @Test(arguments: broadcasts, [-Float.infinity, -1e9, -Float.greatestFiniteMagnitude, 2])
  func masks(_ broadcast: [Bool], _ maskedScore: Float) throws {
    var generator = SplitMix(state: 7)
    var run = KernelRun(shape: Self.shape, tiles: Self.tiles)
    run.modifiers.mask = ScoreTensor(broadcast: broadcast, Self.shape) { _ in generator.next() % 3 == 0 ? 0 : 1 }
    run.modifiers.maskedScore = maskedScore
    try run.expectAccurate()
  }

  /// Whole tiles hidden: at the start, in the middle and at the end of the keys, for some rows or all.
  @Test(arguments: [-Float.infinity, -1e9, -40, 0])
  func hiddenTiles(_ maskedScore: Float) throws {
    var run = KernelRun(shape: Self.shape, tiles: Self.tiles)
    run.modifiers.maskedScore = maskedScore
    for visible in [0..<8, 8..<16, 20..<37, 3..<4] {
      run.modifiers.mask = ScoreTensor(broadcast: [true, true, false, false], Self.shape) { index in
        let (row, key) = index.quotientAndRemainder(dividingBy: Self.shape.keyLength)
        return visible.contains(key) || (row == 2 && key == 30) ? 1 : 0
      }
      try run.expectAccurate()
    }
  }

  /// A mask whose blocks are hidden, open and mixed, read by several heads, where panels end in the middle of blocks and
  /// of heads.
  @Test(arguments: [-Float.infinity, -1e9], [[true, true, false, false], [false, false, false, false]])
  func blocksOfMasks(_ maskedScore: Float, _ broadcast: [Bool]) throws {
    for element in [KernelElement.float32, .bfloat16] {
      var run = KernelRun(element: element, tiles: AttentionTiles(queryRows: 48, keys: 48))
      run.shape = AttentionShape(batch: 2, queryHeads: 4, keyHeads: 2, queryLength: 37, keyLength: 300)
      let (queries, keys) = (run.shape.queryLength, run.shape.keyLength)
      run.modifiers.maskedScore = maskedScore
      run.modifiers.mask = ScoreTensor(broadcast: broadcast, run.shape) { index in
        let (row, key) = (index / keys % queries, index % keys)
        if key >= 160 && key < 200 { return row % 5 == 0 ? 0 : 1 }
        return key < 96 || row == 20 || (key >= 256 && row < 16) ? 0 : 1
      }
      try run.expectAccurate()
    }
  }

  @Test(arguments: Causality.allCases, [(19, 37), (37, 19), (20, 20), (1, 30), (60, 5)])
  func causality(_ causal: Causality, _ lengths: (query: Int, key: Int)) throws {
    var run = KernelRun(tiles: AttentionTiles(queryRows: 16, keys: 8))
    run.shape = AttentionShape(queryLength: lengths.query, keyLength: lengths.key)
    run.modifiers.causal = causal
    try run.expectAccurate()
  }

  @Test(
    arguments: [(0, 0), (3, nil), (nil, 2), (5, 40), (nil, nil), (.max, .max)] as [(Int?, Int?)], Causality.allCases)
  func windows(_ limits: (left: Int?, right: Int?), _ causal: Causality) throws {
    var run = KernelRun(shape: Self.shape, tiles: Self.tiles)
    run.modifiers.window = AttentionWindow(left: limits.left, right: limits.right)
    run.modifiers.causal = causal
    try run.expectAccurate()
  }

  @Test(arguments: [[0, 37], [1, 8], [9, 36]])
  func validKeyLengths(_ lengths: [Int]) throws {
    var run = KernelRun(shape: Self.shape, tiles: Self.tiles)
    run.modifiers.validKeyLengths = lengths
    try run.expectAccurate()
  }

  @Test(arguments: [0.5, 5, 50] as [Float])
  func softcaps(_ softcap: Float) throws {
    var run = KernelRun(shape: Self.shape, tiles: Self.tiles, magnitude: 4)
    run.modifiers.softcap = softcap
    run.modifiers.causal = .upperLeft
    // A cap before the mask leaves the mask alone; after it, it would pull −∞ up to −softcap.
    run.modifiers.bias = ScoreTensor(broadcast: [true, true, true, false], Self.shape) { $0 % 5 == 0 ? -.infinity : 1 }
    try run.expectAccurate()
  }

  @Test(arguments: [[0, 1, -2, 30], [-.infinity, 0, -.infinity, -1e30], [.nan, .infinity, 1, 2]] as [[Float]])
  func sinks(_ sinks: [Float]) throws {
    var run = KernelRun(shape: Self.shape, tiles: Self.tiles)
    run.modifiers.sinks = sinks
    run.modifiers.causal = .upperLeft
    try run.expectAccurate()
  }

  @Test(arguments: [KernelElement.float32, .bfloat16, .float16, .float64])
  func everythingAtOnce(_ element: KernelElement) throws {
    var generator = SplitMix(state: 8)
    var run = KernelRun(shape: Self.shape, element: element, layout: .sequenceMajor, tiles: Self.tiles)
    run.modifiers.bias = ScoreTensor(broadcast: [true, false, false, false], Self.shape) { _ in generator.normal() }
    run.modifiers.mask = ScoreTensor(broadcast: [false, true, true, false], Self.shape) { $0 % 4 == 1 ? 0 : 1 }
    run.modifiers.maskedScore = -1e4
    run.modifiers.causal = .lowerRight
    run.modifiers.window = AttentionWindow(left: 20, right: 0)
    run.modifiers.validKeyLengths = [30, 37]
    run.modifiers.softcap = 3
    run.modifiers.sinks = [1, 0, -1, 2]
    run.modifiers.guardsNaN = true
    try run.expectAccurate()
  }
}
