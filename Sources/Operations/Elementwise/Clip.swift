import GraphIR
import Tensors

/// The elements kept between the scalars `min` and `max`, either of which may be left out; `max` wins where it is less than `min`.
public struct Clip: GraphOperation {
  public init() {}

  public static let schema = Schema<Self>(
    "Clip", inputs: ["input", .optional("min"), .optional("max")], spellings: [.onnx("Clip", since: 11)])

  public func infer(_ inputs: Operands<ValueInfo>) throws -> [ValueInfo] {
    let input = try inputs[0]
    _ = try commonElement(inputs.present)
    let low = inputs.optional(1).map { $0.contents?.first ?? .unknown }
    let high = inputs.optional(2).map { $0.contents?.first ?? .unknown }
    let contents = input.contents?.map { element in
      let raised = low.map { Dimension.maximum(element, $0) } ?? element
      return high.map { Dimension.minimum(raised, $0) } ?? raised
    }
    return [ValueInfo(input.type, contents: contents)]
  }

  public func evaluate(_ inputs: Operands<Tensor>) throws -> [Tensor] {
    let input = try inputs[0]
    for bound in [inputs.optional(1), inputs.optional(2)].compactMap({ $0 }) {
      try require(
        bound.count == 1 && bound.element == input.element,
        "a bound must be one \(input.element.rawValue), found \(bound.element.rawValue)\(bound.shape)")
    }
    return [try Bounded(input: input, low: inputs.optional(1), high: inputs.optional(2)).dispatch(on: input.element)]
  }

  private struct Bounded: NumberComputation {
    let input: Tensor
    let low: Tensor?
    let high: Tensor?

    func run<Scalar: NumberScalar>(_ type: Scalar.Type) throws -> Tensor {
      let low = try low?.values(as: Scalar.self)[0].number ?? .lowest
      let high = try high?.values(as: Scalar.self)[0].number ?? .highest
      return try input.withElements(as: Scalar.self) { values in
        try Tensor.filled(Scalar.self, input.shape) { result in
          for i in 0..<values.count { result[i] = Scalar(number: values[i].number.maximum(low).minimum(high)) }
        }
      }
    }
  }
}
