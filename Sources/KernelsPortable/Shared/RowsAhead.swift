import KernelInterface

/// Rows whose memory is asked for while something else is computed, some at a time: many requests at once would keep what
/// is computed waiting.
struct RowsAhead {
  private var address: UnsafeRawPointer
  private let stride: Int
  private let rowBytes: Int
  private let isForWriting: Bool
  private var remaining: Int
  private let rowsAtOnce: Int

  /// - Parameters:
  ///   - address: Where the first row begins; rows whose elements lie apart are not asked for.
  ///   - steps: In how many steps all are asked for.
  init(
    _ operand: ResolvedOperand, columns: Int, at address: UnsafeRawPointer, count: Int, steps: Int,
    isForWriting: Bool = false
  ) {
    self.address = address
    stride = operand.rowStride &* operand.elementBytes
    rowBytes = columns &* operand.elementBytes
    remaining = operand.columnStride == 1 ? count : 0
    rowsAtOnce = (count &+ steps &- 1) / steps
    self.isForWriting = isForWriting
  }

  /// Asks for the next rows.
  @inline(__always)
  mutating func bring() { bring(rowsAtOnce) }

  /// Asks for all that remain.
  mutating func bringAll() { bring(remaining) }

  @inline(__always)
  private mutating func bring(_ most: Int) {
    let cacheLine = 64
    let count = min(most, remaining)
    remaining &-= count
    for _ in 0..<count {
      var offset = 0
      while offset < rowBytes {
        if isForWriting { prefetchForWriting(address + offset) } else { prefetch(address + offset) }
        offset &+= cacheLine
      }
      address += stride
    }
  }
}

/// What a panel asks for while it works on one tile of keys.
struct TileAhead {
  /// Its share of the next tile.
  var keys: RowsAhead?
  var values: RowsAhead?
  /// The next panel's queries.
  var queries: RowsAhead?
  /// A part of the output's rows that the panel will write.
  var output: RowsAhead?

  /// Not part of the products that call it, which have to be kept small for what they call to be.
  @inline(never)
  mutating func bring() {
    keys?.bring()
    values?.bring()
    queries?.bring()
    output?.bring()
  }

  mutating func bringAll() {
    keys?.bringAll()
    values?.bringAll()
    queries?.bringAll()
    output?.bringAll()
  }
}
