import GraphIR
import Tensors

/// The product along `axes`; of nothing it is 1.
public struct ReduceProd: ReductionOperation {
  public var keepsAxes = true
  public var keepsAllWithoutAxes = false

  public init() {}

  public static let schema = Schema<Self>(
    "ReduceProd", inputs: ["data", .optional("axes")],
    attributes: [.init("keepdims", \.keepsAxes), .init("noop_with_empty_axes", \.keepsAllWithoutAxes)],
    spellings: [.onnx("ReduceProd", since: 18)])

  func start<Number: Arithmetic>(_ type: Number.Type) -> Number { .one }

  func accumulate<Number: Arithmetic>(_ result: Number, _ value: Number) -> Number { result.times(value) }

  func reduce(symbols: [Dimension]) -> Dimension { symbols.reduce(Dimension(1), *) }
}
