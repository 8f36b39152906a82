import Foundation
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
    let axis = try normalizedAxis(axis, rank: data.rank)
    let length = data.shape[axis]
    let inner = data.shape[(axis + 1)...].reduce(1, *)
    var values = try data.doubles()
    guard length > 0, inner > 0 else { return [data] }
    for start in stride(from: 0, to: values.count, by: length * inner) {
      for offset in start..<(start + inner) {
        let row = stride(from: offset, to: offset + length * inner, by: inner)
        var maximum = -Double.infinity
        for index in row { maximum = values[index].isNaN ? .nan : max(maximum, values[index]) }
        var sum = 0.0
        for index in row {
          values[index] = exp(values[index] - maximum)
          sum += values[index]
        }
        for index in row { values[index] /= sum }
      }
    }
    return [try Tensor(doubles: values, element: data.element, shape: data.shape)]
  }
}
