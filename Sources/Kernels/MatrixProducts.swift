import KernelInterface

extension InstructionSet {
  /// Multiply-adds that make it worth to wake another thread.
  private static let workPerThread = 1 << 18

  /// Computes products of one size, each into its own target, with the threads of `pool`.
  ///
  /// The caller has checked that operands and targets are there, and that targets don't overlap with anything else.
  package func multiply(_ problems: [ProductProblem], on pool: WorkerPool) {
    guard let first = problems.first, first.rows > 0, first.columns > 0 else { return }
    let products = kernels.products
    let work = Double(problems.count) * Double(first.rows) * Double(first.columns) * Double(max(first.depth, 1))
    let threads = max(1, Int(min(Double(pool.workerCount), work / Double(Self.workPerThread))))
    let division = ProductDivision(first, count: problems.count, threads: threads, products: products)
    let scratch = products.scratchBytes(first, division.largestItem)
    let body: WorkerPool.Body = { index, scratch in
      let (problem, item) = index.quotientAndRemainder(dividingBy: division.itemsPerProblem)
      products.multiply(problems[problem], division.item(item), scratch)
    }
    pool.run(count: problems.count * division.itemsPerProblem, scratchBytes: scratch, threads: threads, body: body)
  }

  /// The scratch of one thread that multiplies matrices like `problem`.
  package func productScratchBytes(_ problem: ProductProblem, count: Int, threads: Int) -> Int {
    let division = ProductDivision(problem, count: count, threads: threads, products: kernels.products)
    return kernels.products.scratchBytes(problem, division.largestItem)
  }
}

/// How the target of each of some products is cut into items.
private struct ProductDivision: Sendable {
  private let rows: Int
  private let columns: Int
  private let itemRows: Int
  private let itemColumns: Int
  private let columnParts: Int
  let itemsPerProblem: Int

  /// Rows of an item: enough that a block of the right matrix, which they share, is worth fetching.
  private static let longestItem = 256
  /// The same where the block is packed for each item.
  private static let longestUnpackedItem = 2048
  private static let itemsPerThread = 24

  init(_ problem: ProductProblem, count: Int, threads: Int, products: ProductKernels) {
    rows = problem.rows
    columns = problem.columns
    itemColumns = products.blockColumns(problem.depth)
    columnParts = max(1, (columns + itemColumns - 1) / itemColumns)
    let longest = problem.panels == nil ? Self.longestUnpackedItem : Self.longestItem
    var rowParts = (rows + longest - 1) / longest
    // So many items that none waits long for another's last.
    let wanted = threads == 1 ? 1 : threads * (problem.panels == nil ? 4 : Self.itemsPerThread)
    let others = max(1, count * columnParts)
    if others * rowParts < wanted {
      rowParts = min((wanted + others - 1) / others, max(1, rows / (4 * products.tileRows)))
    }
    let even = (rows + max(rowParts, 1) - 1) / max(rowParts, 1)
    itemRows = max(1, (even + products.tileRows - 1) / products.tileRows) * products.tileRows
    itemsPerProblem = columnParts * ((rows + itemRows - 1) / itemRows)
  }

  /// Items that share columns follow each other.
  func item(_ index: Int) -> ProductItem {
    let rowParts = itemsPerProblem / columnParts
    let (column, row) = index.quotientAndRemainder(dividingBy: rowParts)
    return ProductItem(
      firstRow: row * itemRows, rowCount: min(itemRows, rows - row * itemRows), firstColumn: column * itemColumns,
      columnCount: min(itemColumns, columns - column * itemColumns))
  }

  var largestItem: ProductItem {
    ProductItem(
      firstRow: 0, rowCount: min(itemRows, rows), firstColumn: 0, columnCount: min(itemColumns, columns))
  }
}
