import GraphIR
import Tensors

/// The product of matrices of 8-bit integers, each less its zero point, in 32-bit integers.
public struct MatMulInteger: GraphOperation {
  public init() {}

  public static let schema = Schema<Self>(
    "MatMulInteger", inputs: ["left", "right", .optional("left_zero_point"), .optional("right_zero_point")],
    spellings: [.onnx("MatMulInteger", since: 10)])

  public func infer(_ inputs: Operands<ValueInfo>) throws -> [ValueInfo] {
    let wide = [try inputs[0], try inputs[1]].map { ValueInfo(.int32, $0.shape) }
    return try MatMul().infer(Operands(wide))
  }

  public func evaluate(_ inputs: Operands<Tensor>) throws -> [Tensor] {
    [
      try multiplied(
        try centered(try inputs[0], zeroPoint: inputs.optional(2), axis: -2),
        try centered(try inputs[1], zeroPoint: inputs.optional(3), axis: -1))
    ]
  }
}

/// The product of quantised matrices, quantised again.
public struct QLinearMatMul: GraphOperation {
  public init() {}

  public static let schema = Schema<Self>(
    "QLinearMatMul",
    inputs: [
      "left", "left_scale", "left_zero_point", "right", "right_scale", "right_zero_point", "scale", "zero_point",
    ],
    spellings: [.onnx("QLinearMatMul", since: 10)])

  public func infer(_ inputs: Operands<ValueInfo>) throws -> [ValueInfo] {
    let wide = [try inputs[0], try inputs[3]].map { ValueInfo(.int32, $0.shape) }
    return [ValueInfo(try inputs[7].element, try MatMul().infer(Operands(wide))[0].shape)]
  }

  public func evaluate(_ inputs: Operands<Tensor>) throws -> [Tensor] {
    let left = try inputs[0]
    let right = try inputs[3]
    let sums = try multiplied(
      try centered(left, zeroPoint: try inputs[2], axis: -2), try centered(right, zeroPoint: try inputs[5], axis: -1))
    var product = try convert(sums, to: .float32)
    let scales = [(try inputs[1], left, -2), (try inputs[4], right, -1)]
    for (scale, operand, axis) in scales {
      let factors = try broadcastParameter(scale, to: operand.shape, axis: axis, blockSize: 0)
      product = try Mul().evaluate(product, try convert(factors, to: .float32))
    }
    return [try quantized(product, scale: try inputs[6], zeroPoint: try inputs[7], to: try inputs[7].element)]
  }
}

/// The convolution of 8-bit integers, each less its zero point, in 32-bit integers; attributes as in `Conv`.
public struct ConvInteger: GraphOperation {
  public var conv = Conv()

  public init() {}

  public static let schema = Schema<Self>(
    "ConvInteger", inputs: ["data", "weights", .optional("data_zero_point"), .optional("weights_zero_point")],
    attributes: [
      .init("auto_pad", \.conv.autoPad), .init("dilations", \.conv.dilations), .init("group", \.conv.group),
      .init("kernel_shape", \.conv.kernelShape), .init("pads", \.conv.pads), .init("strides", \.conv.strides),
    ],
    spellings: [.onnx("ConvInteger", since: 10)])

  public func infer(_ inputs: Operands<ValueInfo>) throws -> [ValueInfo] {
    try conv.infer(Operands([try inputs[0], try inputs[1]].map { ValueInfo(.int32, $0.shape) }))
  }

  public func evaluate(_ inputs: Operands<Tensor>) throws -> [Tensor] {
    try conv.evaluate(
      Operands([
        try centered(try inputs[0], zeroPoint: inputs.optional(2), axis: 1),
        try centered(try inputs[1], zeroPoint: inputs.optional(3), axis: 0),
      ]))
  }
}

/// The convolution of quantised data, quantised again; the bias is in 32-bit integers of both scales' product.
public struct QLinearConv: GraphOperation {
  public var conv = Conv()

  public init() {}

  public static let schema = Schema<Self>(
    "QLinearConv",
    inputs: [
      "data", "data_scale", "data_zero_point", "weights", "weights_scale", "weights_zero_point", "scale", "zero_point",
      .optional("bias"),
    ],
    attributes: [
      .init("auto_pad", \.conv.autoPad), .init("dilations", \.conv.dilations), .init("group", \.conv.group),
      .init("kernel_shape", \.conv.kernelShape), .init("pads", \.conv.pads), .init("strides", \.conv.strides),
    ],
    spellings: [.onnx("QLinearConv", since: 10)])

  public func infer(_ inputs: Operands<ValueInfo>) throws -> [ValueInfo] {
    let wide = [try inputs[0], try inputs[3]].map { ValueInfo(.int32, $0.shape) }
    return [ValueInfo(try inputs[7].element, try conv.infer(Operands(wide))[0].shape)]
  }

  public func evaluate(_ inputs: Operands<Tensor>) throws -> [Tensor] {
    let weights = try inputs[3]
    let sums = try conv.evaluate(
      Operands([
        try centered(try inputs[0], zeroPoint: try inputs[2], axis: 1),
        try centered(weights, zeroPoint: try inputs[5], axis: 0), inputs.optional(8),
      ]))[0]
    let scales = try convert(try inputs[4], to: .float32)
    let perFilter = scales.count == 1 ? [] : [scales.count] + Array(repeating: 1, count: sums.rank - 2)
    var product = try Mul().evaluate(try convert(sums, to: .float32), try scales.reshaped(to: perFilter))
    product = try Mul().evaluate(product, try convert(try inputs[1].reshaped(to: []), to: .float32))
    return [try quantized(product, scale: try inputs[6], zeroPoint: try inputs[7], to: try inputs[7].element)]
  }
}
