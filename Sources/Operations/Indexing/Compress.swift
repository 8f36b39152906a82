import GraphIR
import Tensors

/// The slices along `axis` (the elements of the flattened input without it) whose entry of `condition` is true.
public struct Compress: GraphOperation {
  public var axis: Int?

  public init() {}

  public static let schema = Schema<Self>(
    "Compress", inputs: ["input", "condition"], attributes: [.init("axis", \.axis)],
    spellings: [.onnx("Compress", since: 9)])

  public func infer(_ inputs: Operands<ValueInfo>) throws -> [ValueInfo] {
    let input = try inputs[0]
    guard let axis else { return [ValueInfo(input.element, [.unknown])] }
    guard var dimensions = input.shape.dimensions else { return [ValueInfo(input.element, .unranked)] }
    dimensions[try normalizedAxis(axis, rank: dimensions.count)] = .unknown
    return [ValueInfo(input.element, Shape(dimensions))]
  }

  public func evaluate(_ inputs: Operands<Tensor>) throws -> [Tensor] {
    let input = axis == nil ? try inputs[0].reshaped(to: [try inputs[0].count]) : try inputs[0]
    let axis = try normalizedAxis(axis ?? 0, rank: input.rank)
    let flags = try inputs[1].booleans()
    return [try AxisSelection(input, axis: axis, indices: flags.indices.filter { flags[$0] }).selected()]
  }
}
