import GraphIR
import Tensors

/// The positions of all elements that are not 0, in row-major order: one row an axis, one column an element.
public struct NonZero: GraphOperation {
  public init() {}

  public static let schema = Schema<Self>("NonZero", inputs: ["data"], spellings: [.onnx("NonZero", since: 9)])

  public func infer(_ inputs: Operands<ValueInfo>) throws -> [ValueInfo] {
    [ValueInfo(.int64, [try inputs[0].rank.map { Dimension($0) } ?? .unknown, .unknown])]
  }

  public func evaluate(_ inputs: Operands<Tensor>) throws -> [Tensor] {
    let data = try inputs[0]
    let found = try convert(data, to: .bool).withBooleans { flags in flags.indices.filter { flags[$0] != 0 } }
    let strides = denseStrides(data.shape)
    return [
      try Tensor.filled(Int64.self, [data.rank, found.count]) { result in
        for axis in 0..<data.rank {
          for (column, index) in found.enumerated() {
            result[axis &* found.count &+ column] = Int64(index / strides[axis] % data.shape[axis])
          }
        }
      }
    ]
  }
}
