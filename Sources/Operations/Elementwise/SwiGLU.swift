import GraphIR
import Tensors

/// a · sigmoid(`alpha`·a) · b for two inputs of one shape.
public struct SwiGLU: GraphOperation {
  public var alpha = 1.0

  public init() {}

  public static let schema = Schema<Self>(
    "SwiGLU", inputs: ["gate", "value"], attributes: [.init("alpha", \.alpha)], spellings: [.onnx("SwiGLU", since: 28)])

  public func infer(_ inputs: Operands<ValueInfo>) throws -> [ValueInfo] {
    let operands = [try inputs[0], try inputs[1]]
    return [ValueInfo(try commonElement(operands), try broadcastShape(operands))]
  }

  public func evaluate(_ inputs: Operands<Tensor>) throws -> [Tensor] {
    let gate = try Swish(alpha: alpha).evaluate(Operands([try inputs[0]]))[0]
    return [try Mul().evaluate(gate, try inputs[1])]
  }
}

extension SwiGLU: CompositeOperation {
  public func decompose(_ inputs: [Value?], in graph: inout Graph) throws -> [Value] {
    let gate = try graph.insert(Swish(alpha: alpha), [required(inputs, 0)])
    return [try graph.insert(Mul(), [gate, required(inputs, 1)])]
  }
}
