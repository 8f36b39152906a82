import KernelInterface
import Testing

@testable import Kernels

struct MaskScanTests {
  /// The state of every block is what its bytes say, for lengths that blocks and words don't divide, and for keys that
  /// lie apart.
  @Test(arguments: [1, 7, 8, 31, 32, 100], [1, 3])
  func statesAreThoseOfTheBytes(_ keys: Int, _ stride: Int) throws {
    let queries = 35
    var generator = SplitMix(state: UInt64(keys * stride))
    // Blocks of one kind, and some with a single byte of the other.
    var bytes = [UInt8](repeating: 0, count: queries * keys * stride)
    for query in 0..<queries {
      for key in 0..<keys {
        let isOpen = (query / MaskStates.queries + key / MaskStates.keys).isMultiple(of: 2)
        let isOdd = generator.next() % 300 == 0
        bytes[(query * keys + key) * stride] = isOpen == isOdd ? 0 : UInt8(1 + generator.next() % 255)
      }
    }
    var run = KernelRun()
    run.shape = AttentionShape(queryHeads: 1, keyHeads: 1, queryLength: queries, keyLength: keys)
    try bytes.withUnsafeBytes { memory in
      let base = try #require(memory.baseAddress)
      let mask = BooleanBuffer(
        base: base, byteCount: memory.count, strides: Strides(batch: 0, head: 0, row: keys * stride, column: stride))
      let scan = try run.withArguments(of: run.inputs) { arguments, _ in
        MaskScan(.mask(mask), of: arguments, on: KernelRun.pool)
      }
      var hidden = [Bool](repeating: false, count: keys)
      for query in 0..<queries {
        let block = query / MaskStates.queries * MaskStates.queries
        for first in Swift.stride(from: 0, to: keys, by: MaskStates.keys) {
          var expected: UInt8 = 0
          for row in block..<min(block + MaskStates.queries, queries) {
            for key in first..<min(first + MaskStates.keys, keys) {
              expected |= bytes[(row * keys + key) * stride] == 0 ? MaskStates.hides : MaskStates.keeps
            }
          }
          #expect(scan.states.state(batch: 0, head: 0, query: query, firstKey: first, count: 1) == expected)
          guard expected == MaskStates.hides else { continue }
          for key in first..<min(first + MaskStates.keys, keys) { hidden[key] = true }
        }
      }
      #expect(scan.hiddenKeys.flatMap { Array($0) } == hidden.indices.filter { hidden[$0] })
    }
  }
}
