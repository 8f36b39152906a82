import KernelInterface

/// How the target of each of some products that Strassen's algorithm suits is cut into items: by pairs of tiles and of panels, what is
/// left over going to the last.
struct PairedDivision: Sendable {
  private let rows: Int
  private let columns: Int
  /// Rows and columns of a pair.
  private let height: Int
  private let width: Int
  private let rowParts: Int
  private let columnParts: Int

  /// Pairs of an item: sums of panels are made once for all its rows, sums of rows once for all its panels, and what it reads
  /// over and over stays in the second-level cache.
  private static let rowPairs = 32
  private static let panelPairs = 4
  private static let leastRowPairs = 4
  private static let itemsPerThread = 4

  init(_ problem: ProductProblem, count: Int, threads: Int, products: ProductKernels) {
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
  }

  var count: Int { rowParts * columnParts }

  /// Items that share columns follow each other.
  func item(_ index: Int) -> ProductItem {
    let (column, row) = index.quotientAndRemainder(dividingBy: rowParts)
    func range(_ part: Int, of parts: Int, _ size: Int, _ unit: Int) -> Range<Int> {
      let pairs = size / unit
      return (pairs * part / parts * unit)..<(part + 1 == parts ? size : pairs * (part + 1) / parts * unit)
    }
    let (rows, columns) = (range(row, of: rowParts, rows, height), range(column, of: columnParts, columns, width))
    return ProductItem(
      firstRow: rows.lowerBound, rowCount: rows.count, firstColumn: columns.lowerBound, columnCount: columns.count,
      isPaired: true)
  }

  /// The last item has as many pairs as any, and the rest.
  var largestItem: ProductItem { item(count - 1) }
}
