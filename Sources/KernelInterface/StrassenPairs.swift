/// What may be added up by Strassen's algorithm, and in which parts.
///
/// Pairs are neighbours: tiles of rows, panels, and halves of a part of the depth. So every element is computed in one way, which follows
/// from sizes and numbers alone, however a product is divided into items.
package enum StrassenPairs {
  /// The least that pays: pairs of tiles, and steps of half a part.
  private static let leastRowPairs = 4
  private static let leastHalfDepth = 192
  private static let longestPart = 1024

  /// Whether halves are large enough that sums cost less than the multiplications they save.
  package static func suit(_ problem: ProductProblem, panelColumns: Int, tileRows: Int) -> Bool {
    problem.panels != nil && problem.evenPanels != nil && problem.left.columnStride == 1
      && problem.rows >= 2 * tileRows * leastRowPairs && problem.columns >= 2 * panelColumns
      && halfDepth(problem.depth) >= leastHalfDepth
  }

  /// The parts that a sum of `depth` steps is made of.
  package static func parts(_ depth: Int) -> Int { max(1, (depth + longestPart - 1) / longestPart) }

  /// The steps of half a part, whole cache lines of 16 numbers; what remains of the depth is added up as usual.
  package static func halfDepth(_ depth: Int) -> Int { depth / (2 * parts(depth)) / 16 * 16 }

  /// Whether sums of two rows, or columns, lose nothing of either that counts, and no product of such sums is beyond what a number can be.
  package static func areEven(_ first: MagnitudeRange, _ second: MagnitudeRange) -> Bool {
    let largest = max(first.largest, second.largest)
    if first.largest == 0 || second.largest == 0 { return largest == 0 }
    return largest <= greatest && largest - min(first.least, second.least) <= greatestRatio
  }

  /// 2⁵⁰: what is not a number, or infinite, is larger too.
  private static let greatest: UInt32 = (127 + 50) << 23
  /// About 2⁶, as the difference of bits.
  private static let greatestRatio: UInt32 = 6 << 23
}

/// The largest magnitudes of parts of a row or a column, as the bits of numbers: the largest of all, and the least that is not 0.
package struct MagnitudeRange: Sendable {
  package private(set) var least = UInt32.max
  package private(set) var largest: UInt32 = 0

  package init() {}

  package mutating func add(_ magnitude: UInt32) {
    largest = max(largest, magnitude)
    // Zeros lose nothing, and take nothing from others.
    if magnitude > 0 { least = min(least, magnitude) }
  }
}
