import KernelInterface

/// The right matrix of products in the layout that the kernels of an instruction set read fastest.
package final class PackedMatrix: @unchecked Sendable {
  package let depth: Int
  package let columns: Int
  package let byteCount: Int
  let instructionSet: InstructionSet
  private let base: UnsafeMutablePointer<Float>

  /// What products read.
  package var panels: UnsafePointer<Float> { UnsafePointer(base) }

  /// Packs `matrix`, `[depth, columns]`, whose elements the caller has checked to be there.
  ///
  /// Sizes must be positive, and their product, rounded up to whole vectors, must not overflow.
  package init(
    _ matrix: StridedMatrix, depth: Int, columns: Int, instructionSet: InstructionSet = .current, on pool: WorkerPool
  ) {
    self.depth = depth
    self.columns = columns
    self.instructionSet = instructionSet
    let products = instructionSet.kernels.products
    byteCount = 4 * depth * products.packedColumns(columns)
    let memory = UnsafeMutableRawPointer.allocate(byteCount: max(byteCount, 64), alignment: 4096)
    let base = memory.assumingMemoryBound(to: Float.self)
    self.base = base
    let width = products.panelColumns
    let target = Target(base: base)
    pool.run(count: (columns + width - 1) / width) { panel in
      var part = matrix
      part.base += panel * width * matrix.columnStride
      products.pack(part, depth, min(width, columns - panel * width), target.base + panel * width * depth)
    }
  }

  deinit { base.deallocate() }

  private struct Target: @unchecked Sendable {
    let base: UnsafeMutablePointer<Float>
  }
}
