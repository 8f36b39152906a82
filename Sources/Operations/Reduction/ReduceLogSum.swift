import GraphIR
import Tensors

/// The logarithm of the sum along `axes`.
public struct ReduceLogSum: GraphOperation {
  public var keepsAxes = true
  public var keepsAllWithoutAxes = false

  public init() {}

  public static let schema = Schema<Self>(
    "ReduceLogSum", inputs: ["data", .optional("axes")],
    attributes: [.init("keepdims", \.keepsAxes), .init("noop_with_empty_axes", \.keepsAllWithoutAxes)],
    spellings: [.onnx("ReduceLogSum", since: 18)])

  private var sum: ReduceSum {
    var sum = ReduceSum()
    (sum.keepsAxes, sum.keepsAllWithoutAxes) = (keepsAxes, keepsAllWithoutAxes)
    return sum
  }

  public func infer(_ inputs: Operands<ValueInfo>) throws -> [ValueInfo] {
    [ValueInfo(try sum.infer(inputs)[0].type)]
  }

  public func evaluate(_ inputs: Operands<Tensor>) throws -> [Tensor] {
    try throughReals(inputs) { try Log().evaluate(Operands([try sum.evaluate($0)[0]])) }
  }
}

/// The logarithm of the sum of exponentials along `axes`, taken relative to the greatest element so that none overflows.
public struct ReduceLogSumExp: GraphOperation {
  public var keepsAxes = true
  public var keepsAllWithoutAxes = false

  public init() {}

  public static let schema = Schema<Self>(
    "ReduceLogSumExp", inputs: ["data", .optional("axes")],
    attributes: [.init("keepdims", \.keepsAxes), .init("noop_with_empty_axes", \.keepsAllWithoutAxes)],
    spellings: [.onnx("ReduceLogSumExp", since: 18)])

  public func infer(_ inputs: Operands<ValueInfo>) throws -> [ValueInfo] {
    var sum = ReduceSum()
    (sum.keepsAxes, sum.keepsAllWithoutAxes) = (keepsAxes, keepsAllWithoutAxes)
    return [ValueInfo(try sum.infer(inputs)[0].type)]
  }

  public func evaluate(_ inputs: Operands<Tensor>) throws -> [Tensor] {
    try throughReals(inputs) { [try logarithm(of: try $0[0], along: $0.optional(1))] }
  }

  private func logarithm(of data: Tensor, along axes: Tensor?) throws -> Tensor {
    var (greatest, sum) = (ReduceMax(), ReduceSum())
    greatest.keepsAllWithoutAxes = keepsAllWithoutAxes
    sum.keepsAllWithoutAxes = keepsAllWithoutAxes
    let peak = try finite(try greatest.evaluate(Operands([data, axes]))[0])
    let powers = try Exp().evaluate(Operands([try Sub().evaluate(data, peak)]))[0]
    let logarithm = try Log().evaluate(Operands([try sum.evaluate(Operands([powers, axes]))[0]]))[0]
    let result = try Add().evaluate(logarithm, peak)
    return try result.reshaped(to: try infer(Operands([data, axes]).shapes)[0].shape.sizes ?? result.shape)
  }

  /// An infinite peak counts as 0: the difference from it would be no number.
  private func finite(_ peak: Tensor) throws -> Tensor {
    let isInfinite = try IsInf().evaluate(Operands([peak]))[0]
    let zero = try Tensor(doubles: [0], element: peak.element, shape: [])
    return try Where().evaluate(Operands([isInfinite, zero, peak]))[0]
  }
}

/// What `body` makes of the first input, which is a real number there, in that input's own type.
private func throughReals(
  _ inputs: Operands<Tensor>, _ body: (Operands<Tensor>) throws -> [Tensor]
) throws -> [Tensor] {
  let data = try inputs[0]
  guard data.element.isInteger else { return try body(inputs) }
  let results = try body(Operands([try convert(data, to: .float64), inputs.optional(1)]))
  return try results.map { try convert($0, to: data.element) }
}

extension Operands<Tensor> {
  /// What inference knows of these very tensors.
  var shapes: Operands<ValueInfo> { .init((0..<count).map { optional($0).map { ValueInfo(constant: $0) } }) }
}
