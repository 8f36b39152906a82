import Foundation
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
  /// For each two panels that follow each other, whether their columns are even (``StrassenPairs``).
  package var evenPanels: UnsafePointer<Bool> { UnsafePointer(isEven) }
  private let isEven: UnsafeMutablePointer<Bool>

  /// Packs `matrix`, `[depth, columns]`, whose elements the caller has checked to be there; they may lie at any address.
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
    let memory = Self.allocate(byteCount: max(byteCount, 64))
    let base = memory.assumingMemoryBound(to: Float.self)
    self.base = base
    let width = products.panelColumns
    var ranges = [MagnitudeRange](repeating: MagnitudeRange(), count: products.packedColumns(columns))
    ranges.withUnsafeMutableBufferPointer { ranges in
      guard let ranges = ranges.baseAddress else { return }
      let target = Target(base: base, ranges: ranges)
      pool.run(count: (columns + width - 1) / width) { panel in
        var part = matrix
        part.base += panel * width * matrix.columnStride
        let count = min(width, columns - panel * width)
        let packed = target.base + panel * width * depth
        products.pack(part, depth, count, packed)
        products.ranges(packed, depth, count, target.ranges + panel * width)
      }
    }
    let pairs = columns / (2 * width)
    isEven = .allocate(capacity: max(pairs, 1))
    for pair in 0..<pairs {
      let first = 2 * pair * width
      let even = (first..<(first + width)).allSatisfy { StrassenPairs.areEven(ranges[$0], ranges[$0 + width]) }
      (isEven + pair).initialize(to: even)
    }
  }

  deinit {
    base.deallocate()
    isEven.deallocate()
  }

  /// Whole large pages where it is as much: products read panels from end to end over and over.
  private static func allocate(byteCount: Int) -> UnsafeMutableRawPointer {
    #if os(Linux)
      let largePage = 1 << 21
      if byteCount >= largePage {
        let memory = UnsafeMutableRawPointer.allocate(byteCount: byteCount, alignment: largePage)
        madvise(memory, byteCount & ~(largePage - 1), MADV_HUGEPAGE)
        return memory
      }
    #endif
    return UnsafeMutableRawPointer.allocate(byteCount: byteCount, alignment: 4096)
  }

  private struct Target: @unchecked Sendable {
    let base: UnsafeMutablePointer<Float>
    let ranges: UnsafeMutablePointer<MagnitudeRange>
  }
}
