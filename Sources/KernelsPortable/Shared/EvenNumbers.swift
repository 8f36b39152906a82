import KernelInterface

/// Whether numbers that would be added to each other are of one size.
///
/// Their magnitudes are compared as bits, by which NaN is above all. Besides the largest of a row or a column, the largest of each of some
/// parts of it count, a lane or a step of 16 each, so that a single large number is no measure of all others.
enum EvenNumbers {
  /// Whether each row of a strip is even with the one a strip further on.
  static func inStrips(_ problem: ProductProblem, firstRow: Int) -> Bool {
    let strip = StrassenBlock.tileRows
    for row in firstRow..<(firstRow &+ strip) {
      let first = range(problem.left.base + row &* problem.left.rowStride, problem.depth)
      let second = range(problem.left.base + (row &+ strip) &* problem.left.rowStride, problem.depth)
      guard StrassenPairs.areEven(first, second) else { return false }
    }
    return true
  }

  /// The range of the largest magnitudes of the lanes of a row, whose last numbers may be left out of account.
  private static func range(_ row: UnsafePointer<Float>, _ count: Int) -> MagnitudeRange {
    var first = WordLanes(repeating: 0)
    var second = first
    var index = 0
    while index &+ 2 &* Lanes.scalarCount <= count {
      raise(&first, row + index)
      raise(&second, row + (index &+ Lanes.scalarCount))
      index &+= 2 &* Lanes.scalarCount
    }
    raise(&first, second)
    var range = MagnitudeRange()
    for lane in 0..<Lanes.scalarCount { range.add(first[lane]) }
    return range
  }

  /// Writes the range of each column of one panel, as many as it has with the zeros up to whole vectors.
  static func inPanel(
    _ panel: UnsafePointer<Float>, depth: Int, columns: Int, into ranges: UnsafeMutablePointer<MagnitudeRange>
  ) {
    let stride = MatrixProduct.packedColumns(columns)
    let parts = 16
    var column = 0
    while column < stride {
      for lane in 0..<Lanes.scalarCount { (ranges + (column &+ lane)).initialize(to: MagnitudeRange()) }
      for part in 0..<parts {
        var largest = WordLanes(repeating: 0)
        var step = part
        while step < depth {
          raise(&largest, panel + (step &* stride &+ column))
          step &+= parts
        }
        for lane in 0..<Lanes.scalarCount { ranges[column &+ lane].add(largest[lane]) }
      }
      column &+= Lanes.scalarCount
    }
  }

  @inline(__always)
  private static func raise(_ largest: inout WordLanes, _ numbers: UnsafePointer<Float>) {
    raise(
      &largest, UnsafeRawPointer(numbers).loadUnaligned(as: WordLanes.self) & WordLanes(repeating: 0x7fff_ffff))
  }

  @inline(__always)
  private static func raise(_ largest: inout WordLanes, _ magnitudes: WordLanes) {
    largest.replace(with: magnitudes, where: magnitudes .> largest)
  }
}
