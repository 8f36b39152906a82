import KernelInterface
import KernelsPortable

/// What a scan looks through: a boolean mask or an additive bias.
enum ScannedOperand: Sendable {
  case mask(BooleanBuffer)
  case bias(StridedBuffer)

  var strides: Strides {
    switch self {
    case .mask(let mask): mask.strides
    case .bias(let bias): bias.strides
    }
  }
}

/// The memory of ``MaskStates``, filled by reading a mask or a bias once; attentions with the same can share it.
package final class MaskScan: @unchecked Sendable {
  /// How far an operand reaches, axes along which it is broadcast counting as 1.
  private struct Sizes: Equatable {
    let batch: Int
    let heads: Int
    let queries: Int
    let keys: Int

    init(_ strides: Strides, of arguments: FlashAttentionArguments) {
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
  /// The keys of blocks that are hidden from some block of queries.
  private(set) var hiddenKeys: [Range<Int>] = []

  /// Reads an operand of an attention on the threads of `pool`; axes along which it is broadcast are read once.
  init(_ operand: ScannedOperand, of arguments: FlashAttentionArguments, on pool: WorkerPool) {
    sizes = Sizes(operand.strides, of: arguments)
    rowBlocks = (sizes.queries + MaskStates.queries - 1) / MaskStates.queries
    keyBlocks = (sizes.keys + MaskStates.keys - 1) / MaskStates.keys
    let rows = sizes.batch * sizes.heads * rowBlocks
    storage = .allocate(capacity: max(rows * keyBlocks, 1))
    pool.run(count: rows) { self.scan($0, of: operand) }
    hiddenKeys = findHiddenKeys(rows: rows, of: arguments.keyLength)
  }

  private func findHiddenKeys(rows: Int, of keyLength: Int) -> [Range<Int>] {
    var ranges: [Range<Int>] = []
    for block in 0..<keyBlocks {
      let isHidden = (0..<rows).contains { storage[$0 * keyBlocks + block] == MaskStates.hides }
      guard isHidden else { continue }
      let first = block * MaskStates.keys
      let last = sizes.keys == 1 ? keyLength : min(first + MaskStates.keys, keyLength)
      if let previous = ranges.last, previous.upperBound == first {
        ranges[ranges.count - 1] = previous.lowerBound..<last
      } else {
        ranges.append(first..<last)
      }
    }
    return ranges
  }

  deinit {
    storage.deallocate()
  }

  /// Whether it is as large as an operand of an attention; whoever shares it has to know that the contents are the same.
  func fits(_ operand: ScannedOperand, of arguments: FlashAttentionArguments) -> Bool {
    sizes == Sizes(operand.strides, of: arguments)
  }

  var states: MaskStates {
    let perHead = rowBlocks * keyBlocks
    return MaskStates(
      states: storage,
      batchStride: sizes.batch == 1 ? 0 : sizes.heads * perHead, headStride: sizes.heads == 1 ? 0 : perHead,
      rowStride: sizes.queries == 1 ? 0 : keyBlocks, keyStride: sizes.keys == 1 ? 0 : 1)
  }

  /// Sets the states of a row of blocks.
  private func scan(_ row: Int, of operand: ScannedOperand) {
    let (head, rowBlock) = row.quotientAndRemainder(dividingBy: rowBlocks)
    let strides = operand.strides
    let firstQuery = rowBlock * MaskStates.queries
    let lastQuery = min(firstQuery + MaskStates.queries, sizes.queries)
    let start = head / sizes.heads * strides.batch + head % sizes.heads * strides.head
    for keyBlock in 0..<keyBlocks {
      let first = keyBlock * MaskStates.keys
      let count = min(MaskStates.keys, sizes.keys - first)
      var state: UInt8 = 0
      // Blocks that are neither wholly hidden nor wholly kept are all alike.
      for query in firstQuery..<lastQuery where state & (state &- 1) == 0 && state != MaskStates.changes {
        let offset = start + query * strides.row + first * strides.column
        switch operand {
        case .mask(let mask): state |= Self.state(of: mask.base + offset, count, stride: strides.column)
        case .bias(let bias): state |= bias.state(at: offset, count)
        }
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

extension StridedBuffer {
  /// The state of `count` numbers of a bias along its columns.
  fileprivate func state(at offset: Int, _ count: Int) -> UInt8 {
    switch element {
    case .float32: state(at: offset, count, of: UInt32.self) { Float(bitPattern: $0) }
    case .bfloat16: state(at: offset, count, of: UInt16.self) { Float(bitPattern: UInt32($0) << 16) }
    case .float16: state(at: offset, count, of: UInt16.self) { float(fromFloat16: $0) }
    case .float64: MaskStates.anything
    }
  }

  @inline(__always)
  private func state<Bits: FixedWidthInteger>(
    at offset: Int, _ count: Int, of _: Bits.Type, _ number: (Bits) -> Float
  ) -> UInt8 {
    var state: UInt8 = 0
    for index in 0..<count {
      let byte = (offset + index * strides.column) * MemoryLayout<Bits>.size
      let number = number(base.loadUnaligned(fromByteOffset: byte, as: Bits.self))
      // NaN is neither.
      state |=
        number == 0 ? MaskStates.keeps : number <= MaskStates.leastHiding ? MaskStates.hides : MaskStates.changes
    }
    return state
  }
}
