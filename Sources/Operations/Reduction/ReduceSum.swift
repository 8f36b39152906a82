import GraphIR
import Tensors

/// The sum along `axes`; of nothing it is 0.
public struct ReduceSum: ReductionOperation {
  public var keepsAxes = true
  public var keepsAllWithoutAxes = false

  public init() {}

  public static let schema = Schema<Self>(
    "ReduceSum", inputs: ["data", .optional("axes")],
    attributes: [.init("keepdims", \.keepsAxes), .init("noop_with_empty_axes", \.keepsAllWithoutAxes)],
    spellings: [.onnx("ReduceSum", since: 13)])

  func start<Number: Arithmetic>(_ type: Number.Type) -> Number { .zero }

  func accumulate<Number: Arithmetic>(_ result: Number, _ value: Number) -> Number { result.plus(value) }

  func reduce(symbols: [Dimension]) -> Dimension { symbols.reduce(Dimension(0), +) }
}

/// The sum of squares along `axes`.
public struct ReduceSumSquare: ReductionOperation {
  public var keepsAxes = true
  public var keepsAllWithoutAxes = false

  public init() {}

  public static let schema = Schema<Self>(
    "ReduceSumSquare", inputs: ["data", .optional("axes")],
    attributes: [.init("keepdims", \.keepsAxes), .init("noop_with_empty_axes", \.keepsAllWithoutAxes)],
    spellings: [.onnx("ReduceSumSquare", since: 18)])

  func prepare<Number: Arithmetic>(_ value: Number) -> Number { value.times(value) }

  func start<Number: Arithmetic>(_ type: Number.Type) -> Number { .zero }

  func accumulate<Number: Arithmetic>(_ result: Number, _ value: Number) -> Number { result.plus(value) }
}

/// The mean along `axes`; that of integers is cut off towards zero.
public struct ReduceMean: ReductionOperation {
  public var keepsAxes = true
  public var keepsAllWithoutAxes = false

  public init() {}

  public static let schema = Schema<Self>(
    "ReduceMean", inputs: ["data", .optional("axes")],
    attributes: [.init("keepdims", \.keepsAxes), .init("noop_with_empty_axes", \.keepsAllWithoutAxes)],
    spellings: [.onnx("ReduceMean", since: 18)])

  func start<Number: Arithmetic>(_ type: Number.Type) -> Number { .zero }

  func accumulate<Number: Arithmetic>(_ result: Number, _ value: Number) -> Number { result.plus(value) }

  func finish<Number: Arithmetic>(_ result: Number, count: Int) -> Number { result.divided(by: Number(count: count)) }
}
