import GraphIR
import Tensors

/// A tensor of the shape that the input lists, every element of which is that of `value` (a 32-bit 0.0 if there is none).
public struct ConstantOfShape: GraphOperation {
  public var value: Tensor?

  public init() {}

  public init(_ value: Tensor) { self.value = value }

  public static let schema = Schema<Self>(
    "ConstantOfShape", inputs: ["shape"], attributes: [.init("value", \.value)],
    spellings: [.onnx("ConstantOfShape", since: 9)])

  public func infer(_ inputs: Operands<ValueInfo>) throws -> [ValueInfo] {
    let element = value?.element ?? .float32
    guard let sizes = try inputs[0].listedSizes() else { return [ValueInfo(element, .unranked)] }
    let shape = Shape(sizes.map(\.asSize))
    var contents: [Dimension]?
    if element.isInteger, let value, let count = shape.elementCount?.constant, count <= ValueInfo.symbolsLimit {
      contents = Array(repeating: Dimension(try value.scalarInteger()), count: count)
    }
    return [ValueInfo(TensorType(element, shape), contents: contents)]
  }

  public func evaluate(_ inputs: Operands<Tensor>) throws -> [Tensor] {
    let shape = try inputs[0].listedIntegers()
    let value = value ?? Tensor(scalar: Float(0))
    try require(value.count == 1, "the value must be one element, found \(value.element.rawValue)\(value.shape)")
    return [try StridedCopy(value, shape: shape, strides: Array(repeating: 0, count: shape.count)).copied()]
  }
}
