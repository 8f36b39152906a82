import KernelInterface

/// The memory that one worker needs for an item of few query rows.
struct FewQueriesScratch {
  /// Per four rows: their first vectors, their second vectors and so on, scaled.
  let query: UnsafeMutablePointer<Lanes>
  let output: UnsafeMutablePointer<Lanes>
  /// One key tile's scores of four rows, then their exponentials.
  let scores: UnsafeMutablePointer<Lanes>
  let transposer: LaneTransposer
  /// One row of a query, an output, a bias or a mask.
  let modifier: UnsafeMutablePointer<Float>
  let maximum: UnsafeMutablePointer<Float>
  let sum: UnsafeMutablePointer<Float>
  /// The four rows' factors for what was accumulated before this tile.
  let rescale: UnsafeMutablePointer<Float>
  /// The keys that each row may see.
  let ranges: UnsafeMutablePointer<(first: Int, last: Int)>
  /// One key tile of keys and values, widened to floats.
  let keys: UnsafeMutablePointer<Float>
  let values: UnsafeMutablePointer<Float>

  /// Vectors that four rows take.
  let queryVectors: Int
  let outputVectors: Int
  private let byteCount: Int

  var scoreFloats: UnsafeMutablePointer<Float> {
    UnsafeMutableRawPointer(scores).assumingMemoryBound(to: Float.self)
  }

  init(_ problem: AttentionProblem, in block: UnsafeMutableRawPointer) {
    let rows = FewQueries.mostRows
    let lanes = Lanes.scalarCount
    let vectorBytes = 4 &* lanes
    let keyRows = FewQueries.tileKeys(problem)
    let queryRow = (problem.headSize &+ lanes &- 1) / lanes
    let valueRow = (problem.valueSize &+ lanes &- 1) / lanes
    queryVectors = 4 &* queryRow
    outputVectors = 4 &* valueRow
    var offset = 0
    func carve(_ bytes: Int) -> UnsafeMutableRawPointer {
      defer { offset &+= (bytes &+ 63) & ~63 }
      return block + offset
    }
    query = carve(rows &* queryRow &* vectorBytes).assumingMemoryBound(to: Lanes.self)
    output = carve(rows &* valueRow &* vectorBytes).assumingMemoryBound(to: Lanes.self)
    scores = carve(16 &* keyRows &+ vectorBytes).assumingMemoryBound(to: Lanes.self)
    transposer = LaneTransposer(
      rows: carve(lanes &* MemoryLayout<UnsafeRawPointer>.stride)
        .assumingMemoryBound(to: UnsafeMutableRawPointer.self),
      square: carve(lanes &* vectorBytes).assumingMemoryBound(to: Lanes.self))
    let longestRow = max(queryRow &* lanes, valueRow &* lanes, keyRows)
    modifier = carve(4 &* longestRow).assumingMemoryBound(to: Float.self)
    maximum = carve(4 &* rows).assumingMemoryBound(to: Float.self)
    sum = carve(4 &* rows).assumingMemoryBound(to: Float.self)
    rescale = carve(16).assumingMemoryBound(to: Float.self)
    ranges = carve(rows &* MemoryLayout<(first: Int, last: Int)>.stride)
      .assumingMemoryBound(to: (first: Int, last: Int).self)
    keys = carve(keyRows &* queryRow &* vectorBytes).assumingMemoryBound(to: Float.self)
    values = carve(keyRows &* valueRow &* vectorBytes).assumingMemoryBound(to: Float.self)
    byteCount = offset
  }

  /// The size of the whole in bytes; doesn't depend on the lengths.
  static func byteCount(_ problem: AttentionProblem) -> Int {
    withUnsafeTemporaryAllocation(byteCount: 64, alignment: 64) { bytes in
      // Pointers are only offset here, never followed.
      bytes.baseAddress.map { FewQueriesScratch(problem, in: $0).byteCount } ?? 0
    }
  }
}
