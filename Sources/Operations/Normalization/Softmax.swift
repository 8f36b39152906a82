import GraphIR
import Tensors

/// Normalises `data` along `axis` so that it sums to one: exp(x − max) / Σ exp(x − max).
public struct Softmax: GraphOperation {
  public var axis = -1

  public init() {}

  public init(axis: Int) { self.axis = axis }

  public static let schema = Schema<Self>(
    "Softmax", inputs: ["data"], attributes: [.init("axis", \.axis)],
    spellings: [.onnx("Softmax", since: 13), .openVINO("SoftMax", since: 8)])

  public func infer(_ inputs: Operands<ValueInfo>) throws -> [ValueInfo] {
    let data = try inputs[0]
    if let rank = data.rank { _ = try normalizedAxis(axis, rank: rank) }
    return [ValueInfo(data.type)]
  }

  public func evaluate(_ inputs: Operands<Tensor>) throws -> [Tensor] {
    let data = try inputs[0]
    return [try Normalized(data: data, axis: axis, logarithmic: false).dispatch(on: data.element)]
  }
}

/// The logarithm of the softmax along `axis`: x − max − ln Σ exp(x − max).
public struct LogSoftmax: GraphOperation {
  public var axis = -1

  public init() {}

  public static let schema = Schema<Self>(
    "LogSoftmax", inputs: ["data"], attributes: [.init("axis", \.axis)],
    spellings: [.onnx("LogSoftmax", since: 13), .openVINO("LogSoftmax", since: 5)])

  public func infer(_ inputs: Operands<ValueInfo>) throws -> [ValueInfo] {
    try Softmax(axis: axis).infer(inputs)
  }

  public func evaluate(_ inputs: Operands<Tensor>) throws -> [Tensor] {
    let data = try inputs[0]
    return [try Normalized(data: data, axis: axis, logarithmic: true).dispatch(on: data.element)]
  }
}

private struct Normalized: RealComputation {
  let data: Tensor
  let axis: Int
  let logarithmic: Bool

  func run<Scalar: RealScalar>(_ type: Scalar.Type) throws -> Tensor {
    let axis = try normalizedAxis(axis, rank: data.rank)
    let length = data.shape[axis]
    let inner = product(data.shape[(axis + 1)...])
    return try data.withElements(as: Scalar.self) { values in
      try Tensor.filled(Scalar.self, data.shape) { result in
        guard result.count > 0 else { return }
        var row = [Scalar.Number](repeating: .zero, count: length)
        for line in 0..<result.count / length {
          let start = line / inner &* inner &* length &+ line % inner
          var maximum = -Scalar.Number.infinity
          for i in 0..<length {
            row[i] = values[start &+ i &* inner].number
            maximum = maximum.maximum(row[i])
          }
          var sum = Scalar.Number.zero
          for i in 0..<length {
            row[i] -= maximum
            let power = Scalar.Number.exponential(row[i])
            sum += power
            if !logarithmic { row[i] = power }
          }
          let logarithm = Scalar.Number.logarithm(sum)
          for i in 0..<length {
            result[start &+ i &* inner] = Scalar(number: logarithmic ? row[i] - logarithm : row[i] / sum)
          }
        }
      }
    }
  }
}
