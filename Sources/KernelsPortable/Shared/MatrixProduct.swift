import KernelInterface

/// Products of matrices, in tiles of the result that stay in registers while they add up.
///
/// The right matrix is packed into panels a few vectors wide, so that a step of a tile reads neighbouring numbers; the left one is
/// read where it is. Every element is computed in one way, whatever the division of work.
enum MatrixProduct {
  static var panelColumns: Int { 3 &* Lanes.scalarCount }

  /// Steps of the sum that are added up in registers before the tile is written.
  private static let longestDepth = 1024
  /// Numbers of the right matrix that stay in the second-level cache while the rows of an item pass by; it holds twice as many,
  /// those that come next.
  private static let blockNumbers = 110_592

  /// The columns that packed panels have, in all.
  static func packedColumns(_ columns: Int) -> Int {
    (columns &+ Lanes.scalarCount &- 1) / Lanes.scalarCount &* Lanes.scalarCount
  }

  /// The depth of the parts that a sum of `depth` steps is made of.
  static func partDepth(_ depth: Int) -> Int {
    guard depth > longestDepth else { return max(depth, 1) }
    let parts = (depth &+ 767) / 768
    return (depth &+ parts &- 1) / parts
  }

  /// The columns that are multiplied at a time, whole panels.
  static func blockColumns(_ depth: Int) -> Int {
    max(1, blockNumbers / (partDepth(depth) &* panelColumns)) &* panelColumns
  }

  /// Besides an elementwise program's registers: panels of a block where the right matrix comes unpacked, and a tile.
  static func scratchBytes(_ problem: ProductProblem, _ item: ProductItem) -> Int {
    let panels =
      problem.panels == nil
      ? partDepth(problem.depth) &* min(packedColumns(item.columnCount), blockColumns(problem.depth)) : 0
    let strip = problem.suitsPairs ? PairedStrip.scratchNumbers(depth: partDepth(problem.depth)) : 0
    return 4 &* (panels &+ tileNumbers &+ strip) &+ ElementwiseStrip.scratchBytes
  }

  private static var tileNumbers: Int { ProductTile<ThreeVectors>.rows &* panelColumns }

  /// Computes one item of `problem`.
  static func multiply(_ problem: ProductProblem, _ item: ProductItem, scratch: UnsafeMutableRawPointer) {
    let registers = scratch
    let tile = (scratch + ElementwiseStrip.scratchBytes).assumingMemoryBound(to: Float.self)
    // Panels that are packed for an item, or a strip of rows for panels that were packed before.
    let packed = tile + tileNumbers
    let depthStep = partDepth(problem.depth)
    let columnStep = blockColumns(problem.depth)
    // Who works on the last rows is likely to go on with the next columns.
    let goesOn = item.firstRow &+ 2 &* item.rowCount >= problem.rows
    let end = item.firstColumn &+ item.columnCount
    var column = item.firstColumn
    while column < end {
      let columns = Swift.min(columnStep, end &- column)
      var step = 0
      repeat {
        let depth = Swift.min(depthStep, problem.depth &- step)
        var block = Block(problem, item, column: column, columns: columns, step: step, depth: depth, tile: tile)
        if problem.panels == nil {
          pack(problem.right, rows: step..<(step &+ depth), columns: column..<(column &+ columns), into: packed)
          block.usePanels(UnsafePointer(packed))
        } else if problem.suitsPairs, let pairs = problem.pairedColumns {
          let panel = column / panelColumns
          let part = step / depthStep
          let panelCount = (problem.columns &+ panelColumns &- 1) / panelColumns
          block.pairs = BlockPairs(
            strip: PairedStrip(depth: depthStep, scratch: packed), exponent: pairs.exponent,
            sums: pairs.sums + (part &* packedColumns(problem.columns) &+ column), steps: pairs.steps + step,
            isEven: UnsafeBufferPointer(
              start: pairs.isEven + (part &* panelCount &+ panel), count: columns / panelColumns))
        }
        let isLast = step &+ depth >= problem.depth
        if !isLast {
          block.comesBefore(column: column, step: step &+ depth, of: problem, item)
        } else if goesOn, column &+ columns < problem.columns {
          block.comesBefore(column: column &+ columns, step: 0, of: problem, item)
        } else if !goesOn, step > 0 {
          block.comesBefore(column: column, step: 0, of: problem, item)
        }
        var row = 0
        while row < item.rowCount {
          let rows = Swift.min(ProductTile<ThreeVectors>.rows, item.rowCount &- row)
          if isLast { bringOperands(problem, item.firstRow &+ row, rows, column, columns) }
          block.multiply(row: row, rows: rows, of: item.rowCount)
          if isLast, problem.instructions.count > 0 {
            finish(problem, item.firstRow &+ row, rows, column, columns, registers)
          }
          row &+= ProductTile<ThreeVectors>.rows
        }
        step &+= depthStep
      } while step < problem.depth
      column &+= columnStep
    }
  }

