import GraphIR
import Tensors

/// The greatest elements that `MaxPool` found put back where they were, 0 everywhere else.
///
/// Places are counted in the input that the window's attributes make of the pooled shape; `output_shape` gives a larger result, of which that
/// is the beginning.
public struct MaxUnpool: GraphOperation {
  public var kernelShape: [Int] = []
  public var pads: [Int] = []
  public var strides: [Int] = []

  public init() {}

  public static let schema = Schema<Self>(
    "MaxUnpool", inputs: ["data", "indices", .optional("output_shape")],
    attributes: [.init("kernel_shape", \.kernelShape), .init("pads", \.pads), .init("strides", \.strides)],
    spellings: [.onnx("MaxUnpool", since: 9)])

  public func infer(_ inputs: Operands<ValueInfo>) throws -> [ValueInfo] {
    let data = try inputs[0]
    _ = try inputs[1]
    if let given = inputs.optional(2) {
      return [ValueInfo(data.element, try given.listedSizes().map { Shape($0) } ?? unknownShape(rank: data.rank))]
    }
    return [ValueInfo(data.element, try unpooled(data.shape))]
  }

  private func unpooled(_ shape: Shape) throws -> Shape {
    let window = try SlidingWindow(
      kernel: kernelShape, strides: strides, dilations: [], pads: pads, automatic: .notSet)
    guard let sizes = shape.dimensions else { return unknownShape(rank: kernelShape.count + 2) }
    try require(sizes.count == kernelShape.count + 2, "\(kernelShape.count + 2) axes were expected, found \(shape)")
    return Shape(
      sizes[..<2]
        + sizes[2...].enumerated().map { axis, size in
          (size - 1) * Dimension(window.strides[axis])
            + Dimension(window.kernel[axis] - window.before[axis] - window.after[axis])
        })
  }

  public func evaluate(_ inputs: Operands<Tensor>) throws -> [Tensor] {
    let (data, places) = (try inputs[0], try inputs[1])
    try require(places.shape == data.shape, "indices of shape \(data.shape) were expected, found \(places.shape)")
    guard let shape = try unpooled(Shape(data.shape)).sizes else {
      throw ModelError.invalid("the unpooled sizes are not known")
    }
    let zeros = try Tensor(element: data.element, shape: shape) { _ in }
    let result = try Scatter(
      data: zeros, positions: try places.integers(), updates: data, run: 1, reduction: .none
    ).scattered()
    guard let larger = try inputs.optional(2)?.listedIntegers() else { return [result] }
    try require(
      larger.count == shape.count && zip(larger, shape).allSatisfy { $0 >= $1 },
      "the output shape \(larger) is smaller than \(shape)")
    let padding = Tensor((shape.map { _ in 0 } + zip(larger, shape).map { $0 - $1 }).map { Int64($0) })
    return try Pad().evaluate(Operands([result, padding]))
  }
}
