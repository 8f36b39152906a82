/// What each block of a mask or a bias holds, found once and shared by all heads and rows that it is broadcast to.
package struct MaskStates: @unchecked Sendable {
  /// Bits of a block's state: it hides some key from some query; it keeps one as it is; it changes one otherwise.
  ///
  /// A bias keeps where it is 0, and hides where it is `leastHiding` or less, unless the scores are that large.
  package static let hides: UInt8 = 1
  package static let keeps: UInt8 = 2
  package static let changes: UInt8 = 4
  /// What is known of a block that nobody looked at.
  package static let anything = hides | keeps | changes
  /// Above the numbers that models add to hide keys, of which the largest in use is −10,000.
  package static let leastHiding: Float = -9000
  /// The queries and keys of a block.
  package static let queries = 16
  package static let keys = 32

  /// One state a block, those along the keys next to each other.
  package let states: UnsafePointer<UInt8>
  /// From one batch entry, head or row of blocks to the next; 0 where all read the same.
  package let batchStride: Int
  package let headStride: Int
  package let rowStride: Int
  /// From one block of keys to the next; 0 where all keys read the same number.
  package let keyStride: Int

  package init(states: UnsafePointer<UInt8>, batchStride: Int, headStride: Int, rowStride: Int, keyStride: Int) {
    self.states = states
    self.batchStride = batchStride
    self.headStride = headStride
    self.rowStride = rowStride
    self.keyStride = keyStride
  }

  /// The bits of all blocks that hold one of the keys `firstKey ..< firstKey + count` of a query.
  package func state(batch: Int, head: Int, query: Int, firstKey: Int, count: Int) -> UInt8 {
    let row = states + (batch &* batchStride &+ head &* headStride &+ query / Self.queries &* rowStride)
    var state: UInt8 = 0
    for block in firstKey / Self.keys...(firstKey &+ count &- 1) / Self.keys { state |= row[block &* keyStride] }
    return state
  }
}