  /// Asks for what the epilogue of some rows of the target will read, which the product leaves the time to fetch.
  private static func bringOperands(_ problem: ProductProblem, _ row: Int, _ rows: Int, _ column: Int, _ columns: Int) {
    for operand in problem.operands where operand.rowStride != 0 && operand.columnStride == 1 {
      for index in 0..<rows {
        let base = UnsafeRawPointer(operand.base + ((row &+ index) &* operand.rowStride &+ column))
        var offset = 0
        while offset < 4 &* columns {
          prefetch(base + offset)
          offset &+= 64
        }
      }
    }
  }

  /// Runs the epilogue on some rows of the target.
  private static func finish(
    _ problem: ProductProblem, _ row: Int, _ rows: Int, _ column: Int, _ columns: Int,
    _ registers: UnsafeMutableRawPointer
  ) {
    let target = problem.target + (row &* problem.targetStride &+ column)
    withUnsafeTemporaryAllocation(of: StripOperand.self, capacity: problem.operands.count &+ 1) { operands in
      operands.initializeElement(
        at: 0, to: StripOperand(base: target, rowStride: problem.targetStride, columnStride: 1))
      for (index, operand) in problem.operands.enumerated() {
        var operand = operand
        operand.base += row &* operand.rowStride &+ column &* operand.columnStride
        operands.initializeElement(at: index &+ 1, to: operand)
      }
      ElementwiseRows.run(
        ElementwiseStrip(
          instructions: problem.instructions, operands: UnsafeBufferPointer(operands), target: target,
          targetStride: problem.targetStride, rows: rows, columns: columns),
        scratch: registers)
    }
  }

  /// What of a block may be added up two steps at a time.
  private struct BlockPairs {
    let strip: PairedStrip
    let exponent: Int
    /// Of each column of the block.
    let sums: UnsafePointer<Float>
    let steps: UnsafePointer<Float>
    /// Of each whole panel of the block.
    let isEven: UnsafeBufferPointer<Bool>
  }

  /// Some columns of an item, and some steps of their sums.
  private struct Block {
    let left: Matrix
    let target: UnsafeMutablePointer<Float>
    let targetStride: Int
    let columns: Int
    let depth: Int
    let accumulates: Bool
    let tile: UnsafeMutablePointer<Float>
    var pairs: BlockPairs?
    private var panels: UnsafePointer<Float>
    /// Numbers from one whole panel to the next.
    private var panelStride: Int
    /// Numbers to skip in a panel for each of its columns.
    private var skipped: Int
    /// Where the panels begin that will be multiplied next, and the step that their rows of the left matrix begin with.
    private var nextPanels: UnsafePointer<Float>?
    private var nextLeft: UnsafePointer<Float>

    init(
      _ problem: ProductProblem, _ item: ProductItem, column: Int, columns: Int, step: Int, depth: Int,
      tile: UnsafeMutablePointer<Float>
    ) {
      left = Matrix(
        base: problem.left.base
          + (item.firstRow &* problem.left.rowStride &+ step &* problem.left.columnStride),
        rowStride: problem.left.rowStride, columnStride: problem.left.columnStride)
      target = problem.target + (item.firstRow &* problem.targetStride &+ column)
      targetStride = problem.targetStride
      self.columns = columns
      self.depth = depth
      accumulates = step > 0
      self.tile = tile
      panels = (problem.panels ?? UnsafePointer(tile)) + (problem.panels == nil ? 0 : column &* problem.depth)
      panelStride = problem.depth &* panelColumns
      skipped = step
      nextLeft = left.base
    }

    /// Says which block the next one will probably be, with the same rows.
    mutating func comesBefore(column: Int, step: Int, of problem: ProductProblem, _ item: ProductItem) {
      guard let panels = problem.panels else { return }
      let width = Swift.min(panelColumns, packedColumns(problem.columns &- column))
      nextPanels = panels + (column &* problem.depth &+ step &* width)
      nextLeft = problem.left.base + (item.firstRow &* left.rowStride &+ step &* left.columnStride)
    }

    mutating func usePanels(_ packed: UnsafePointer<Float>) {
      panels = packed
      panelStride = depth &* panelColumns
      skipped = 0
    }

