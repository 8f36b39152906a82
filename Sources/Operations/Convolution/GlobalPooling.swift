import GraphIR
import Tensors

/// A reduction over all spatial axes of `[batch, channels, spatial…]`, which stay with size 1.
protocol GlobalPoolingOperation: GraphOperation {
  associatedtype Reduction: GraphOperation
  var reduction: Reduction { get }
}

extension GlobalPoolingOperation {
  public func infer(_ inputs: Operands<ValueInfo>) throws -> [ValueInfo] {
    let data = try inputs[0]
    guard let dimensions = data.shape.dimensions else { return [ValueInfo(data.type)] }
    try require(dimensions.count >= 2, "2 axes or more were expected, found \(data.type)")
    return [ValueInfo(data.element, Shape(dimensions[..<2] + dimensions[2...].map { _ in 1 }))]
  }

  public func evaluate(_ inputs: Operands<Tensor>) throws -> [Tensor] {
    let data = try inputs[0]
    try require(data.rank >= 2, "2 axes or more were expected, found \(data.shape)")
    guard data.rank > 2 else { return [data] }
    return try reduction.evaluate(Operands([data, Tensor((2..<data.rank).map { Int64($0) })]))
  }
}

/// The mean over all spatial axes.
public struct GlobalAveragePool: GlobalPoolingOperation {
  public init() {}

  public static let schema = Schema<Self>(
    "GlobalAveragePool", inputs: ["data"], spellings: [.onnx("GlobalAveragePool")])

  var reduction: ReduceMean { ReduceMean() }
}

/// The greatest element over all spatial axes.
public struct GlobalMaxPool: GlobalPoolingOperation {
  public init() {}

  public static let schema = Schema<Self>("GlobalMaxPool", inputs: ["data"], spellings: [.onnx("GlobalMaxPool")])

  var reduction: ReduceMax { ReduceMax() }
}
