import GraphIR
import Tensors

/// What a node does, by a model that knows nothing but types.
public struct OperationWork: Hashable, Sendable {
  /// Floating-point operations: a multiply-add counts twice, a function of an element once, what only moves elements not at all.
  public var operations: Double
  /// Bytes moved between main memory and the processor: every input read once, every output written once. Attention reads keys
  /// and values once a query tile instead (``AttentionWorkload``).
  public var bytes: Double

  public static let none = OperationWork(operations: 0, bytes: 0)

  public init(operations: Double, bytes: Double) {
    self.operations = operations
    self.bytes = bytes
  }

  public static func + (left: Self, right: Self) -> Self {
    Self(operations: left.operations + right.operations, bytes: left.bytes + right.bytes)
  }

  public static func += (left: inout Self, right: Self) { left = left + right }

  /// The work of `operation` on inputs and outputs of these types; sizes that are not known count as 0.
  public init(of operation: any GraphOperation, inputs: [TensorType?], outputs: [TensorType]) {
    operations = Self.arithmetic(of: operation, inputs: inputs, outputs: outputs)
    bytes = (inputs.compactMap { $0 } + outputs).reduce(0) { $0 + Self.byteCount(of: $1) }
    if let attention = operation as? FlashAttention,
      let workload = AttentionWorkload(attention, inputs: inputs),
      let passes = workload.fusedPasses(queryRows: workload.tile(for: .cpu).queryRows)
    {
      let modifiers = inputs.dropFirst(3).compactMap { $0 }.reduce(0) { $0 + Self.byteCount(of: $1) }
      bytes = passes.reduce(modifiers) { $0 + Double($1.bytes) }
    }
  }

  /// The bytes that a tensor of this type takes; 0 where its sizes are not known.
  public static func byteCount(of type: TensorType) -> Double { count(type) * Double(type.element.bitCount) / 8 }

  private static func count(_ type: TensorType?) -> Double {
    type?.shape.sizes.map { $0.reduce(1) { $0 * Double($1) } } ?? 0
  }

  private static func size(_ type: TensorType?, axis: Int) -> Double {
    guard let sizes = type?.shape.sizes else { return 0 }
    let index = axis < 0 ? sizes.count + axis : axis
    return sizes.indices.contains(index) ? Double(sizes[index]) : 1
  }

  private static func arithmetic(
    of operation: any GraphOperation, inputs: [TensorType?], outputs: [TensorType]
  ) -> Double {
    func input(_ index: Int) -> TensorType? { inputs.indices.contains(index) ? inputs[index] : nil }
    let results = count(outputs.first)
    switch operation {
    case let operation as FlashAttention:
      return AttentionWorkload(operation, inputs: inputs)?.operations ?? 0
    case is MatMul, is MatMulInteger, is QLinearMatMul:
      return 2 * results * size(input(0), axis: -1)
    case let operation as Gemm:
      return results * (2 * size(input(0), axis: operation.transposesLeft ? 0 : 1) + (input(2) == nil ? 0 : 1))
    case let operation as Einsum:
      return operation.multiplyAdds(inputs).map { 2 * $0 } ?? 0
    case is Conv, is ConvInteger, is QLinearConv:
      let weights = operation is QLinearConv ? input(3) : input(1)
      return 2 * results * count(weights) / max(size(weights, axis: 0), 1)
    case is ConvTranspose:
      return 2 * count(input(0)) * count(input(1)) / max(size(input(1), axis: 0), 1)
    case is Softmax, is LogSoftmax:
      // The maximum, its difference, the power, the sum, the quotient.
      return 5 * results
    case is LayerNormalization, is GroupNormalization, is InstanceNormalization, is MeanVarianceNormalization:
      // The mean, its difference, the square, its mean, the quotient, scale and bias.
      return 7 * results
    case is RMSNormalization: return 4 * results
    case is BatchNormalization: return 2 * results
    case is any ReductionOperation, is any PoolingOperation, is any GlobalPoolingOperation, is CumSum:
      return count(input(0))
    case is any UnaryOperation, is any BinaryOperation, is any ComparisonOperation, is Clip, is PRelu, is Where:
      return results * Double(operation is any VariadicOperation ? max(inputs.count - 1, 1) : 1)
    case let operation as any CompositeOperation:
      return decomposed(operation, inputs: inputs)
    default:
      return 0
    }
  }

  /// The arithmetic of the nodes that `operation` stands for.
  private static func decomposed(_ operation: any CompositeOperation, inputs: [TensorType?]) -> Double {
    var graph = Graph()
    let values = inputs.enumerated().map { index, type in type.flatMap { try? graph.addInput(["\(index)"], $0) } }
    guard (try? operation.decompose(values, in: &graph)) != nil else { return 0 }
    return graph.nodes.reduce(0) { sum, node in
      let types = node.inputs.map { $0.map { graph.type(of: $0) } }
      return sum + arithmetic(of: node.operation, inputs: types, outputs: node.outputs.map(\.type))
    }
  }
}

extension AttentionWorkload {
  /// The workload of an attention on inputs of these types; nil where their sizes are not known.
  init?(_ attention: FlashAttention, inputs: [TensorType?]) {
    let sizes = inputs.prefix(3).compactMap { $0?.shape.sizes }
    guard sizes.count == 3, sizes.allSatisfy({ $0.count == 4 }), let element = inputs.first??.element else {
      return nil
    }
    self.init(
      batch: sizes[0][0], heads: sizes[0][1], keyHeads: sizes[1][1], queryLength: sizes[0][2], keyLength: sizes[1][2],
      headSize: sizes[0][3], valueSize: sizes[2][3], element: element, isCausal: attention.causal != .none)
  }
}

extension Einsum {
  /// The product of the sizes of all labels; nil where they are not known.
  fileprivate func multiplyAdds(_ inputs: [TensorType?]) -> Double? {
    let shapes = inputs.compactMap { $0?.shape.sizes }
    guard shapes.count == inputs.count, let parsed = try? EinsumEquation(equation, ranks: shapes.map(\.count)) else {
      return nil
    }
    var sizes: [EinsumEquation.Label: Int] = [:]
    for (labels, shape) in zip(parsed.operands, shapes) {
      for (label, size) in zip(labels, shape) { sizes[label] = max(sizes[label] ?? 1, size) }
    }
    return sizes.values.reduce(1) { $0 * Double($1) }
  }
}
