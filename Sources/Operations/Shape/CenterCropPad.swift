import GraphIR
import Tensors

/// The middle of the input, cut out or surrounded by zeros to the sizes that `shape` lists for `axes` (all if left out).
public struct CenterCropPad: GraphOperation {
  public var axes: [Int]?

  public init() {}

  public static let schema = Schema<Self>(
    "CenterCropPad", inputs: ["input", "shape"], attributes: [.init("axes", \.axes)],
    spellings: [.onnx("CenterCropPad", since: 18)])

  public func infer(_ inputs: Operands<ValueInfo>) throws -> [ValueInfo] {
    let input = try inputs[0]
    guard var dimensions = input.shape.dimensions else { return [ValueInfo(input.element, .unranked)] }
    let axes = try normalizedAxes(axes ?? Array(dimensions.indices), rank: dimensions.count)
    let sizes = try inputs[1].listedSizes()
    if let sizes { try require(sizes.count == axes.count, "\(sizes.count) sizes don't fit \(axes.count) axes") }
    for (index, axis) in axes.enumerated() { dimensions[axis] = sizes?[index].asSize ?? .unknown }
    return [ValueInfo(input.element, Shape(dimensions))]
  }

  public func evaluate(_ inputs: Operands<Tensor>) throws -> [Tensor] {
    let input = try inputs[0]
    let sizes = try inputs[1].listedIntegers()
    let axes = try normalizedAxes(axes ?? Array(input.shape.indices), rank: input.rank)
    try require(sizes.count == axes.count, "\(sizes.count) sizes don't fit \(axes.count) axes")
    var pads = [Int](repeating: 0, count: 2 * axes.count)
    for (index, axis) in axes.enumerated() {
      let size = input.shape[axis]
      try require(sizes[index] >= 0 && size <= Int.max / 2, "\(sizes[index]) is no size")
      let added = sizes[index] - size
      // Of an odd number the smaller part is at the start.
      pads[index] = added >= 0 ? added / 2 : -(-added / 2)
      pads[index + axes.count] = added - pads[index]
    }
    let (padding, named) = (Tensor(pads.map { Int64($0) }), Tensor(axes.map { Int64($0) }))
    return try Pad().evaluate(Operands([input, padding, nil, named]))
  }
}
