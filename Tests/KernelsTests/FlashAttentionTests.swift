import KernelInterface
import Testing

@testable import Kernels

/// Lengths, sizes, groups and layouts.
struct FlashAttentionShapeTests {
  @Test(arguments: [1, 2, 7, 15, 16, 17, 47, 48, 49, 97])
  func queryLengths(_ length: Int) throws {
    var run = KernelRun(seed: UInt64(length))
    run.shape = AttentionShape(queryHeads: 1, keyHeads: 1, queryLength: length, keyLength: 19)
    try run.expectAccurate()
  }

  @Test(arguments: [1, 2, 3, 7, 8, 9, 31, 32, 33, 100])
  func keyLengths(_ length: Int) throws {
    var run = KernelRun(seed: UInt64(length))
    run.shape = AttentionShape(queryHeads: 1, keyHeads: 1, queryLength: 5, keyLength: length)
    run.tiles = AttentionTiles(queryRows: 48, keys: 32)
    try run.expectAccurate()
  }

  @Test(arguments: [(1, 1), (1, 9), (3, 4), (17, 2), (64, 64), (80, 80), (128, 40), (96, 128), (512, 512)])
  func headSizes(_ headSize: Int, _ valueSize: Int) throws {
    var run = KernelRun(seed: UInt64(headSize))
    run.shape = AttentionShape(
      queryHeads: 1, keyHeads: 1, queryLength: 6, keyLength: 21, headSize: headSize, valueSize: valueSize)
    run.modifiers.scale = 1 / Double(headSize).squareRoot()
    try run.expectAccurate()
  }

  @Test(arguments: [(1, 1), (4, 4), (4, 2), (6, 2), (7, 1)], [1, 3, 50])
  func groups(_ heads: (query: Int, key: Int), _ queryLength: Int) throws {
    var run = KernelRun(seed: UInt64(heads.query))
    run.shape = AttentionShape(
      batch: 2, queryHeads: heads.query, keyHeads: heads.key, queryLength: queryLength, keyLength: 11, headSize: 5,
      valueSize: 6)
    try run.expectAccurate()
  }

  @Test(arguments: Layout.allCases, KernelElement.allCases)
  func layouts(_ layout: Layout, _ element: KernelElement) throws {
    var run = KernelRun(element: element, layout: layout, tiles: AttentionTiles(queryRows: 96, keys: 24))
    for (queryLength, keyLength) in [(1, 40), (9, 13), (50, 40)] {
      run.shape = AttentionShape(
        batch: 2, queryHeads: 4, keyHeads: 2, queryLength: queryLength, keyLength: keyLength, headSize: 18,
        valueSize: 33)
      try run.expectAccurate()
    }
  }

  /// Any tile sizes give the same attention, sizes that no register tile divides included.
  @Test(arguments: [(1, 1), (5, 3), (48, 8), (100, 13), (400, 4096)])
  func tiles(_ queryRows: Int, _ keys: Int) throws {
    var run = KernelRun(tiles: AttentionTiles(queryRows: queryRows, keys: keys))
    run.shape = AttentionShape(queryHeads: 1, keyHeads: 1, queryLength: 53, keyLength: 37)
    run.modifiers.causal = .upperLeft
    try run.expectAccurate()
  }

  @Test func noKeysGiveZero() throws {
    var run = KernelRun()
    run.shape = AttentionShape(queryHeads: 1, keyHeads: 1, queryLength: 2, keyLength: 0)
    #expect(try run.output(of: run.inputs) == [Float](repeating: 0, count: 16))
  }

  @Test func emptyShapesDoNothing() throws {
    for keyPath in [\AttentionShape.batch, \.queryLength, \.valueSize] {
      var run = KernelRun()
      run.shape[keyPath: keyPath] = 0
      #expect(try run.output(of: run.inputs).isEmpty)
    }
  }

  @Test func resultsDoNotDependOnThreads() throws {
    var run = KernelRun()
    run.shape = AttentionShape(batch: 2, queryHeads: 3, keyHeads: 3, queryLength: 60, keyLength: 40)
    let inputs = run.inputs
    let one = try run.output(of: inputs, pool: WorkerPool(workerCount: 1))
    let three = try run.output(of: inputs, pool: WorkerPool(workerCount: 3))
    #expect(one == three)
  }

  /// However many threads share the work, and whichever of them gets which part: every run gives the same bits with as
  /// many threads, and the same numbers but for rounding with more.
  @Test(arguments: [(1, 1, 3000), (4, 1, 2048), (1, 200, 200), (2, 90, 300), (3, 13, 700)], KernelElement.allCases)
  func runsAgree(_ sizes: (group: Int, queries: Int, keys: Int), _ element: KernelElement) throws {
    var run = KernelRun(element: element)
    run.shape = AttentionShape(
      queryHeads: 2 * sizes.group, queryLength: sizes.queries, keyLength: sizes.keys, headSize: 32, valueSize: 32)
    run.modifiers.causal = .lowerRight
    let inputs = run.inputs
    let alone = try run.output(of: inputs, pool: WorkerPool(workerCount: 1))
    #expect(try run.output(of: inputs, pool: WorkerPool(workerCount: 1)) == alone)
    let scale = alone.map(abs).max() ?? 0
    for workers in [2, 5] {
      let pool = WorkerPool(workerCount: workers)
      let shared = try run.output(of: inputs, pool: pool)
      #expect(try run.output(of: inputs, pool: pool) == shared)
      let largest = zip(alone, shared).map { abs($0 - $1) }.max() ?? 0
      // Sums of thousands of terms are added up in another order.
      #expect(largest <= scale * max(Float(element.roundingError) * 4, 4e-6))
    }
  }

  /// Scores that differ in magnitude from tile to tile make the running maximum rise and the sums rescale.
  @Test(arguments: [1e-20, 1e-3, 10, 1e4, 1e10] as [Float])
  func magnitudes(_ magnitude: Float) throws {
    var run = KernelRun(tiles: AttentionTiles(queryRows: 48, keys: 8), magnitude: magnitude)
    run.shape = AttentionShape(queryHeads: 1, keyHeads: 1, queryLength: 20, keyLength: 60)
    // Large scores leave a single key standing; two that nearly tie would make every fp32 computation differ.
    try run.expectAccurate()
  }

  @Test func scratchDoesNotDependOnLengths() throws {
    func scratch(_ length: Int) throws -> Int {
      let storage = OperandStorage(.float32, .headMajor, size: (1, 1, length, 64))
      let arguments = FlashAttentionArguments(
        query: storage.buffer, key: storage.buffer, value: storage.buffer, output: storage.output, batch: 1,
        queryHeads: 1, keyHeads: 1, queryLength: length, keyLength: length, headSize: 64, valueSize: 64, scale: 1)
      return try FlashAttention(arguments).scratchBytesPerWorker
    }
    #expect(try scratch(1024) == scratch(4096))
    #expect(try scratch(1024) < 4 << 20)
  }
}