    /// Computes `rows` rows of the item's `count`.
    func multiply(row: Int, rows: Int, of count: Int) {
      let ahead = ahead(ofRow: row, rows: rows, of: count)
      var source = left
      source.base += row &* left.rowStride
      var panel = panels
      var column = 0
      let isPaired = isPaired(source, rows)
      while column < columns {
        let width = Swift.min(panelColumns, columns &- column)
        let vectors = (width &+ Lanes.scalarCount &- 1) / Lanes.scalarCount
        let place = target + (row &* targetStride &+ column)
        let isWhole = width == vectors &* Lanes.scalarCount
        if !isWhole && accumulates { copy(place, targetStride, to: tile, panelColumns, rows, width) }
        let (result, stride) = isWhole ? (place, targetStride) : (tile, panelColumns)
        let ahead = ahead.part(column / panelColumns, panelStride: panelStride)
        let start = panel + skipped &* (vectors &* Lanes.scalarCount)
        if isPaired, let pairs, isWhole, vectors == 3, pairs.isEven[column / panelColumns] {
          ProductTile<ThreeVectors>.multiply(
            pairs.strip, depth: depth, panel: start, pairSums: pairs.sums + column, target: result,
            targetStride: stride, accumulates: accumulates, ahead: ahead)
        } else {
          switch vectors {
          case 1: tile(OneVector.self, source, rows, start, result, stride, ahead)
          case 2: tile(TwoVectors.self, source, rows, start, result, stride, ahead)
          default: tile(ThreeVectors.self, source, rows, start, result, stride, ahead)
          }
        }
        if !isWhole { copy(tile, panelColumns, to: place, targetStride, rows, width) }
        panel += panelStride
        column &+= panelColumns
      }
    }

    /// Whether some rows may be added up two steps at a time; then the strip has them.
    private func isPaired(_ source: Matrix, _ rows: Int) -> Bool {
      guard let pairs, rows == PairedStrip.rows, pairs.isEven.contains(true) else { return false }
      return pairs.strip.copy(source, depth: depth, exponent: pairs.exponent, steps: pairs.steps)
    }

    /// What the tiles of a strip ask for: all that comes next of the left matrix, and as much of each panel as is due.
    private func ahead(ofRow row: Int, rows: Int, of count: Int) -> Ahead {
      let strip = ProductTile<ThreeVectors>.rows
      let panelCount = (columns &+ panelColumns &- 1) / panelColumns
      let nextRows = row &+ strip < count ? left.base + (row &+ strip) &* left.rowStride : nextLeft
      let numbers = depth &* panelColumns
      return Ahead(
        left: nextRows, leftStride: left.rowStride,
        leftRows: left.columnStride == 1 ? (strip &+ panelCount &- 1) / panelCount : 0,
        panel: (nextPanels ?? panels) + numbers / count &* row,
        panelNumbers: nextPanels == nil ? 0 : numbers &* rows / count,
        depth: depth)
    }

    @inline(__always)
    private func tile<Row: PanelRow>(
      _: Row.Type, _ source: Matrix, _ rows: Int, _ panel: UnsafePointer<Float>, _ result: UnsafeMutablePointer<Float>,
      _ stride: Int, _ ahead: Ahead
    ) {
      ProductTile<Row>.multiply(
        source, rows: rows, depth: depth, panel: panel, target: result, targetStride: stride, accumulates: accumulates,
        ahead: ahead)
    }

    private func copy(
      _ source: UnsafeMutablePointer<Float>, _ sourceStride: Int, to target: UnsafeMutablePointer<Float>,
      _ targetStride: Int, _ rows: Int, _ columns: Int
    ) {
      for row in 0..<rows {
        for column in 0..<columns { target[row &* targetStride &+ column] = source[row &* sourceStride &+ column] }
      }
    }
  }

  /// Writes the panels of a part of `right`; zeros past the last column, up to whole vectors.
  static func pack(
    _ right: StridedMatrix, rows: Range<Int>, columns: Range<Int>, into panels: UnsafeMutablePointer<Float>
  ) {
    var panel = panels
    var column = columns.lowerBound
    while column < columns.upperBound {
      let width = Swift.min(panelColumns, columns.upperBound &- column)
      let packed = packedColumns(width)
      var part = right
      part.base += rows.lowerBound &* right.rowStride &+ column &* right.columnStride
      PanelPacking.pack(part, rows: rows.count, columns: width, into: panel, stride: packed)
      panel += rows.count &* packed
      column &+= panelColumns
    }
  }
}
