import GraphIR
import Tensors

/// `activation`(`left` · `right` + `bias`): a product of matrices, a number added to every column, and a function of each element.
///
/// As code:
///
///     var result = left • (transposesRight ? right.transposed : right)
///     result += bias
///     return activation(result)
public struct MatMulBiasActivation: GraphOperation {
  public enum Activation: String, Hashable, Sendable, CaseIterable, AttributeConvertible {
    case relu, sigmoid, tanh, gelu
    /// GELU with the hyperbolic tangent that approximates it.
    case tanhGelu
    /// x · sigmoid(`alpha`·x)
    case swish
  }

  public var activation = Activation.relu
  /// The factor in `swish`.
  public var alpha = 1.0
  /// Whether `right`, a single matrix, has a row for every column of the result.
  public var transposesRight = false

  public init() {}

  public static let schema = Schema<Self>(
    "MatMulBiasActivation", inputs: ["left", "right", "bias"],
    attributes: [
      .init("activation", \.activation), .init("alpha", \.alpha), .init("transB", \.transposesRight),
    ])

  /// The activation as an operation.
  public var function: any GraphOperation {
    switch activation {
    case .relu: Relu()
    case .sigmoid: Sigmoid()
    case .tanh: Tanh()
    case .gelu: Gelu()
    case .tanhGelu: Gelu(approximate: .tanh)
    case .swish: Swish(alpha: alpha)
    }
  }

  public func infer(_ inputs: Operands<ValueInfo>) throws -> [ValueInfo] {
    let operands = Operands<ValueInfo>([try inputs[0], try inputs[1]])
    let product = try transposesRight ? transposed.infer(operands)[0] : MatMul().infer(operands)[0]
    let bias = try inputs[2]
    let sum = try Add().infer(Operands([product, bias]))[0]
    try require(product.rank == nil || sum.rank == product.rank, "a bias \(bias.shape) does not fit \(product.shape)")
    return [sum]
  }

  public func evaluate(_ inputs: Operands<Tensor>) throws -> [Tensor] { try evaluateDecomposed(inputs) }

  private var transposed: Gemm {
    var product = Gemm()
    product.transposesRight = true
    return product
  }
}

extension MatMulBiasActivation: CompositeOperation {
  public func decompose(_ inputs: [Value?], in graph: inout Graph) throws -> [Value] {
    let (left, right, bias) = (try required(inputs, 0), try required(inputs, 1), try required(inputs, 2))
    let sum =
      transposesRight
      ? try graph.insert(transposed, [left, right, bias])
      : try graph.insert(Add(), [graph.insert(MatMul(), [left, right]), bias])
    return [try graph.insert(function, [sum])]
  }
}
