import GraphIR
import Tensors

/// The running sum along `axis` (an input), without the element itself where `exclusive`, from the end where `reverse`.
public struct CumSum: GraphOperation {
  public var exclusive = false
  public var reverse = false

  public init() {}

  public static let schema = Schema<Self>(
    "CumSum", inputs: ["data", "axis"],
    attributes: [.init("exclusive", \.exclusive), .init("reverse", \.reverse)],
    spellings: [.onnx("CumSum", since: 11)])

  public func infer(_ inputs: Operands<ValueInfo>) throws -> [ValueInfo] {
    let data = try inputs[0]
    if let rank = data.rank, let axis = try inputs[1].integers?.first { _ = try normalizedAxis(axis, rank: rank) }
    return [ValueInfo(data.type)]
  }

  public func evaluate(_ inputs: Operands<Tensor>) throws -> [Tensor] {
    let data = try inputs[0]
    let axis = try normalizedAxis(try inputs[1].scalarInteger(), rank: data.rank)
    return [try RunningSum(data: data, axis: axis, operation: self).dispatch(on: data.element)]
  }

  private struct RunningSum: NumberComputation {
    let data: Tensor
    let axis: Int
    let operation: CumSum

    func run<Scalar: NumberScalar>(_ type: Scalar.Type) throws -> Tensor {
      let length = data.shape[axis]
      let inner = product(data.shape[(axis + 1)...])
      return try data.withElements(as: Scalar.self) { values in
        try Tensor.filled(Scalar.self, data.shape) { result in
          guard result.count > 0 else { return }
          for line in 0..<result.count / length {
            let start = line / inner &* inner &* length &+ line % inner
            var sum = Scalar.Number.zero
            for step in 0..<length {
              let index = start &+ (operation.reverse ? length - 1 - step : step) &* inner
              let next = sum.plus(values[index].number)
              result[index] = Scalar(number: operation.exclusive ? sum : next)
              sum = next
            }
          }
        }
      }
    }
  }
}
