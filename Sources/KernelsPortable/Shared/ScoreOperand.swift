import KernelInterface

/// A bias or a mask as seen by one work item.
struct ScoreOperand {
  /// All rows of the item read the same numbers.
  let isShared: Bool
  /// Nil for booleans.
  private let element: KernelElement?
  private let operand: ResolvedOperand
  private let base: UnsafeRawPointer
  private let elementBytes: Int

  /// - Parameter element: How the numbers are stored, nil for booleans.
  init(_ operand: ResolvedOperand, _ element: KernelElement?, _ problem: AttentionProblem, _ item: AttentionItem) {
    self.operand = operand
    self.element = element
    elementBytes = element?.byteCount ?? 1
    base = operand.base + item.batch &* operand.batchStride &* elementBytes
    let staysInHead =
      item.firstRow / problem.queryLength == (item.firstRow &+ item.rowCount &- 1) / problem.queryLength
    isShared = (operand.rowStride == 0 || item.rowCount == 1) && (staysInHead || operand.headStride == 0)
  }

  private func address(_ position: RowPosition, key: Int) -> UnsafeRawPointer {
    let offset =
      position.head &* operand.headStride &+ position.query &* operand.rowStride &+ key &* operand.columnStride
    return base + offset &* elementBytes
  }

  /// Copies the numbers for a tile in its layout, or with ``isShared`` one number per key.
  func copy(in tile: PanelTile, of queries: QueryTile, to target: UnsafeMutablePointer<Lanes>) {
    let positions = queries.scratch.positions + tile.panel &* panelRows
    guard !isShared else {
      let floats = UnsafeMutableRawPointer(target).assumingMemoryBound(to: Float.self)
      return copyWidening(
        from: address(positions[0], key: tile.firstKey), element, stride: operand.columnStride, count: tile.count,
        to: floats)
    }
    let transposer = queries.scratch.transposer
    for vector in 0..<tile.vectors {
      for lane in 0..<Lanes.scalarCount {
        let address = address(positions[vector &* Lanes.scalarCount &+ lane], key: tile.firstKey)
        transposer.rows[lane] = UnsafeMutableRawPointer(mutating: address)
      }
      transposer.load(
        element, stride: operand.columnStride, count: tile.count, to: target + vector, vectors: tile.vectors)
    }
  }

  /// Copies one row's numbers for some keys.
  func copyRow(_ position: RowPosition, firstKey: Int, count: Int, to target: UnsafeMutablePointer<Float>) {
    copyWidening(
      from: address(position, key: firstKey), element, stride: operand.columnStride, count: count, to: target)
  }

  /// Whether the tile's numbers are all `value`.
  func holdsOnly(_ value: Float, in tile: PanelTile, of queries: QueryTile) -> Bool {
    let positions = queries.scratch.positions + tile.panel &* panelRows
    let rows = isShared ? 1 : tile.vectors &* Lanes.scalarCount
    var row = 0
    while row < rows {
      let start = address(positions[row], key: tile.firstKey)
      guard isUniform(value, at: start, element, stride: operand.columnStride, count: tile.count) else { return false }
      row &+= 1
    }
    return true
  }
}
