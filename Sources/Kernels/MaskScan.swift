import KernelInterface

/// The memory of ``MaskStates``, filled by reading a mask once; attentions with the same mask can share it.
package final class MaskScan: @unchecked Sendable {
  /// How far a mask reaches, axes along which it is broadcast counting as 1.
  private struct Sizes: Equatable {
    let batch: Int
    let heads: Int
    let queries: Int
    let keys: Int

    init(_ mask: BooleanBuffer, of arguments: FlashAttentionArguments) {
      let strides = mask.strides
      batch = strides.batch == 0 ? 1 : arguments.batch
      heads = strides.head == 0 ? 1 : arguments.queryHeads
      queries = strides.row == 0 ? 1 : arguments.queryLength
      keys = strides.column == 0 ? 1 : arguments.keyLength
    }
  }

  private let storage: UnsafeMutablePointer<UInt8>
  private let sizes: Sizes
  private let rowBlocks: Int
  private let keyBlocks: Int

  /// Reads the mask of an attention on the threads of `pool`; axes along which it is broadcast are read once.
  init(_ mask: BooleanBuffer, of arguments: FlashAttentionArguments, on pool: WorkerPool) {
    sizes = Sizes(mask, of: arguments)
    rowBlocks = (sizes.queries + MaskStates.queries - 1) / MaskStates.queries
    keyBlocks = (sizes.keys + MaskStates.keys - 1) / MaskStates.keys
    let rows = sizes.batch * sizes.heads * rowBlocks
    storage = .allocate(capacity: max(rows * keyBlocks, 1))
    pool.run(count: rows) { self.scan($0, of: mask) }
  }

  /// Whether it is as large as the mask of an attention; whoever shares it has to know that the contents are the same.
  func fits(_ mask: BooleanBuffer, of arguments: FlashAttentionArguments) -> Bool {
    sizes == Sizes(mask, of: arguments)
  }

  deinit {
    storage.deallocate()
  }

  var states: MaskStates {
    let perHead = rowBlocks * keyBlocks
    return MaskStates(
      states: storage,
      batchStride: sizes.batch == 1 ? 0 : sizes.heads * perHead, headStride: sizes.heads == 1 ? 0 : perHead,
      rowStride: sizes.queries == 1 ? 0 : keyBlocks, keyStride: sizes.keys == 1 ? 0 : 1)
  }

  /// Sets the states of a row of blocks.
  private func scan(_ row: Int, of mask: BooleanBuffer) {
    let (head, rowBlock) = row.quotientAndRemainder(dividingBy: rowBlocks)
    let strides = mask.strides
    let firstQuery = rowBlock * MaskStates.queries
    let lastQuery = min(firstQuery + MaskStates.queries, sizes.queries)
    let base = mask.base + head / sizes.heads * strides.batch + head % sizes.heads * strides.head
    for keyBlock in 0..<keyBlocks {
      let first = keyBlock * MaskStates.keys
      let count = min(MaskStates.keys, sizes.keys - first)
      var state: UInt8 = 0
      for query in firstQuery..<lastQuery where state != MaskStates.hides | MaskStates.keeps {
        state |= Self.state(of: base + (query * strides.row + first * strides.column), count, stride: strides.column)
      }
      storage[row * keyBlocks + keyBlock] = state
    }
  }

  /// The state of `count` bytes that lie `stride` apart.
  private static func state(of address: UnsafeRawPointer, _ count: Int, stride: Int) -> UInt8 {
    var state: UInt8 = 0
    var index = 0
    if stride == 1 {
      let lowBits: UInt64 = 0x0101_0101_0101_0101
      while index + 8 <= count {
        let bytes = address.loadUnaligned(fromByteOffset: index, as: UInt64.self)
        if bytes != 0 { state |= MaskStates.keeps }
        // Nonzero exactly if some byte is 0, whose top bit the subtraction borrows.
        if (bytes &- lowBits) & ~bytes & (lowBits &<< 7) != 0 { state |= MaskStates.hides }
        index += 8
      }
    }
    while index < count {
      let byte = address.load(fromByteOffset: index * stride, as: UInt8.self)
      state |= byte == 0 ? MaskStates.hides : MaskStates.keeps
      index += 1
    }
    return state
  }
}
