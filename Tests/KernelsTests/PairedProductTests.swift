import Foundation
import KernelInterface
import Kernels
import Testing

/// Products that add up two steps with one multiplication: as near to sums in 64 bits as others, whatever else is in the matrices.
@Suite struct PairedProductTests {
  private static let sets = InstructionSet.allCases.filter(\.isAvailable)

  /// A product of packed numbers, `rows × depth` by `depth × columns`.
  private struct Product {
    let rows: Int
    let columns: Int
    let depth: Int
    var left: [Float]
    var right: [Float]

    init(_ rows: Int, _ columns: Int, _ depth: Int) {
      (self.rows, self.columns, self.depth) = (rows, columns, depth)
      left = MatrixProductKernelTests.numbers(rows * depth, seed: 1)
      right = MatrixProductKernelTests.numbers(depth * columns, seed: 2)
    }

    /// - Parameter isPlain: Whether every step has a multiplication of its own.
    func result(on set: InstructionSet, threads: Int = 2, isPlain: Bool = false) -> [Float] {
      let pool = WorkerPool(workerCount: threads)
      var result = [Float](repeating: -77, count: rows * columns)
      left.withUnsafeBufferPointer { left in
        right.withUnsafeBufferPointer { right in
          result.withUnsafeMutableBufferPointer { result in
            guard let a = left.baseAddress, let b = right.baseAddress, let target = result.baseAddress else { return }
            let factor = StridedMatrix(base: b, rowStride: columns, columnStride: 1)
            let packed = PackedMatrix(
              factor, depth: depth, columns: columns, instructionSet: set, pairsSteps: !isPlain, on: pool)
            set.multiply(
              [
                ProductProblem(
                  left: StridedMatrix(base: a, rowStride: depth, columnStride: 1), right: factor, panels: packed.panels,
                  pairedColumns: packed.pairedColumns, target: target, targetStride: columns, rows: rows,
                  columns: columns, depth: depth)
              ], on: pool)
          }
        }
      }
      return result
    }

    func meanSquareError(_ result: [Float]) -> Double {
      var total = 0.0
      for row in 0..<rows {
        var sums = [Double](repeating: 0, count: columns)
        for step in 0..<depth {
          let number = Double(left[row * depth + step])
          for column in 0..<columns { sums[column] += number * Double(right[step * columns + column]) }
        }
        for column in 0..<columns {
          let error = Double(result[row * columns + column]) - sums[column]
          total += error * error
        }
      }
      return total / Double(rows * columns)
    }

    /// The largest error of a row, over what the magnitudes of the row and of the columns allow for.
    func relativeError(_ result: [Float], row: Int) -> Double {
      left.withUnsafeBufferPointer { left in
        right.withUnsafeBufferPointer { right in
          var worst = 0.0
          for column in 0..<columns {
            var sum = 0.0
            var largest: Float = 0
            var peak: Float = 0
            for step in 0..<depth {
              let (a, b) = (left[row * depth + step], right[step * columns + column])
              sum += Double(a) * Double(b)
              largest = max(largest, a.magnitude)
              peak = max(peak, b.magnitude)
            }
            let error = abs(Double(result[row * columns + column]) - sum)
            // Not a number is no small error.
            guard !error.isNaN else { return .infinity }
            if error > 0 { worst = max(worst, error / (Double(largest * peak) * Double(depth).squareRoot())) }
          }
          return worst
        }
      }
    }
  }

  /// Few roundings of the largest terms.
  private static let tolerance = 2e-6

  /// Sizes that leave nothing, and rows, columns and steps, to be added up as usual, on every instruction set.
  @Test(arguments: [(64, 192, 384), (75, 203, 405), (133, 300, 418), (70, 100, 1063), (8, 48, 64), (19, 101, 1537)])
  func resultsAreAsExactAsSums(_ sizes: (Int, Int, Int)) {
    let product = Product(sizes.0, sizes.1, sizes.2)
    for set in Self.sets {
      let result = product.result(on: set)
      #expect(result != product.result(on: set, isPlain: true), "no steps were paired")
      for row in [0, sizes.0 / 2, sizes.0 - 1] {
        #expect(product.relativeError(result, row: row) < Self.tolerance, "\(set), row \(row)")
      }
    }
  }

