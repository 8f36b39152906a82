import GraphIR
import Tensors

/// (x − mean) / (√variance + 10⁻⁹), with mean and variance over `axes`.
public struct MeanVarianceNormalization: GraphOperation {
  public var axes = [0, 2, 3]

  public init() {}

  public static let schema = Schema<Self>(
    "MeanVarianceNormalization", inputs: ["data"], attributes: [.init("axes", \.axes)],
    spellings: [.onnx("MeanVarianceNormalization", since: 9)])

  public func infer(_ inputs: Operands<ValueInfo>) throws -> [ValueInfo] {
    let data = try inputs[0]
    if let rank = data.rank { _ = try normalizedAxes(axes, rank: rank) }
    return [ValueInfo(data.type)]
  }

  public func evaluate(_ inputs: Operands<Tensor>) throws -> [Tensor] {
    let data = try inputs[0]
    let axes = Tensor(axes.map { Int64($0) })
    let mean = try ReduceMean().evaluate(Operands([data, axes]))[0]
    let distance = try Sub().evaluate(data, mean)
    let square = try Mul().evaluate(distance, distance)
    let variance = try ReduceMean().evaluate(Operands([square, axes]))[0]
    let small = try Tensor(doubles: [1e-9], element: data.element, shape: [])
    let deviation = try Add().evaluate(try Sqrt().evaluate(Operands([variance]))[0], small)
    return [try Div().evaluate(distance, deviation)]
  }
}

/// x over its norm along `axis`, Σ|x| or √Σx²; where that is 0 the result is 0.
public struct LpNormalization: GraphOperation {
  public var axis = -1
  public var exponent = 2

  public init() {}

  public static let schema = Schema<Self>(
    "LpNormalization", inputs: ["data"], attributes: [.init("axis", \.axis), .init("p", \.exponent)],
    spellings: [.onnx("LpNormalization")])

  public func infer(_ inputs: Operands<ValueInfo>) throws -> [ValueInfo] {
    try require(exponent == 1 || exponent == 2, "the norm must be the first or the second, found \(exponent)")
    return try Softmax(axis: axis).infer(inputs)
  }

  public func evaluate(_ inputs: Operands<Tensor>) throws -> [Tensor] {
    let data = try inputs[0]
    _ = try infer(inputs.shapes)
    let axes = Tensor([Int64(axis)])
    let norm =
      exponent == 1
      ? try ReduceL1().evaluate(Operands([data, axes]))[0] : try ReduceL2().evaluate(Operands([data, axes]))[0]
    let zero = try Tensor(doubles: [0], element: data.element, shape: [])
    let isZero = try Equal().evaluate(Operands([norm, zero]))[0]
    return try Where().evaluate(Operands([isZero, zero, try Div().evaluate(data, norm)]))
  }
}
