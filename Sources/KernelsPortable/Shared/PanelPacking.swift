import KernelInterface

/// Copies of parts of a matrix as rows of whole vectors.
enum PanelPacking {
  /// Writes `rows` rows of `columns` numbers, `stride` apart, with zeros after the last column up to the stride.
  @inline(never)
  static func pack(
    _ matrix: StridedMatrix, rows: Int, columns: Int, into target: UnsafeMutablePointer<Float>, stride: Int
  ) {
    if matrix.columnStride == 1 {
      for row in 0..<rows {
        let source = matrix.base + row &* matrix.rowStride
        var column = 0
        while column < stride {
          let width = Swift.min(Lanes.scalarCount, columns &- column)
          store(load(source + column, width), to: target + (row &* stride &+ column), Lanes.scalarCount)
          column &+= Lanes.scalarCount
        }
      }
    } else if matrix.rowStride == 1 {
      var column = 0
      while column < stride {
        packTransposed(matrix, rows: rows, column: column, columns: columns, into: target + column, stride: stride)
        column &+= Lanes.scalarCount
      }
    } else {
      for row in 0..<rows {
        for column in 0..<stride {
          target[row &* stride &+ column] =
            column < columns ? number(at: matrix.base + (row &* matrix.rowStride &+ column &* matrix.columnStride)) : 0
        }
      }
    }
  }

  /// One vector of columns of a matrix that lies column by column, a square at a time.
  private static func packTransposed(
    _ matrix: StridedMatrix, rows: Int, column: Int, columns: Int, into target: UnsafeMutablePointer<Float>, stride: Int
  ) {
    withAlignedLanes(Lanes.scalarCount) { base in
      var row = 0
      while row < rows {
        let height = Swift.min(Lanes.scalarCount, rows &- row)
        for index in 0..<Lanes.scalarCount {
          base[index] =
            column &+ index < columns
            ? load(matrix.base + ((column &+ index) &* matrix.columnStride &+ row), height) : Lanes(repeating: 0)
        }
        transpose(base)
        for index in 0..<height { store(base[index], to: target + (row &+ index) &* stride, Lanes.scalarCount) }
        row &+= Lanes.scalarCount
      }
    }
  }
}

/// Calls `body` with room for `count` vectors at an address that is a multiple of their size.
@inline(__always)
func withAlignedLanes(_ count: Int, _ body: (UnsafeMutablePointer<Lanes>) -> Void) {
  let size = MemoryLayout<Lanes>.size
  withUnsafeTemporaryAllocation(byteCount: count &* size, alignment: size) { bytes in
    if let base = bytes.baseAddress { body(base.assumingMemoryBound(to: Lanes.self)) }
  }
}