  /// Fewer rows than a tile has, or columns than a panel, or steps than pay for a copy of the rows.
  @Test func smallProductsAreSums() {
    for set in Self.sets {
      let (rows, columns) = (set.kernels.products.tileRows, set.kernels.products.panelColumns)
      for (rows, columns, depth) in [(rows - 1, 200, 384), (64, columns - 1, 384), (64, 200, 63)] {
        let product = Product(rows, columns, depth)
        #expect(product.result(on: set) == product.result(on: set, isPlain: true))
      }
    }
  }

  /// Rows and columns of any size are brought to one, exactly.
  @Test(arguments: [(-8, 0), (0, -8), (6, -6), (-7, 7), (8, 8), (-6, -8)])
  func sizesDoNotMatter(_ exponents: (Int, Int)) {
    var product = Product(24, 144, 385)
    let ofOne = Self.sets.map { product.result(on: $0) }
    let (left, right) = (exp2(Float(exponents.0)), exp2(Float(exponents.1)))
    for index in product.left.indices { product.left[index] *= left }
    for index in product.right.indices { product.right[index] *= right }
    for (set, ofOne) in zip(Self.sets, ofOne) {
      #expect(product.result(on: set) == ofOne.map { $0 * left * right })
      #expect(product.result(on: set) != product.result(on: set, isPlain: true))
    }
  }

