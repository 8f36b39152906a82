import GraphIR
import Tensors

/// 1 at the first greatest element along `axis`, 0 elsewhere.
public struct Hardmax: GraphOperation {
  public var axis = -1

  public init() {}

  public static let schema = Schema<Self>(
    "Hardmax", inputs: ["data"], attributes: [.init("axis", \.axis)], spellings: [.onnx("Hardmax", since: 13)])

  public func infer(_ inputs: Operands<ValueInfo>) throws -> [ValueInfo] { try Softmax(axis: axis).infer(inputs) }

  public func evaluate(_ inputs: Operands<Tensor>) throws -> [Tensor] {
    let data = try inputs[0]
    let axis = try normalizedAxis(axis, rank: data.rank)
    guard data.count > 0 else { return [data] }
    var argument = ArgMax()
    (argument.axis, argument.keepsAxis) = (axis, false)
    var hot = OneHot()
    hot.axis = axis
    let values = try Tensor(doubles: [0, 1], element: data.element, shape: [2])
    let depth = Tensor(scalar: Int64(data.shape[axis]))
    return try hot.evaluate(Operands([try argument.evaluate(inputs)[0], depth, values]))
  }
}
