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
    let running = Accumulation(data: data, axis: axis, exclusive: exclusive, reverse: reverse, multiplies: false)
    return [try running.dispatch(on: data.element)]
  }
}

/// The running product along `axis` (an input), without the element itself where `exclusive`, from the end where `reverse`.
public struct CumProd: GraphOperation {
  public var exclusive = false
  public var reverse = false

  public init() {}

  public static let schema = Schema<Self>(
    "CumProd", inputs: ["data", "axis"],
    attributes: [.init("exclusive", \.exclusive), .init("reverse", \.reverse)],
    spellings: [.onnx("CumProd", since: 26)])

  public func infer(_ inputs: Operands<ValueInfo>) throws -> [ValueInfo] { try CumSum().infer(inputs) }

  public func evaluate(_ inputs: Operands<Tensor>) throws -> [Tensor] {
    let data = try inputs[0]
    let axis = try normalizedAxis(try inputs[1].scalarInteger(), rank: data.rank)
    let running = Accumulation(data: data, axis: axis, exclusive: exclusive, reverse: reverse, multiplies: true)
    return [try running.dispatch(on: data.element)]
  }
}

private struct Accumulation: NumberComputation {
  let data: Tensor
  let axis: Int
  let exclusive: Bool
  let reverse: Bool
  let multiplies: Bool

  func run<Scalar: NumberScalar>(_ type: Scalar.Type) throws -> Tensor {
    let length = data.shape[axis]
    let inner = product(data.shape[(axis + 1)...])
    return try data.withElements(as: Scalar.self) { values in
      try Tensor.filled(Scalar.self, data.shape) { result in
        guard result.count > 0 else { return }
        for line in 0..<result.count / length {
          let start = line / inner &* inner &* length &+ line % inner
          var total = multiplies ? Scalar.Number.one : .zero
          for step in 0..<length {
            let index = start &+ (reverse ? length - 1 - step : step) &* inner
            let number = values[index].number
            let next = multiplies ? total.times(number) : total.plus(number)
            result[index] = Scalar(number: exclusive ? total : next)
            total = next
          }
        }
      }
    }
  }
}
