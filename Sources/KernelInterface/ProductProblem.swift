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
  /// What is known of the columns of `panels` where two steps may be added up with one multiplication.
  package var pairedColumns: PairedColumns?
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
    left: StridedMatrix, right: StridedMatrix, panels: UnsafePointer<Float>?, pairedColumns: PairedColumns? = nil,
    target: UnsafeMutablePointer<Float>, targetStride: Int, rows: Int, columns: Int, depth: Int,
    instructions: UnsafeBufferPointer<ElementwiseInstruction> = .init(start: nil, count: 0),
    operands: UnsafeBufferPointer<StripOperand> = .init(start: nil, count: 0)
  ) {
    self.left = left
    self.right = right
    self.panels = panels
    self.pairedColumns = pairedColumns
    self.target = target
    self.targetStride = targetStride
    self.rows = rows
    self.columns = columns
    self.depth = depth
    self.instructions = instructions
    self.operands = operands
  }
}

extension ProductProblem {
  /// Whether strips of the left matrix can be copied, which it takes to add up two steps with one multiplication.
  package var suitsPairs: Bool {
    panels != nil && pairedColumns != nil && left.columnStride == 1 && depth >= Self.leastPairedDepth
  }

  private static let leastPairedDepth = 64
}

/// The part of a product's target that is computed at a time. Its first column is a multiple of a panel's.
package struct ProductItem: Sendable {
  package var firstRow: Int
  package var rowCount: Int
  package var firstColumn: Int
  package var columnCount: Int

  package init(firstRow: Int, rowCount: Int, firstColumn: Int, columnCount: Int) {
    self.firstRow = firstRow
    self.rowCount = rowCount
    self.firstColumn = firstColumn
    self.columnCount = columnCount
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
  /// The steps that are added up in registers, of a depth.
  package let partDepth: @Sendable (_ depth: Int) -> Int
  /// Writes the sums of each column of a panel, as many as it has with the zeros up to whole vectors, for each part of the depth; those
  /// of a part are `stride` from those of the one before; and the sum of squares of each step.
  package let measure:
    @Sendable (
      _ panel: UnsafePointer<Float>, _ depth: Int, _ columns: Int, _ sums: UnsafeMutablePointer<StepSums>,
      _ stride: Int, _ steps: UnsafeMutablePointer<Float>
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
    partDepth: @escaping @Sendable (Int) -> Int,
    measure:
      @escaping @Sendable (
        UnsafePointer<Float>, Int, Int, UnsafeMutablePointer<StepSums>, Int, UnsafeMutablePointer<Float>
      ) -> Void,
    scratchBytes: @escaping @Sendable (ProductProblem, ProductItem) -> Int,
    multiply: @escaping @Sendable (ProductProblem, ProductItem, UnsafeMutableRawPointer) -> Void
  ) {
    self.panelColumns = panelColumns
    self.tileRows = tileRows
    self.blockColumns = blockColumns
    self.packedColumns = packedColumns
    self.pack = pack
    self.partDepth = partDepth
    self.measure = measure
    self.scratchBytes = scratchBytes
    self.multiply = multiply
  }
}
