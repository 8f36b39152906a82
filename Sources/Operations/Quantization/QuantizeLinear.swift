import GraphIR
import Tensors

/// x / scale rounded to even, plus the zero point, cut off at the range of the result's type.
public struct QuantizeLinear: GraphOperation {
  public var axis = 1
  public var blockSize = 0
  public var element: ElementType?
  /// Of meaning for types that are not computed with here.
  public var precision: ElementType?
  public var saturate = true

  public init() {}

  public static let schema = Schema<Self>(
    "QuantizeLinear", inputs: ["input", "scale", .optional("zero_point")],
    attributes: [
      .init("axis", \.axis), .init("block_size", \.blockSize), .init("output_dtype", \.element),
      .init("precision", \.precision), .init("saturate", \.saturate),
    ],
    spellings: [.onnx("QuantizeLinear", since: 10)])

  public func infer(_ inputs: Operands<ValueInfo>) throws -> [ValueInfo] {
    [ValueInfo(inputs.optional(2)?.element ?? element ?? .uint8, try inputs[0].shape)]
  }

  public func evaluate(_ inputs: Operands<Tensor>) throws -> [Tensor] {
    let input = try inputs[0]
    try require(blockSize >= 0, "\(blockSize) is no block size")
    func parameter(_ tensor: Tensor) throws -> Tensor {
      try broadcastParameter(tensor, to: input.shape, axis: axis, blockSize: blockSize)
    }
    let zeroPoint = try inputs.optional(2).map(parameter)
    return [
      try quantized(
        try convert(input, to: .float32), scale: try parameter(try inputs[1]), zeroPoint: zeroPoint,
        to: zeroPoint?.element ?? element ?? .uint8)
    ]
  }
}

/// (x − zero point) · scale.
public struct DequantizeLinear: GraphOperation {
  public var axis = 1
  public var blockSize = 0
  public var element: ElementType?

  public init() {}

  public static let schema = Schema<Self>(
    "DequantizeLinear", inputs: ["input", "scale", .optional("zero_point")],
    attributes: [.init("axis", \.axis), .init("block_size", \.blockSize), .init("output_dtype", \.element)],
    spellings: [.onnx("DequantizeLinear", since: 10)])

  public func infer(_ inputs: Operands<ValueInfo>) throws -> [ValueInfo] {
    [ValueInfo(try element ?? inputs[1].element, try inputs[0].shape)]
  }

  public func evaluate(_ inputs: Operands<Tensor>) throws -> [Tensor] {
    let input = try inputs[0].unpacked()
    let scale = try inputs[1]
    try require(blockSize >= 0, "\(blockSize) is no block size")
    func parameter(_ tensor: Tensor) throws -> Tensor {
      try broadcastParameter(tensor, to: input.shape, axis: axis, blockSize: blockSize)
    }
    let factors = try convert(try parameter(try scale.unpacked()), to: .float32)
    let zeroPoint = try inputs.optional(2).map { try parameter(try $0.unpacked()) }
    let result: Tensor
    if try inputs[0].element.isStorageOnly, !input.element.isInteger {
      let centered = try zeroPoint.map { try Sub().evaluate(input, $0) } ?? input
      result = try Mul().evaluate(centered, factors)
    } else {
      try require(input.element.isInteger, "quantised integers were expected, found \(input.element.rawValue)")
      result = try dequantized(input, factors: factors, zeroPoint: zeroPoint)
    }
    return [try convert(result, to: element ?? scale.element)]
  }
}

/// The input quantised to unsigned 8 bits by its own range, which is made to include 0; also the scale and the zero point.
public struct DynamicQuantizeLinear: GraphOperation {
  public init() {}

  public static let schema = Schema<Self>(
    "DynamicQuantizeLinear", inputs: ["input"], outputs: 3...3, spellings: [.onnx("DynamicQuantizeLinear", since: 11)])

  public func infer(_ inputs: Operands<ValueInfo>) throws -> [ValueInfo] {
    [ValueInfo(.uint8, try inputs[0].shape), ValueInfo(.float32, .scalar), ValueInfo(.uint8, .scalar)]
  }

  public func evaluate(_ inputs: Operands<Tensor>) throws -> [Tensor] {
    let input = try inputs[0]
    let (low, high) = try input.withElements(as: Float.self) { values in
      values.reduce(into: (Float(0), Float(0))) { range, value in
        range = (min(range.0, value), max(range.1, value))
      }
    }
    let scale = high == low ? 1 : (high - low) / 255
    let zeroPoint = (-low / scale).rounded(.toNearestOrEven)
    try require(zeroPoint.isFinite, "the range from \(low) to \(high) can't be quantised")
    let (factor, point) = (Tensor(scalar: scale), Tensor(scalar: UInt8(min(max(zeroPoint, 0), 255))))
    return [try quantized(input, scale: factor, zeroPoint: point, to: .uint8), factor, point]
  }
}
