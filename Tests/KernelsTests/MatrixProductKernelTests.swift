import Foundation
import KernelInterface
import Kernels
import Testing

/// Products by the kernels of every instruction set against sums in 64 bits.
@Suite struct MatrixProductKernelTests {
  struct Case: CustomTestStringConvertible {
    var rows: Int
    var columns: Int
    var depth: Int
    var transposesLeft = false
    var transposesRight = false
    var packs = true

    var testDescription: String {
      "\(rows)×\(depth)\(transposesLeft ? "ᵀ" : "") · \(depth)×\(columns)\(transposesRight ? "ᵀ" : "")\(packs ? ", packed" : "")"
    }
  }

  /// Sizes around the edges of tiles, panels, blocks and parts of the depth.
  static let cases: [Case] = [
    (1, 1, 1), (1, 1, 0), (3, 5, 2), (8, 48, 16), (7, 47, 3), (9, 49, 17), (16, 15, 1), (4, 24, 8), (5, 23, 9),
    (13, 12, 31), (1, 100, 70), (100, 1, 33), (33, 200, 64), (300, 50, 40), (2, 33, 1025), (11, 50, 1600),
  ].flatMap { rows, columns, depth in
    [(false, false), (true, false), (false, true), (true, true)].flatMap { left, right in
      [true, false].map {
        Case(rows: rows, columns: columns, depth: depth, transposesLeft: left, transposesRight: right, packs: $0)
      }
    }
  }

  static func numbers(_ count: Int, seed: UInt64) -> [Float] {
    var generator = SplitMix(state: seed)
    return (0..<count).map { _ in Float.random(in: -1...1, using: &generator) }
  }

  @Test(arguments: cases)
  func productsAgreeWithSumsInDoublePrecision(_ test: Case) {
    let left = Self.numbers(test.rows * test.depth, seed: 1)
    let right = Self.numbers(test.depth * test.columns, seed: 2)
    for set in InstructionSet.allCases where set.isAvailable {
      for threads in [2] {
        let actual = Self.product(test, left, right, on: set, threads: threads)
        for row in 0..<test.rows {
          for column in 0..<test.columns {
            var sum = 0.0
            for step in 0..<test.depth {
              sum +=
                Double(left[test.transposesLeft ? step * test.rows + row : row * test.depth + step])
                * Double(right[test.transposesRight ? column * test.depth + step : step * test.columns + column])
            }
            let error = abs(Double(actual[row * test.columns + column]) - sum)
            if !(error <= 1e-6 * Double(test.depth + 4).squareRoot() * 4) {
              Issue.record("\(set) with \(threads) threads: [\(row), \(column)] is off by \(error)")
              return
            }
          }
        }
      }
    }
  }

  static func product(
    _ test: Case, _ left: [Float], _ right: [Float], on set: InstructionSet, threads: Int,
    _ instructions: [ElementwiseInstruction] = [], operands: [[Float]] = []
  ) -> [Float] {
    let pool = WorkerPool(workerCount: threads)
    var result = [Float](repeating: -77, count: test.rows * test.columns)
    // One element at least, so that there is an address.
    (left + [0]).withUnsafeBufferPointer { left in
      (right + [0]).withUnsafeBufferPointer { right in
        result.withUnsafeMutableBufferPointer { result in
          guard let a = left.baseAddress, let b = right.baseAddress, let target = result.baseAddress else { return }
          let factor = StridedMatrix(
            base: b, rowStride: test.transposesRight ? 1 : test.columns,
            columnStride: test.transposesRight ? test.depth : 1)
          let packed =
            test.packs
            ? PackedMatrix(
              factor, depth: test.depth, columns: test.columns, instructionSet: set, pairsSteps: true, on: pool)
            : nil
          let flat = operands.flatMap { $0 }
          flat.withUnsafeBufferPointer { numbers in
            var start = 0
            let strips = operands.map { operand in
              defer { start += operand.count }
              let base = numbers.baseAddress ?? a
              return StripOperand(
                base: base + start, rowStride: operand.count == result.count ? test.columns : 0,
                columnStride: operand.count == 1 ? 0 : 1)
            }
            strips.withUnsafeBufferPointer { strips in
              instructions.withUnsafeBufferPointer { instructions in
                set.multiply(
                  [
                    ProductProblem(
                      left: StridedMatrix(
                        base: a, rowStride: test.transposesLeft ? 1 : test.depth,
                        columnStride: test.transposesLeft ? test.rows : 1),
                      right: factor, panels: packed?.panels, pairedColumns: packed?.pairedColumns, target: target,
                      targetStride: test.columns,
                      rows: test.rows, columns: test.columns, depth: test.depth, instructions: instructions,
                      operands: strips)
                  ], on: pool)
              }
            }
          }
        }
      }
    }
    return result
  }

  @Test(arguments: [(5, 7, 3), (8, 48, 16), (30, 300, 20), (9, 50, 1500), (75, 203, 405)])
  func whatFollowsAProductIsDoneOnceForEveryElement(_ sizes: (Int, Int, Int)) {
    let test = Case(rows: sizes.0, columns: sizes.1, depth: sizes.2)
    let left = Self.numbers(test.rows * test.depth, seed: 3)
    let right = Self.numbers(test.depth * test.columns, seed: 4)
    let bias = Self.numbers(test.columns, seed: 5)
    let residual = Self.numbers(test.rows * test.columns, seed: 6)
    // max(product + bias, 0) · 2 + residual
    let instructions = [
      ElementwiseInstruction(.add, 0, 1, register: 0), ElementwiseInstruction(.maximum, 5, 4, register: 1),
      ElementwiseInstruction(.multiply, 6, 2, register: 0), ElementwiseInstruction(.add, 5, 3, register: 2),
    ]
    for set in InstructionSet.allCases where set.isAvailable {
      let plain = Self.product(test, left, right, on: set, threads: 1)
      let actual = Self.product(
        test, left, right, on: set, threads: 2, instructions, operands: [bias, [2], residual, [0]])
      let expected = plain.indices.map { max(plain[$0] + bias[$0 % test.columns], 0) * 2 + residual[$0] }
      #expect(actual == expected)
    }
  }

  @Test func notANumberReachesItsOwnRowAndColumnOnly() {
    let test = Case(rows: 10, columns: 50, depth: 20)
    var left = Self.numbers(200, seed: 1)
    var right = Self.numbers(1000, seed: 2)
    left[3 * 20 + 7] = .nan
    right[4 * 50 + 49] = .infinity
    for set in InstructionSet.allCases where set.isAvailable {
      let result = Self.product(test, left, right, on: set, threads: 1)
      for index in result.indices {
        let (row, column) = index.quotientAndRemainder(dividingBy: 50)
        #expect(result[index].isNaN == (row == 3))
        if row != 3 { #expect(result[index].isInfinite == (column == 49)) }
      }
    }
  }
}
