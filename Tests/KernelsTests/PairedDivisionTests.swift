import KernelInterface
import Kernels
import Testing

@Suite struct PairedDivisionTests {
  /// Every tile belongs to one item, whatever threads share them, and no item begins inside a pair.
  @Test(arguments: [(512, 768), (2048, 3072), (1029, 431), (577, 768), (131, 200)], [1, 2, 3, 8])
  func itemsCoverTheTargetOnce(_ sizes: (rows: Int, columns: Int), _ threads: Int) {
    let products = InstructionSet.current.kernels.products
    var number: Float = 0
    withUnsafeMutablePointer(to: &number) { pointer in
      // Only sizes count here; nothing is read through these pointers.
      let matrix = StridedMatrix(base: pointer, rowStride: 0, columnStride: 1)
      let problem = ProductProblem(
        left: matrix, right: matrix, panels: nil, target: pointer, targetStride: 0, rows: sizes.rows,
        columns: sizes.columns, depth: 768)
      let division = PairedDivision(problem, count: 1, threads: threads, products: products)
      let (height, width) = (2 * products.tileRows, 2 * products.panelColumns)
      var covered = 0
      var pairs: Set<[Int]> = []
      for index in 0..<division.count {
        let item = division.item(index)
        #expect(item.isPaired && item.rowCount > 0 && item.columnCount > 0)
        #expect(item.firstRow % height == 0 && item.firstColumn % width == 0)
        #expect(item.firstRow + item.rowCount <= sizes.rows && item.firstColumn + item.columnCount <= sizes.columns)
        covered += item.rowCount * item.columnCount
        for row in stride(from: item.firstRow, to: item.firstRow + item.rowCount, by: height) {
          for column in stride(from: item.firstColumn, to: item.firstColumn + item.columnCount, by: width) {
            #expect(pairs.insert([row, column]).inserted)
          }
        }
      }
      #expect(covered == sizes.rows * sizes.columns)
    }
  }
}
