import GraphIR
import Tensors

/// The greatest element along `axes`, NaN where one is; of nothing it is the least value of the type.
public struct ReduceMax: ReductionOperation {
  public var keepsAxes = true
  public var keepsAllWithoutAxes = false

  public init() {}

  public static let schema = Schema<Self>(
    "ReduceMax", inputs: ["data", .optional("axes")],
    attributes: [.init("keepdims", \.keepsAxes), .init("noop_with_empty_axes", \.keepsAllWithoutAxes)],
    spellings: [.onnx("ReduceMax", since: 18)])

  func start<Number: Arithmetic>(_ type: Number.Type) -> Number { .lowest }

  func accumulate<Number: Arithmetic>(_ result: Number, _ value: Number) -> Number { result.maximum(value) }

  func reduce(symbols: [Dimension]) -> Dimension {
    symbols.dropFirst().reduce(symbols.first ?? .unknown) { .maximum($0, $1) }
  }
}

/// The least element along `axes`, NaN where one is; of nothing it is the greatest value of the type.
public struct ReduceMin: ReductionOperation {
  public var keepsAxes = true
  public var keepsAllWithoutAxes = false

  public init() {}

  public static let schema = Schema<Self>(
    "ReduceMin", inputs: ["data", .optional("axes")],
    attributes: [.init("keepdims", \.keepsAxes), .init("noop_with_empty_axes", \.keepsAllWithoutAxes)],
    spellings: [.onnx("ReduceMin", since: 18)])

  func start<Number: Arithmetic>(_ type: Number.Type) -> Number { .highest }

  func accumulate<Number: Arithmetic>(_ result: Number, _ value: Number) -> Number { result.minimum(value) }

  func reduce(symbols: [Dimension]) -> Dimension {
    symbols.dropFirst().reduce(symbols.first ?? .unknown) { .minimum($0, $1) }
  }
}
