import COpenBLAS
import Tensors

/// A type that the BLAS multiplies matrices of.
protocol BLASScalar: TensorScalar, BinaryFloatingPoint {
  /// Row-major C = α·A·B + β·C with leading dimensions in elements.
  static func multiply(
    _ sizes: MatrixSizes, alpha: Self, _ left: UnsafePointer<Self>, _ leftStride: Int, _ right: UnsafePointer<Self>,
    _ rightStride: Int, beta: Self, _ result: UnsafeMutablePointer<Self>, _ resultStride: Int)
}

/// The sizes of one product `[rows, depth] × [depth, columns]`, and which operands are stored transposed.
struct MatrixSizes: Hashable, Sendable {
  var rows: Int
  var columns: Int
  var depth: Int
  var transposesLeft = false
  var transposesRight = false

  var leftCount: Int { rows * depth }
  var rightCount: Int { depth * columns }
  var resultCount: Int { rows * columns }
  /// Elements from one stored row of the left operand to the next.
  var leftStride: Int { max(transposesLeft ? rows : depth, 1) }
  var rightStride: Int { max(transposesRight ? depth : columns, 1) }

  /// Whether the BLAS, which counts in 32 bits, can do it.
  var fitsBLAS: Bool { [rows, columns, depth].allSatisfy { $0 <= Int(Int32.max) } }
}

extension Float: BLASScalar {
  static func multiply(
    _ sizes: MatrixSizes, alpha: Float, _ left: UnsafePointer<Float>, _ leftStride: Int,
    _ right: UnsafePointer<Float>, _ rightStride: Int, beta: Float, _ result: UnsafeMutablePointer<Float>,
    _ resultStride: Int
  ) {
    cblas_sgemm(
      CblasRowMajor, sizes.transposesLeft ? CblasTrans : CblasNoTrans,
      sizes.transposesRight ? CblasTrans : CblasNoTrans,
      Int32(sizes.rows), Int32(sizes.columns), Int32(sizes.depth), alpha, left, Int32(leftStride), right,
      Int32(rightStride), beta, result, Int32(resultStride))
  }
}

extension Double: BLASScalar {
  static func multiply(
    _ sizes: MatrixSizes, alpha: Double, _ left: UnsafePointer<Double>, _ leftStride: Int,
    _ right: UnsafePointer<Double>, _ rightStride: Int, beta: Double, _ result: UnsafeMutablePointer<Double>,
    _ resultStride: Int
  ) {
    cblas_dgemm(
      CblasRowMajor, sizes.transposesLeft ? CblasTrans : CblasNoTrans,
      sizes.transposesRight ? CblasTrans : CblasNoTrans,
      Int32(sizes.rows), Int32(sizes.columns), Int32(sizes.depth), alpha, left, Int32(leftStride), right,
      Int32(rightStride), beta, result, Int32(resultStride))
  }
}

/// Products of the same sizes: pairs of places of a left and a right matrix, one result after the other.
struct MatrixProducts: Sendable {
  let sizes: MatrixSizes
  /// Where each product's operands start, in elements.
  let offsets: [(left: Int, right: Int)]
  private let leftEnd: Int
  private let rightEnd: Int

  init(_ sizes: MatrixSizes, offsets: [(left: Int, right: Int)]) {
    self.sizes = sizes
    self.offsets = offsets
    leftEnd = (offsets.map(\.left).max() ?? 0) + (offsets.isEmpty ? 0 : sizes.leftCount)
    rightEnd = (offsets.map(\.right).max() ?? 0) + (offsets.isEmpty ? 0 : sizes.rightCount)
  }

  /// Multiply-adds that make it worth to wake another thread.
  private static let workPerThread = 1 << 18

  /// Computes `result = alpha · left · right + beta · result`, the work divided among `workers`.
  func run<Scalar: BLASScalar>(
    _ left: UnsafeBufferPointer<Scalar>, _ right: UnsafeBufferPointer<Scalar>,
    into result: UnsafeMutableBufferPointer<Scalar>, alpha: Scalar = 1, beta: Scalar = 0, on workers: Workers
  ) {
    precondition(leftEnd <= left.count && rightEnd <= right.count)
    precondition(offsets.count * sizes.resultCount <= result.count && sizes.fitsBLAS)
    guard sizes.resultCount > 0, !offsets.isEmpty, let target = result.baseAddress else { return }
    guard sizes.depth > 0, let first = left.baseAddress, let second = right.baseAddress else {
      for index in 0..<(offsets.count * sizes.resultCount) { result[index] = beta == 0 ? 0 : beta * result[index] }
      return
    }
    let operands = Operands(left: first, right: second, result: target)
    let work = Double(offsets.count) * Double(sizes.resultCount) * Double(sizes.depth)
    let threads = max(1, Int(min(Double(workers.count), work / Double(Self.workPerThread))))
    // Whole products where there are enough of them, else blocks of rows or columns, whichever is longer.
    let blocks = threads == 1 || offsets.count >= 4 * threads ? 1 : (threads + offsets.count - 1) / offsets.count
    let splitsRows = sizes.rows >= sizes.columns
    let length = ((splitsRows ? sizes.rows : sizes.columns) + blocks - 1) / blocks
    if threads == 1 {
      for index in offsets.indices { multiply(operands, index, 0, length, splitsRows: splitsRows, alpha, beta) }
      return
    }
    workers.forEach(offsets.count * blocks) { item in
      let (index, block) = item.quotientAndRemainder(dividingBy: blocks)
      multiply(operands, index, block * length, length, splitsRows: splitsRows, alpha, beta)
    }
  }

  private struct Operands<Scalar>: @unchecked Sendable {
    let left: UnsafePointer<Scalar>
    let right: UnsafePointer<Scalar>
    let result: UnsafeMutablePointer<Scalar>
  }

  /// Computes a block of rows or columns of one product.
  private func multiply<Scalar: BLASScalar>(
    _ operands: Operands<Scalar>, _ index: Int, _ start: Int, _ length: Int, splitsRows: Bool, _ alpha: Scalar,
    _ beta: Scalar
  ) {
    var part = sizes
    var left = operands.left + offsets[index].left
    var right = operands.right + offsets[index].right
    var result = operands.result + index * sizes.resultCount
    if splitsRows {
      part.rows = min(length, sizes.rows - start)
      left += sizes.transposesLeft ? start : start * sizes.leftStride
      result += start * sizes.columns
    } else {
      part.columns = min(length, sizes.columns - start)
      right += sizes.transposesRight ? start * sizes.rightStride : start
      result += start
    }
    guard part.rows > 0, part.columns > 0 else { return }
    Scalar.multiply(
      part, alpha: alpha, left, sizes.leftStride, right, sizes.rightStride, beta: beta, result, max(sizes.columns, 1))
  }
}
