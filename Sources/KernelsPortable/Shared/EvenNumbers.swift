import KernelInterface

/// Whether numbers that would be added to each other are of one size.
///
/// Their magnitudes are compared as bits, by which NaN is above all. Besides the largest of a row or a column, the largest of each of some
/// parts of it count, a lane or a step of 16 each, so that a single large number is no measure of all others.
enum EvenNumbers {
  /// Whether each row of a strip is even with the one a strip further on, given the largest magnitudes in the lanes of each.
  static func inStrips(_ peaks: UnsafePointer<WordLanes>) -> Bool {
    let strip = StrassenBlock.tileRows
    for row in 0..<strip {
      guard StrassenPairs.areEven(range(peaks[row]), range(peaks[row &+ strip])) else { return false }
    }
    return true
  }

  private static func range(_ peaks: WordLanes) -> MagnitudeRange {
    var range = MagnitudeRange()
    for lane in 0..<Lanes.scalarCount { range.add(peaks[lane]) }
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
          raise(&largest, UnsafeRawPointer(panel + (step &* stride &+ column)))
          step &+= parts
        }
        for lane in 0..<Lanes.scalarCount { ranges[column &+ lane].add(largest[lane]) }
      }
      column &+= Lanes.scalarCount
    }
  }

  /// Raises `largest` to the magnitudes of numbers at any address.
  @inline(__always)
  static func raise(_ largest: inout WordLanes, _ numbers: UnsafeRawPointer) {
    let magnitudes = numbers.loadUnaligned(as: WordLanes.self) & WordLanes(repeating: 0x7fff_ffff)
    largest.replace(with: magnitudes, where: magnitudes .> largest)
  }
}
