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
  /// What products need to know to add up two steps with one multiplication; nil where that is slower, or the sizes of the numbers do
  /// not allow it.
  package var pairedColumns: PairedColumns? { pairs?.columns }
  private let pairs: Pairs?

  /// Packs `matrix`, `[depth, columns]`, whose elements the caller has checked to be there; they may lie at any address.
  ///
  /// Sizes must be positive, and their product, rounded up to whole vectors, must not overflow.
  ///
  /// - Parameter pairsSteps: Whether two steps of a sum may be added up with one multiplication; nil where that is faster.
  package init(
    _ matrix: StridedMatrix, depth: Int, columns: Int, instructionSet: InstructionSet = .current,
    pairsSteps: Bool? = nil, on pool: WorkerPool
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
    let packedColumns = products.packedColumns(columns)
    let partDepth = products.partDepth(depth)
    let parts = (depth + partDepth - 1) / partDepth
    let measures = pairsSteps ?? instructionSet.hasSeparateAdders
    let panels = (columns + width - 1) / width
    var sums = [StepSums](repeating: StepSums(), count: measures ? parts * packedColumns : 0)
    var squares = [Float](repeating: 0, count: measures ? panels * depth : 0)
    sums.withUnsafeMutableBufferPointer { sums in
      squares.withUnsafeMutableBufferPointer { squares in
        let target = Target(base: base, sums: sums.baseAddress, squares: squares.baseAddress)
        pool.run(count: panels) { panel in
          var part = matrix
          part.base += panel * width * matrix.columnStride
          let count = min(width, columns - panel * width)
          let packed = target.base + panel * width * depth
          products.pack(part, depth, count, packed)
          if measures, let sums = target.sums, let squares = target.squares {
            products.measure(packed, depth, count, sums + panel * width, packedColumns, squares + panel * depth)
          }
        }
      }
    }
    pairs =
      measures
      ? Pairs(sums, squares, depth: depth, partDepth: partDepth, columns: columns, panelColumns: width) : nil
  }

  deinit { base.deallocate() }

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
    let sums: UnsafeMutablePointer<StepSums>?
    let squares: UnsafeMutablePointer<Float>?
  }
}

/// The memory of ``PairedColumns``.
private final class Pairs: @unchecked Sendable {
  private let sums: UnsafeMutablePointer<Float>
  private let steps: UnsafeMutablePointer<Float>
  private let isEven: UnsafeMutablePointer<Bool>
  private let exponent: Int

  var columns: PairedColumns { PairedColumns(sums: sums, steps: steps, isEven: isEven, exponent: exponent) }

  /// Nil if no panel is of one size.
  ///
  /// - Parameters:
  ///   - sums: Of each packed column, for each part of the depth.
  ///   - squares: The sum of squares of each step of each panel.
  init?(_ sums: [StepSums], _ squares: [Float], depth: Int, partDepth: Int, columns: Int, panelColumns: Int) {
    let parts = (depth + partDepth - 1) / partDepth
    guard parts > 0, sums.count % parts == 0 else { return nil }
    let packedColumns = sums.count / parts
    let exponents = sums.indices.map { index in
      sums[index].exponent(count: min(partDepth, depth - index / packedColumns * partDepth))
    }
    // Most columns are of the size of the middle one.
    let known = exponents.compactMap(\.self).sorted()
    guard !known.isEmpty else { return nil }
    let middle = known[known.count / 2]
    let panels = (columns + panelColumns - 1) / panelColumns
    let even = (0..<(parts * panels)).map { index in
      let (part, panel) = index.quotientAndRemainder(dividingBy: panels)
      guard (panel + 1) * panelColumns <= columns else { return false }
      let first = part * packedColumns + panel * panelColumns
      return exponents[first..<(first + panelColumns)].allSatisfy { $0.map { abs($0 - middle) <= 1 } ?? false }
    }
    guard even.contains(true) else { return nil }
    exponent = middle
    isEven = .allocate(capacity: even.count)
    isEven.initialize(from: even, count: even.count)
    // Read as whole vectors.
    let memory = UnsafeMutableRawPointer.allocate(byteCount: 4 * sums.count, alignment: 64)
    self.sums = memory.bindMemory(to: Float.self, capacity: sums.count)
    self.sums.initialize(from: sums.map(\.pairs), count: sums.count)
    steps = .allocate(capacity: depth)
    for part in 0..<parts {
      let range = part * partDepth..<min((part + 1) * partDepth, depth)
      var total = [Float](repeating: 0, count: range.count)
      for panel in 0..<panels where even[part * panels + panel] {
        for step in range { total[step - range.lowerBound] += squares[panel * depth + step] }
      }
      let mean = total.reduce(0, +) / Float(range.count)
      for step in range { (steps + step).initialize(to: (total[step - range.lowerBound] / mean).squareRoot()) }
    }
  }

  deinit {
    sums.deallocate()
    steps.deallocate()
    isEven.deallocate()
  }
}