  /// Steps whose pairs do not make up for each other, two by two, so that their sum would be larger than any other.
  @Test func stepsThatAddUpInFoursAreNotPaired() {
    var product = Product(24, 144, 384)
    for index in stride(from: 0, to: product.left.count, by: 4) {
      product.left[index + 1] = product.left[index]
      product.left[index + 3] = -product.left[index + 2]
    }
    for set in Self.sets { #expect(product.result(on: set) == product.result(on: set, isPlain: true)) }
  }

  /// What activations and weights are like, and numbers of different sizes that meet.
  enum Kind: CaseIterable {
    case symmetric, rectified, withMean, likeTheirNeighbours, weightsWithMean
    case fewLarge, fewLargeThatMeetSmallOnes, halvesOfOppositeSizes, stepsOfOppositeSizes
  }

  /// At most twice as far from 64 bits as sums in 32 bits are, in the mean of all results.
  @Test(arguments: Kind.allCases, [384, 768]) func errorsAreThoseOfSums(_ kind: Kind, _ depth: Int) {
    var product = Product(24, 144, depth)
    var generator = SplitMix(state: 5)
    let sizes = (0..<depth).map { _ in exp(generator.normal()) }
    for index in product.left.indices {
      let step = index % depth
      let number = generator.normal()
      product.left[index] =
        switch kind {
        case .symmetric, .weightsWithMean: number
        case .rectified: max(number, 0)
        case .withMean: number + 0.7
        case .likeTheirNeighbours: step & 1 == 0 ? number : product.left[index - 1]
        case .fewLarge, .fewLargeThatMeetSmallOnes: number * (step % 191 == 77 ? 50 : 1)
        case .halvesOfOppositeSizes: number * (2 * step < depth ? 0.1 : 1)
        case .stepsOfOppositeSizes: number * sizes[step]
        }
    }
    for index in product.right.indices {
      let step = index / product.columns
      let number = generator.normal()
      product.right[index] =
        switch kind {
        case .weightsWithMean: number + 0.5
        case .fewLargeThatMeetSmallOnes: number * (step % 191 == 77 ? 0.01 : 1)
        case .halvesOfOppositeSizes: number * (2 * step < depth ? 1 : 0.1)
        case .stepsOfOppositeSizes: number / sizes[step]
        default: number
        }
    }
    for set in Self.sets {
      let error = product.meanSquareError(product.result(on: set)).squareRoot()
      let usual = product.meanSquareError(product.result(on: set, isPlain: true)).squareRoot()
      #expect(error <= 2 * usual, "\(set): \(error) instead of \(usual)")
    }
  }

  @Test func threadsDoNotChangeResults() {
    let product = Product(133, 300, 418)
    for set in Self.sets {
      let result = product.result(on: set, threads: 1)
      for threads in [2, 3] { #expect(product.result(on: set, threads: threads) == result) }
    }
  }

  /// What a row holds stays in that row, in whichever part of the depth it is found.
  @Test(arguments: [(192, 384, 200), (100, 1062, 900)])
  func otherRowsAreAsExactAsEver(_ columns: Int, _ depth: Int, _ step: Int) {
    var product = Product(80, columns, depth)
    let values: [Int: Float] = [0: .nan, 17: .infinity, 18: -.infinity, 37: 1e20, 79: 3e38]
    for (row, value) in values { product.left[row * depth + step] = value }
    for set in Self.sets {
      let result = product.result(on: set)
      let plain = product.result(on: set, isPlain: true)
      for index in result.indices {
        let (found, expected) = (result[index], plain[index])
        if values[index / columns] != nil {
          #expect(found.bitPattern == expected.bitPattern || found.isNaN && expected.isNaN)
        } else if !(abs(found - expected) < 1e-4) {
          Issue.record("\(set): element \(index) is \(found), not \(expected)")
        }
      }
    }
  }

  /// Large numbers in a few columns of the left matrix that meet small ones of the right: nothing of the others is lost.
  @Test func fewLargeNumbersDoNotDrownTheOthers() {
    var product = Product(64, 192, 384)
    for step in [3, 77] {
      for row in 0..<64 { product.left[row * 384 + step] *= 1000 }
      for column in 0..<192 { product.right[step * 192 + column] /= 1000 }
    }
    for set in Self.sets { #expect(product.result(on: set) == product.result(on: set, isPlain: true)) }
  }

  @Test func rowsOfZerosGiveZeros() {
    var product = Product(64, 192, 384)
    for row in [2, 50] {
      for step in 0..<384 { product.left[row * 384 + step] = 0 }
    }
    for set in Self.sets {
      let result = product.result(on: set)
      for row in [2, 50] { #expect(result[(row * 192)..<((row + 1) * 192)].allSatisfy { $0 == 0 }) }
    }
  }

  /// Rows from 10⁻⁸ to 10⁸, each as exact as it is alone.
  @Test func smallRowsDoNotSufferFromLargeOnes() {
    var product = Product(64, 192, 384)
    for row in 0..<64 {
      let scale = Float(exponent10: row % 17 - 8)
      for step in 0..<384 { product.left[row * 384 + step] *= scale }
    }
    for set in Self.sets {
      let result = product.result(on: set)
      for row in stride(from: 0, to: 64, by: 9) {
        #expect(product.relativeError(result, row: row) < Self.tolerance, "\(set), row \(row)")
      }
    }
  }

  /// A column that differs from the others as no sum bears.
  @Test(arguments: [0, 191], [Float.nan, 1e30, 0])
  func columnsKeepToThemselves(_ column: Int, _ value: Float) {
    var product = Product(64, 192, 384)
    for step in 0..<384 { product.right[step * 192 + column] = value }
    for set in Self.sets {
      let result = product.result(on: set)
      let plain = product.result(on: set, isPlain: true)
      for index in result.indices {
        let (found, expected) = (result[index], plain[index])
        let isRight =
          index % 192 == column ? found == expected || found.isNaN && expected.isNaN : abs(found - expected) < 1e-4
        if !isRight { Issue.record("\(set): element \(index) is \(found), not \(expected)") }
      }
    }
  }

  /// A panel with such a column is multiplied as usual, and no others are.
  @Test(arguments: [Float.infinity, .nan, 1e16, 0, 1e-3])
  func packingFindsUnevenPanels(_ value: Float) {
    let pool = WorkerPool(workerCount: 2)
    for set in Self.sets {
      let width = set.kernels.products.panelColumns
      let columns = 3 * width + 5
      var right = MatrixProductKernelTests.numbers(384 * columns, seed: 2)
      for step in 0..<384 { right[step * columns + width + 3] = value }
      right.withUnsafeBufferPointer { right in
        guard let base = right.baseAddress else { return }
        let packed = PackedMatrix(
          StridedMatrix(base: base, rowStride: columns, columnStride: 1), depth: 384, columns: columns,
          instructionSet: set, pairsSteps: true, on: pool)
        #expect((0..<4).map { packed.pairedColumns?.isEven[$0] } == [true, false, true, false])
      }
    }
  }

  @Test(arguments: [Float.infinity, .nan, 1e20, 0, 1e-30])
  func matricesOfNoSizeAreNotPaired(_ value: Float) {
    let pool = WorkerPool(workerCount: 1)
    let right = [Float](repeating: value, count: 64 * 48)
    for set in Self.sets {
      right.withUnsafeBufferPointer { right in
        guard let base = right.baseAddress else { return }
        let packed = PackedMatrix(
          StridedMatrix(base: base, rowStride: 48, columnStride: 1), depth: 64, columns: 48, instructionSet: set,
          pairsSteps: true, on: pool)
        #expect(packed.pairedColumns == nil)
      }
    }
  }
}

extension Float {
  /// The nearest number to a power of ten.
  fileprivate init(exponent10 exponent: Int) {
    self = Float(pow(10, Double(exponent)))
  }
}
