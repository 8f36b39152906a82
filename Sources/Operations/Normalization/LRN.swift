import Foundation
import GraphIR
import Tensors

/// Local response normalisation: x / (`bias` + `alpha`/`size` · Σ x²)^`beta`, summed over `size` neighbouring channels (axis 1).
public struct LRN: GraphOperation {
  public var alpha = 0.0001
  public var beta = 0.75
  public var bias = 1.0
  public var size = 1

  public init() {}

  public static let schema = Schema<Self>(
    "LRN", inputs: ["data"],
    attributes: [
      .init("alpha", \.alpha), .init("beta", \.beta), .init("bias", \.bias), .init("size", \.size),
    ],
    spellings: [.onnx("LRN")])

  public func infer(_ inputs: Operands<ValueInfo>) throws -> [ValueInfo] {
    let data = try inputs[0]
    try require(size > 0, "\(size) channels can't be summed")
    if let rank = data.rank { try require(rank >= 2, "2 axes or more were expected, found \(data.type)") }
    return [ValueInfo(data.type)]
  }

  public func evaluate(_ inputs: Operands<Tensor>) throws -> [Tensor] {
    _ = try infer(inputs.shapes)
    let data = try inputs[0]
    return [try Response(data: data, operation: self).dispatch(on: data.element)]
  }

  private struct Response: RealComputation {
    let data: Tensor
    let operation: LRN

    func run<Scalar: RealScalar>(_ type: Scalar.Type) throws -> Tensor {
      let channels = data.shape[1]
      let inner = product(data.shape[2...])
      let size = min(operation.size, 2 * channels + 2)
      return try data.withElements(as: Scalar.self) { values in
        try Tensor.filled(Scalar.self, data.shape) { result in
          for index in 0..<result.count {
            let channel = index / inner % channels
            let first = max(channel - (size - 1) / 2, 0)
            let last = min(channel + size / 2, channels - 1)
            var sum = Scalar.Number.zero
            for other in first...last {
              let value = values[index &+ (other - channel) &* inner].number
              sum += value * value
            }
            let base = operation.bias + operation.alpha / Double(operation.size) * Double(sum)
            result[index] = Scalar(number: values[index].number / Scalar.Number(pow(base, operation.beta)))
          }
        }
      }
    }
  }
}
