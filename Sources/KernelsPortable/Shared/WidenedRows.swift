import KernelInterface

/// Copies of some rows of keys or values as floats, for what can't be read where it lies: other element types, misaligned
/// numbers, and where lanes go along features, rows whose numbers lie apart, as those of a transposed matrix do.
struct WidenedRows {
  let operand: ResolvedOperand
  let columns: Int

  /// Numbers of a copied row: whole vectors.
  static func stride(columns: Int) -> Int {
    (columns &+ Lanes.scalarCount &- 1) / Lanes.scalarCount &* Lanes.scalarCount
  }

  /// Copies rows `first ..< first + count`; what a row has past its last column is unspecified.
  func copy(
    batch: Int, head: Int, first: Int, count: Int, to target: UnsafeMutablePointer<Float>, by transposer: LaneTransposer
  ) {
    let stride = WidenedRows.stride(columns: columns)
    let base = operand.address(batch: batch, head: head, row: first)
    guard operand.rowStride == 1, operand.columnStride != 1, count > 1 else {
      for row in 0..<count {
        copyWidening(
          from: base + row &* operand.rowStride &* operand.elementBytes, operand.element,
          stride: operand.columnStride, count: columns, to: target + row &* stride)
      }
      return
    }
    // Columns lie one after another: they are read as they lie, as many at a time as a vector of a row holds.
    let vectors = stride / Lanes.scalarCount
    let lanes = UnsafeMutableRawPointer(target).assumingMemoryBound(to: Lanes.self)
    for vector in 0..<vectors {
      for lane in 0..<Lanes.scalarCount {
        let column = min(vector &* Lanes.scalarCount &+ lane, columns &- 1)
        transposer.rows[lane] = UnsafeMutableRawPointer(
          mutating: base + column &* operand.columnStride &* operand.elementBytes)
      }
      transposer.load(operand.element, stride: 1, count: count, to: lanes + vector, vectors: vectors)
    }
  }
}
