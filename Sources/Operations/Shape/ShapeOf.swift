import GraphIR
import Tensors

/// The sizes of the axes from `start` up to `end`, as 64-bit integers. Spelled `Shape`; the type `Tensors.Shape` has that name.
public struct ShapeOf: GraphOperation {
  public var start = 0
  public var end: Int?

  public init() {}

  public init(start: Int = 0, end: Int? = nil) {
    self.start = start
    self.end = end
  }

  public static let schema = Schema<Self>(
    "Shape", inputs: ["data"], attributes: [.init("start", \.start), .init("end", \.end)], spellings: [.onnx("Shape")])

  public func infer(_ inputs: Operands<ValueInfo>) throws -> [ValueInfo] {
    guard let dimensions = try inputs[0].shape.dimensions else { return [ValueInfo(.int64, [.unknown])] }
    let selected = Array(dimensions[range(rank: dimensions.count)])
    return [ValueInfo(TensorType(.int64, Shape([selected.count])), contents: selected)]
  }

  public func evaluate(_ inputs: Operands<Tensor>) throws -> [Tensor] {
    let shape = try inputs[0].shape
    return [Tensor(shape[range(rank: shape.count)].map { Int64($0) })]
  }

  /// The axes asked for; bounds beyond either end are cut off there.
  package func range(rank: Int) -> Range<Int> {
    func clamped(_ axis: Int) -> Int { min(max(axis < 0 ? max(axis, -rank) + rank : axis, 0), rank) }
    let lower = clamped(start)
    return lower..<max(lower, clamped(end ?? rank))
  }
}

/// The number of elements, as a 64-bit integer.
public struct Size: GraphOperation {
  public init() {}

  public static let schema = Schema<Self>("Size", inputs: ["data"], spellings: [.onnx("Size")])

  public func infer(_ inputs: Operands<ValueInfo>) throws -> [ValueInfo] {
    [ValueInfo(TensorType(.int64, .scalar), contents: try inputs[0].shape.elementCount.map { [$0] })]
  }

  public func evaluate(_ inputs: Operands<Tensor>) throws -> [Tensor] { [Tensor(scalar: Int64(try inputs[0].count))] }
}
