/// A matrix somewhere in memory, with any strides.
package struct StridedMatrix: @unchecked Sendable {
  package var base: UnsafePointer<Float>
  package var rowStride: Int
  package var columnStride: Int

  package init(base: UnsafePointer<Float>, rowStride: Int, columnStride: Int) {
    self.base = base
    self.rowStride = rowStride
    self.columnStride = columnStride
  }
}

/// `target = epilogue(left · right)` for matrices whose bounds were checked before.
package struct ProductProblem: @unchecked Sendable {
  /// `[rows, depth]`
  package var left: StridedMatrix
  /// `[depth, columns]`, not read where there are `panels`.
  package var right: StridedMatrix
  /// The right matrix in the layout of ``KernelTable/pack``, or nil.
  package var panels: UnsafePointer<Float>?
  /// For each two panels that follow each other, whether their columns are even (``StrassenPairs``); nil where that is not known.
  package var evenPanels: UnsafePointer<Bool>?
  package var target: UnsafeMutablePointer<Float>
  package var targetStride: Int
  package var rows: Int
  package var columns: Int
  package var depth: Int
  /// What is done with the product while it is in the caches; its first operand is the product itself, and the bases and strides
  /// of the others are those of the whole target.
  package var instructions: UnsafeBufferPointer<ElementwiseInstruction>
  package var operands: UnsafeBufferPointer<StripOperand>

  package init(
    left: StridedMatrix, right: StridedMatrix, panels: UnsafePointer<Float>?, evenPanels: UnsafePointer<Bool>? = nil,
    target: UnsafeMutablePointer<Float>, targetStride: Int, rows: Int, columns: Int, depth: Int,
    instructions: UnsafeBufferPointer<ElementwiseInstruction> = .init(start: nil, count: 0),
    operands: UnsafeBufferPointer<StripOperand> = .init(start: nil, count: 0)
  ) {
    self.left = left
    self.right = right
    self.panels = panels
    self.evenPanels = evenPanels
    self.target = target
    self.targetStride = targetStride
    self.rows = rows
    self.columns = columns
    self.depth = depth
    self.instructions = instructions
    self.operands = operands
  }
}

/// The part of a product's target that is computed at a time. Its first column is a multiple of a panel's.
package struct ProductItem: Sendable {
  package var firstRow: Int
  package var rowCount: Int
  package var firstColumn: Int
  package var columnCount: Int
  /// Whether Strassen's algorithm computes what is even (``StrassenPairs``) of it. Its first row and column then begin pairs.
  package var isPaired: Bool

  package init(firstRow: Int, rowCount: Int, firstColumn: Int, columnCount: Int, isPaired: Bool = false) {
    self.firstRow = firstRow
    self.rowCount = rowCount
    self.firstColumn = firstColumn
    self.columnCount = columnCount
    self.isPaired = isPaired
  }
}

/// Matrix products as compiled for one instruction set.
package struct ProductKernels: Sendable {
  /// Columns of a panel of the right matrix. The last panel is as wide as whole vectors need.
  package let panelColumns: Int
  /// Rows that are multiplied at once.
  package let tileRows: Int
  /// Columns that are multiplied at a time, given the depth; whole panels.
  package let blockColumns: @Sendable (_ depth: Int) -> Int
  /// The columns that packed panels have for a matrix with this many.
  package let packedColumns: @Sendable (_ columns: Int) -> Int
  /// Writes panels: for each, `depth` rows of its columns, zeros past the last column.
  package let pack:
    @Sendable (_ right: StridedMatrix, _ depth: Int, _ columns: Int, _ panels: UnsafeMutablePointer<Float>) -> Void
  /// Writes the range of each column of a panel, as many as it has with the zeros up to whole vectors.
  package let ranges:
    @Sendable (
      _ panel: UnsafePointer<Float>, _ depth: Int, _ columns: Int, _ ranges: UnsafeMutablePointer<MagnitudeRange>
    ) -> Void
  /// The scratch that `multiply` needs for an item.
  package let scratchBytes: @Sendable (_ problem: ProductProblem, _ item: ProductItem) -> Int
  /// Computes one item; `scratch` is aligned to 64.
  package let multiply:
    @Sendable (_ problem: ProductProblem, _ item: ProductItem, _ scratch: UnsafeMutableRawPointer) -> Void

  package init(
    panelColumns: Int, tileRows: Int, blockColumns: @escaping @Sendable (Int) -> Int,
    packedColumns: @escaping @Sendable (Int) -> Int,
    pack: @escaping @Sendable (StridedMatrix, Int, Int, UnsafeMutablePointer<Float>) -> Void,
    ranges: @escaping @Sendable (UnsafePointer<Float>, Int, Int, UnsafeMutablePointer<MagnitudeRange>) -> Void,
    scratchBytes: @escaping @Sendable (ProductProblem, ProductItem) -> Int,
    multiply: @escaping @Sendable (ProductProblem, ProductItem, UnsafeMutableRawPointer) -> Void
  ) {
    self.panelColumns = panelColumns
    self.tileRows = tileRows
    self.blockColumns = blockColumns
    self.packedColumns = packedColumns
    self.pack = pack
    self.ranges = ranges
    self.scratchBytes = scratchBytes
    self.multiply = multiply
  }
}
