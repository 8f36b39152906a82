import GraphIR
import Tensors

/// The product of matrices in the last two axes; the axes before them broadcast.
///
/// A vector counts as a row on the left and as a column on the right, and that axis is left out of the result.
public struct MatMul: GraphOperation {
  public init() {}

  public static let schema = Schema<Self>("MatMul", inputs: ["left", "right"], spellings: [.onnx("MatMul")])

  public func infer(_ inputs: Operands<ValueInfo>) throws -> [ValueInfo] {
    let operands = [try inputs[0], try inputs[1]]
    let element = try commonElement(operands)
    guard var left = operands[0].shape.dimensions, var right = operands[1].shape.dimensions else {
      return [ValueInfo(element, .unranked)]
    }
    try require(!left.isEmpty && !right.isEmpty, "a scalar can't be multiplied as a matrix")
    let (isRow, isColumn) = (left.count == 1, right.count == 1)
    if isRow { left.insert(1, at: 0) }
    if isColumn { right.append(1) }
    if let inner = left[left.count - 1].constant, let other = right[right.count - 2].constant {
      try require(
        inner == other,
        "matrices \(operands[0].shape) and \(operands[1].shape) can't be multiplied: \(inner) ≠ \(other)")
    }
    var shape =
      try Shape.broadcast(Shape(Array(left.dropLast(2))), Shape(Array(right.dropLast(2)))).dimensions ?? []
    if !isRow { shape.append(left[left.count - 2]) }
    if !isColumn { shape.append(right[right.count - 1]) }
    return [ValueInfo(element, Shape(shape))]
  }

  public func evaluate(_ inputs: Operands<Tensor>) throws -> [Tensor] {
    [try multiplied(try inputs[0], try inputs[1])]
  }
}

/// The matrix product of two tensors, as `MatMul` defines it.
func multiplied(_ left: Tensor, _ right: Tensor) throws -> Tensor {
  try require(
    left.element == right.element,
    "the matrices must have one element type, found \(left.element.rawValue) and \(right.element.rawValue)")
  try require(left.rank > 0 && right.rank > 0, "a scalar can't be multiplied as a matrix")
  let a = left.rank == 1 ? try left.reshaped(to: [1] + left.shape) : left
  let b = right.rank == 1 ? try right.reshaped(to: right.shape + [1]) : right
  let (rows, inner, columns) = (a.shape[a.rank - 2], a.shape[a.rank - 1], b.shape[b.rank - 1])
  try require(
    inner == b.shape[b.rank - 2],
    "matrices \(left.shape) and \(right.shape) can't be multiplied: \(inner) ≠ \(b.shape[b.rank - 2])")
  let batch = try broadcastShape([Array(a.shape.dropLast(2)), Array(b.shape.dropLast(2))])
  let plan = try BroadcastPlan([Array(a.shape.dropLast(2)), Array(b.shape.dropLast(2))], to: batch)
  let product = try BatchedProduct(
    left: a, right: b, batch: batch, plan: plan, rows: rows, inner: inner, columns: columns
  ).dispatch(on: left.element)
  var shape = batch
  if left.rank > 1 { shape.append(rows) }
  if right.rank > 1 { shape.append(columns) }
  return try product.reshaped(to: shape)
}

private struct BatchedProduct: NumberComputation {
  let left: Tensor
  let right: Tensor
  let batch: [Int]
  let plan: BroadcastPlan
  let rows: Int
  let inner: Int
  let columns: Int

  func run<Scalar: NumberScalar>(_ type: Scalar.Type) throws -> Tensor {
    try left.withElements(as: Scalar.self) { a in
      try right.withElements(as: Scalar.self) { b in
        try Tensor.filled(Scalar.self, batch + [rows, columns]) { result in
          guard result.count > 0 else { return }
          var sums = [Scalar.Number](repeating: .zero, count: columns)
          plan.forEachRun { start, first, second, _ in
            for matrix in 0..<plan.runLength {
              let from = (first &+ matrix &* plan.steps.0) &* rows &* inner
              let other = (second &+ matrix &* plan.steps.1) &* inner &* columns
              let target = (start &+ matrix) &* rows &* columns
              for row in 0..<rows {
                for column in 0..<columns { sums[column] = .zero }
                for k in 0..<inner {
                  let factor = a[from &+ row &* inner &+ k].number
                  let line = other &+ k &* columns
                  for column in 0..<columns { sums[column] = sums[column].plus(factor.times(b[line &+ column].number)) }
                }
                for column in 0..<columns { result[target &+ row &* columns &+ column] = Scalar(number: sums[column]) }
              }
            }
          }
        }
      }
    }
  }
}
