import GraphIR
import Operations
import Rewriting

/// activation(left · right + bias)  →  MatMulBiasActivation(left, right, bias)
public struct MatMulBiasActivationFusionPass: PatternFusionPass {
  public let name = "MatMulBiasActivationFusionPass"
  private let left = Capture<Value>("left")
  private let right = Capture<Value>("right")
  private let bias = Capture<Value>("bias")
  private let product = Capture<Value>("product")

  public init() {}

  public var pattern: Pattern {
    let (left, right, bias) = (Pattern.value(left), Pattern.value(right), Pattern.value(bias))
    let product = MatMul.of(left, right).anchored.named(product) + bias
    let gemm = Gemm.of(left, right, bias).anchored.named(self.product).checked { value, _, graph in
      guard let gemm = graph.operation(of: value, as: Gemm.self), gemm.alpha == 1, gemm.beta == 1, !gemm.transposesLeft
      else { throw Reason("other-form", "a product that is not scaled and whose rows are the left's was expected") }
    }
    let sum = Pattern.oneOf([product, gemm])
    return .oneOf([
      Relu.of(sum), Sigmoid.of(sum), Tanh.of(sum), Gelu.of(sum), Swish.of(sum),
    ])
  }

  public func replacement(for match: Match, in draft: inout GraphDraft) throws -> Value {
    let (left, right, bias) = (try match[left], try match[right], try match[bias])
    let product = try match[product]
    for operand in [left, right] {
      guard let rank = draft.graph.type(of: operand).rank, rank >= 2 else {
        throw Reason("unknown-shape", "matrices were expected, found \(draft.graph.type(of: operand))")
      }
      try draft.graph.requireGiven(operand, to: product)
    }
    let rank = draft.graph.type(of: product).rank ?? 0
    try draft.graph.requireFeatures(bias, of: product, from: rank - 1)
    var fused = MatMulBiasActivation()
    fused.transposesRight = draft.graph.operation(of: product, as: Gemm.self)?.transposesRight ?? false
    switch draft.graph[match.root.node].operation {
    case is Sigmoid: fused.activation = .sigmoid
    case is Tanh: fused.activation = .tanh
    case let gelu as Gelu: fused.activation = gelu.approximate == .tanh ? .tanhGelu : .gelu
    case let swish as Swish: (fused.activation, fused.alpha) = (.swish, swish.alpha)
    default: fused.activation = .relu
    }
    return try draft.fuse(fused, [left, right, bias])
  }

  public func isFused(_ node: Node, in graph: Graph) -> Bool { node.is(MatMulBiasActivation.self) }
}

extension Graph {
  /// Throws a `Reason` where the node of the source that multiplies also computes `operand`, as one that unpacks its weights does: a
  /// fused product would leave these unpacked.
  fileprivate func requireGiven(_ operand: Value, to product: Value) throws {
    var node = self[operand.node]
    while let source = ShapeStep.source(of: node) { node = self[source.node] }
    guard !node.is(Constant.self), !Set(node.origin.sources).isDisjoint(with: self[product.node].origin.sources) else {
      return
    }
    throw Reason(
      "other-form", "a product of two given matrices was expected, found \(kind(of: product.node)), which computes one",
      node: self[product.node].label)
  }
}
