import Tensors
import TestSupport
import Testing

@testable import Runtime

@Suite struct MatrixProductTests {
  /// A product to check; sizes beyond the threshold for threads are among them.
  struct Case: CustomTestStringConvertible {
    let sizes: MatrixSizes
    let count: Int
    let threads: Int

    var testDescription: String { "\(count) × \(sizes.rows)×\(sizes.depth)×\(sizes.columns) on \(threads)" }
  }

  static let cases: [Case] = [(1, 1, 1), (3, 5, 2), (1, 200, 300), (200, 1, 300), (97, 131, 61), (4, 3, 0)].flatMap {
    size in
    [(false, false), (true, false), (false, true), (true, true)].flatMap { transposes in
      [(1, 1), (1, 3), (7, 2)].map { count, threads in
        Case(
          sizes: MatrixSizes(
            rows: size.0, columns: size.1, depth: size.2, transposesLeft: transposes.0, transposesRight: transposes.1),
          count: count, threads: threads)
      }
    }
  }

  @Test(arguments: cases)
  func agreesWithTheDefinition(_ test: Case) throws {
    let sizes = test.sizes
    let left = try Tensor.random([test.count, sizes.leftCount], seed: 1).values(as: Float.self)
    let right = try Tensor.random([sizes.rightCount], seed: 2).values(as: Float.self)
    let products = MatrixProducts(sizes, offsets: (0..<test.count).map { ($0 * sizes.leftCount, 0) })
    var result = [Float](repeating: 1, count: test.count * sizes.resultCount)
    left.withUnsafeBufferPointer { left in
      right.withUnsafeBufferPointer { right in
        result.withUnsafeMutableBufferPointer {
          products.run(left, right, into: $0, alpha: 2, beta: 0.5, on: Workers(count: test.threads))
        }
      }
    }
    for index in 0..<test.count {
      for row in 0..<sizes.rows {
        for column in 0..<sizes.columns {
          var sum = 0.0
          for k in 0..<sizes.depth {
            let a = sizes.transposesLeft ? k * sizes.rows + row : row * sizes.depth + k
            let b = sizes.transposesRight ? column * sizes.depth + k : k * sizes.columns + column
            sum += Double(left[index * sizes.leftCount + a]) * Double(right[b])
          }
          let actual = Double(result[index * sizes.resultCount + row * sizes.columns + column])
          #expect(abs(actual - (2 * sum + 0.5)) < 1e-3)
        }
      }
    }
  }
}
