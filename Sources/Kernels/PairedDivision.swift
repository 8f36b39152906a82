import KernelInterface

/// How the target of each of some products that Strassen's algorithm suits is cut into items: by pairs of tiles and of panels, what is
/// left over going to the last.
package struct PairedDivision: Sendable {
  private let rows: Int
  private let columns: Int
  /// Rows and columns of a pair.
  private let height: Int
  private let width: Int
  private let rowParts: Int
  private let columnParts: Int
  /// Items that are not among the last, which are cut into pieces of rows.
  private let wholeItems: Int
  private let pieces: Int

  /// Pairs of an item: sums of panels are made once for all its rows, sums of rows once for all its panels, and what it reads
  /// over and over stays in the second-level cache.
  private static let rowPairs = 32
  private static let panelPairs = 4
  private static let leastRowPairs = 4
  private static let itemsPerThread = 4
  /// Pieces of a thread's last item, so that none waits long for another's, and the least that a piece must have: its sums of panels are
  /// its own.
  private static let mostPieces = 2
  private static let leastPieceRowPairs = 8

  package init(_ problem: ProductProblem, count: Int, threads: Int, products: ProductKernels) {
    rows = problem.rows
    columns = problem.columns
    height = 2 * products.tileRows
    width = 2 * products.panelColumns
    let pairs = (rows: rows / height, panels: columns / width)
    func parts(_ pairs: Int, _ longest: Int) -> Int { max(1, (pairs + longest - 1) / longest) }
    var (rowPairs, panelPairs) = (Self.rowPairs, Self.panelPairs)
    let wanted = threads == 1 ? 1 : Self.itemsPerThread * threads
    while count * parts(pairs.rows, rowPairs) * parts(pairs.panels, panelPairs) < wanted,
      rowPairs > Self.leastRowPairs || panelPairs > 1
    {
      if rowPairs > Self.leastRowPairs * panelPairs { rowPairs /= 2 } else { panelPairs = max(1, panelPairs / 2) }
    }
    rowParts = parts(pairs.rows, rowPairs)
    columnParts = parts(pairs.panels, panelPairs)
    pieces = threads == 1 ? 1 : max(1, min(Self.mostPieces, pairs.rows / rowParts / Self.leastPieceRowPairs))
    wholeItems = max(0, rowParts * columnParts - threads)
  }

  package var count: Int { wholeItems + (rowParts * columnParts - wholeItems) * pieces }

  /// Items that share columns follow each other.
  package func item(_ index: Int) -> ProductItem {
    guard index >= wholeItems else { return item(index, piece: 0, of: 1) }
    let (item, piece) = (index - wholeItems).quotientAndRemainder(dividingBy: pieces)
    return self.item(wholeItems + item, piece: piece, of: pieces)
  }

  private func item(_ index: Int, piece: Int, of pieces: Int) -> ProductItem {
    let (column, row) = index.quotientAndRemainder(dividingBy: rowParts)
    func range(_ part: Int, of parts: Int, _ size: Int, _ unit: Int) -> Range<Int> {
      let pairs = size / unit
      return (pairs * part / parts * unit)..<(part + 1 == parts ? size : pairs * (part + 1) / parts * unit)
    }
    let columns = range(column, of: columnParts, columns, width)
    let rows = range(row * pieces + piece, of: rowParts * pieces, rows, height)
    return ProductItem(
      firstRow: rows.lowerBound, rowCount: rows.count, firstColumn: columns.lowerBound, columnCount: columns.count,
      isPaired: true)
  }

  /// The last whole item has as many pairs as any, and the rest.
  var largestItem: ProductItem { item(rowParts * columnParts - 1, piece: 0, of: 1) }
}
