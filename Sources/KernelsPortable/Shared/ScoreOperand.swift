import KernelInterface

/// A bias or a mask as seen by one work item.
struct ScoreOperand {
  let operand: ResolvedOperand
  /// All rows of the item read the same numbers.
  let isShared: Bool
  private let base: UnsafeRawPointer

  init(_ operand: ResolvedOperand, elementBytes: Int, _ problem: AttentionProblem, _ item: AttentionItem) {
    self.operand = operand
    base = operand.base + item.batch &* operand.batchStride &* elementBytes
    let staysInHead =
      item.firstRow / problem.queryLength == (item.firstRow &+ item.rowCount &- 1) / problem.queryLength
    isShared = (operand.rowStride == 0 || item.rowCount == 1) && (staysInHead || operand.headStride == 0)
  }

  /// The element for `key` of a row, in elements from the start of the batch.
  private func offset(head: Int, query: Int, key: Int) -> Int {
    head &* operand.headStride &+ query &* operand.rowStride &+ key &* operand.columnStride
  }

  /// Copies the floats for `keys` of a panel's rows to the tile's layout: `vectors` vectors a key.
  func copyFloats(in tile: PanelTile, of queries: QueryTile, to target: UnsafeMutablePointer<Lanes>) {
    let floats = UnsafeMutableRawPointer(target).assumingMemoryBound(to: Float.self)
    let width = isShared ? 1 : tile.vectors &* Lanes.scalarCount
    for lane in 0..<width {
      let (head, query) = queries.position(ofRow: tile.panel &* panelRows &+ lane)
      copyWidening(
        from: base + offset(head: head, query: query, key: tile.firstKey) &* operand.element.byteCount, operand.element,
        stride: operand.columnStride, count: tile.count, to: floats + lane, targetStride: width)
    }
  }

  /// Copies a mask's bytes in the same layout, as 1 where the score is kept and 0 elsewhere.
  func copyBytes(in tile: PanelTile, of queries: QueryTile, to target: UnsafeMutablePointer<Lanes>) {
    let floats = UnsafeMutableRawPointer(target).assumingMemoryBound(to: Float.self)
    let width = isShared ? 1 : tile.vectors &* Lanes.scalarCount
    for lane in 0..<width {
      let (head, query) = queries.position(ofRow: tile.panel &* panelRows &+ lane)
      let bytes = (base + offset(head: head, query: query, key: tile.firstKey)).assumingMemoryBound(to: UInt8.self)
      var index = 0
      while index < tile.count {
        floats[index &* width &+ lane] = bytes[index &* operand.columnStride] == 0 ? 0 : 1
        index &+= 1
      }
    }
  }

  /// Whether a mask hides all of these keys from every row of the panel.
  func hidesEverything(in tile: PanelTile, of queries: QueryTile) -> Bool {
    forEachRow(of: tile, in: queries) { head, query in
      let bytes = (base + offset(head: head, query: query, key: tile.firstKey)).assumingMemoryBound(to: UInt8.self)
      var index = 0
      while index < tile.count {
        if bytes[index &* operand.columnStride] != 0 { return false }
        index &+= 1
      }
      return true
    }
  }

  /// Whether a bias is −∞ for all of these keys and every row of the panel.
  func isNegativeInfinity(in tile: PanelTile, of queries: QueryTile) -> Bool {
    let size = operand.element.byteCount
    return forEachRow(of: tile, in: queries) { head, query in
      var address = base + offset(head: head, query: query, key: tile.firstKey) &* size
      var number: Float = 0
      var index = 0
      while index < tile.count {
        copyWidening(from: address, operand.element, stride: 1, count: 1, to: &number, targetStride: 1)
        if number != -Float.infinity { return false }
        address += operand.columnStride &* size
        index &+= 1
      }
      return true
    }
  }

  /// Whether `condition` holds for every row that differs from the others.
  @inline(__always)
  private func forEachRow(
    of tile: PanelTile, in queries: QueryTile, _ condition: (_ head: Int, _ query: Int) -> Bool
  ) -> Bool {
    let lanes = isShared ? 1 : tile.vectors &* Lanes.scalarCount
    for lane in 0..<lanes {
      let (head, query) = queries.position(ofRow: tile.panel &* panelRows &+ lane)
      if !condition(head, query) { return false }
    }
    return true
  }
}
