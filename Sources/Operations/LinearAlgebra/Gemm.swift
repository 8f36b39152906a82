import GraphIR
import Tensors

/// `alpha`·A·B + `beta`·C for matrices A and B, either of which may be transposed first; C broadcasts to the product.
public struct Gemm: GraphOperation {
  public var alpha = 1.0
  public var beta = 1.0
  public var transposesLeft = false
  public var transposesRight = false

  public init() {}

  public static let schema = Schema<Self>(
    "Gemm", inputs: ["left", "right", .optional("addend")],
    attributes: [
      .init("alpha", \.alpha), .init("beta", \.beta), .init("transA", \.transposesLeft),
      .init("transB", \.transposesRight),
    ],
    spellings: [.onnx("Gemm", since: 7)])

  public func infer(_ inputs: Operands<ValueInfo>) throws -> [ValueInfo] {
    let left = try inputs[0]
    let right = try inputs[1]
    let element = try commonElement(inputs.present)
    for operand in [left, right] {
      if let rank = operand.rank { try require(rank == 2, "a matrix was expected, found \(operand.type)") }
    }
    let a = left.shape.dimensions ?? [.unknown, .unknown]
    let b = right.shape.dimensions ?? [.unknown, .unknown]
    let (rows, inner) = transposesLeft ? (a[1], a[0]) : (a[0], a[1])
    let (other, columns) = transposesRight ? (b[1], b[0]) : (b[0], b[1])
    if let inner = inner.constant, let other = other.constant {
      try require(inner == other, "matrices \(left.shape) and \(right.shape) can't be multiplied: \(inner) ≠ \(other)")
    }
    let shape: Shape = [rows, columns]
    if let addend = inputs.optional(2) {
      let broadcast = try Shape.broadcast(addend.shape, shape)
      try require((broadcast.rank ?? 2) == 2, "\(addend.shape) does not broadcast to \(shape)")
    }
    return [ValueInfo(element, shape)]
  }

  public func evaluate(_ inputs: Operands<Tensor>) throws -> [Tensor] {
    let left = try inputs[0]
    let right = try inputs[1]
    try require(left.rank == 2 && right.rank == 2, "matrices were expected, found \(left.shape) and \(right.shape)")
    let swap = Transpose([1, 0])
    let a = transposesLeft ? try swap.evaluate(Operands([left]))[0] : left
    let b = transposesRight ? try swap.evaluate(Operands([right]))[0] : right
    let product = try scaled(try multiplied(a, b), by: alpha)
    guard let addend = inputs.optional(2), beta != 0 else { return [product] }
    let sum = try Add().evaluate(product, try scaled(addend, by: beta))
    try require(sum.shape == product.shape, "\(addend.shape) does not broadcast to \(product.shape)")
    return [sum]
  }

  private func scaled(_ tensor: Tensor, by factor: Double) throws -> Tensor {
    guard factor != 1 else { return tensor }
    return try Mul().evaluate(tensor, try Tensor(doubles: [factor], element: tensor.element, shape: []))
  }
}
