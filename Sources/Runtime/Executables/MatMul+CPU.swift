import GraphIR
import Operations
import Tensors

extension MatMul: CPUExecutable {
  package func prepare(_ inputs: Operands<ValueInfo>, outputs: [TensorType]) throws -> (any Kernel)? {
    guard let left = try inputs[0].shape.sizes, let right = try inputs[1].shape.sizes, let output = outputs.first,
      let products = try MatrixProducts(left, right)
    else { return nil }
    switch output.element {
    case .float32: return MatMulKernel<Float>(products: products)
    case .float64: return MatMulKernel<Double>(products: products)
    default: return nil
    }
  }
}

private struct MatMulKernel<Scalar: BLASScalar>: Kernel {
  let products: MatrixProducts

  func run(_ inputs: Operands<Tensor>, into outputs: [TensorBuffer], on workers: Workers) throws {
    try inputs[0].withElements(as: Scalar.self) { left in
      try inputs[1].withElements(as: Scalar.self) { right in
        try outputs[0].withElements(as: Scalar.self) { result in
          products.run(left, right, into: result, on: workers)
        }
      }
    }
  }
}

extension MatrixProducts {
  /// The products that `MatMul` of these shapes consists of; nil where the BLAS can't do them.
  init?(_ left: [Int], _ right: [Int]) throws {
    try require(!left.isEmpty && !right.isEmpty, "a scalar can't be multiplied as a matrix")
    let a = left.count == 1 ? [1] + left : left
    let b = right.count == 1 ? right + [1] : right
    var sizes = MatrixSizes(rows: a[a.count - 2], columns: b[b.count - 1], depth: a[a.count - 1])
    try require(b[b.count - 2] == sizes.depth, "matrices \(left) and \(right) can't be multiplied")
    let (leftBatch, rightBatch) = (Array(a.dropLast(2)), Array(b.dropLast(2)))
    if rightBatch.allSatisfy({ $0 == 1 }) {
      // One matrix on the right: the rows of all matrices on the left are rows of one.
      sizes.rows = leftBatch.reduce(sizes.rows, *)
      guard sizes.fitsBLAS else { return nil }
      self.init(sizes, offsets: sizes.rows == 0 ? [] : [(0, 0)])
      return
    }
    guard sizes.fitsBLAS else { return nil }
    let rank = max(leftBatch.count, rightBatch.count)
    func padded(_ shape: [Int]) -> [Int] { Array(repeating: 1, count: rank - shape.count) + shape }
    let (first, second) = (padded(leftBatch), padded(rightBatch))
    var offsets: [(left: Int, right: Int)] = [(0, 0)]
    var (leftStep, rightStep) = (sizes.leftCount, sizes.rightCount)
    for axis in (0..<rank).reversed() {
      let size = first[axis] == 1 ? second[axis] : first[axis]
      try require(second[axis] == size || second[axis] == 1, "the shapes \(left) and \(right) don't broadcast")
      let inner = offsets
      offsets = (0..<size).flatMap { index in
        let leftOffset = first[axis] == 1 ? 0 : index * leftStep
        let rightOffset = second[axis] == 1 ? 0 : index * rightStep
        return inner.map { ($0.left + leftOffset, $0.right + rightOffset) }
      }
      leftStep *= first[axis]
      rightStep *= second[axis]
    }
    self.init(sizes, offsets: offsets)
  }
}
