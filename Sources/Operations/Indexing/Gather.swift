import GraphIR
import Tensors

/// The slices of `data` along `axis` that `indices` names; negative indices count from the end.
///
/// `[a…, axis, b…]` and `[i…]` give `[a…, i…, b…]`.
public struct Gather: GraphOperation {
  public var axis = 0

  public init() {}

  public init(axis: Int) { self.axis = axis }

  public static let schema = Schema<Self>(
    "Gather", inputs: ["data", "indices"], attributes: [.init("axis", \.axis)], spellings: [.onnx("Gather")])

  public func infer(_ inputs: Operands<ValueInfo>) throws -> [ValueInfo] {
    let data = try inputs[0]
    let indices = try inputs[1]
    guard let dimensions = data.shape.dimensions else { return [ValueInfo(data.element, .unranked)] }
    let axis = try normalizedAxis(axis, rank: dimensions.count)
    guard let inserted = indices.shape.dimensions else { return [ValueInfo(data.element, .unranked)] }
    if let size = dimensions[axis].constant, let integers = indices.integers {
      _ = try normalizedIndices(integers, size: size)
    }
    let shape = Shape(Array(dimensions[..<axis]) + inserted + dimensions[(axis + 1)...])
    return movingContents(inputs, moved: [0], into: [ValueInfo(data.element, shape)])
  }

  public func evaluate(_ inputs: Operands<Tensor>) throws -> [Tensor] {
    let data = try inputs[0]
    let indices = try inputs[1]
    let axis = try normalizedAxis(axis, rank: data.rank)
    let named = try normalizedIndices(try indices.integers(), size: data.shape[axis])
    let slices = try AxisSelection(data, axis: axis, indices: named).selected()
    return [try slices.reshaped(to: Array(data.shape[..<axis]) + indices.shape + data.shape[(axis + 1)...])]
  }
}
