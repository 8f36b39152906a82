import KernelInterface
import Testing

@testable import Kernels

/// How an attention is cut into items.
struct WorkDivisionTests {
  /// Every row of every head is in exactly one item, and items of less than half the usual rows come last.
  @Test(arguments: [1, 12, 47, 48, 49, 60, 96, 97, 110, 150, 577, 2048], [1, 2, 4])
  func itemsCoverAllRows(_ queries: Int, _ workers: Int) throws {
    for keyHeads in [1, 2, 4] {
      var run = KernelRun()
      run.shape = AttentionShape(
        batch: 2, queryHeads: 4, keyHeads: keyHeads, queryLength: queries, keyLength: 1, headSize: 1, valueSize: 1)
      let division = try run.withArguments(of: run.inputs) { arguments, _ in
        WorkDivision(arguments, tiles: AttentionTiles(queryRows: 288, keys: 128), panelRows: 48, workers: workers)
      }
      let items = (0..<division.count).map { division.item(at: $0) }
      var counts = [Int](repeating: 0, count: 2 * 4 * queries)
      for item in items {
        #expect(item.rowCount > 0 && item.rowCount <= division.largestItem)
        for row in item.firstRow..<item.firstRow + item.rowCount {
          let head = item.firstHead + row / queries
          #expect(head / (4 / keyHeads) == item.keyHead)
          counts[(item.batch * 4 + head) * queries + row % queries] += 1
        }
      }
      #expect(counts.allSatisfy { $0 == 1 })
      let isShort = items.map { 2 * $0.rowCount < division.largestItem }
      #expect(isShort == isShort.sorted { !$0 && $1 })
    }
  }
}
