import GraphIR
import Tensors

/// The sum of magnitudes along `axes`.
public struct ReduceL1: ReductionOperation {
  public var keepsAxes = true
  public var keepsAllWithoutAxes = false

  public init() {}

  public static let schema = Schema<Self>(
    "ReduceL1", inputs: ["data", .optional("axes")],
    attributes: [.init("keepdims", \.keepsAxes), .init("noop_with_empty_axes", \.keepsAllWithoutAxes)],
    spellings: [.onnx("ReduceL1", since: 18)])

  func prepare<Number: Arithmetic>(_ value: Number) -> Number { value.absolute }

  func start<Number: Arithmetic>(_ type: Number.Type) -> Number { .zero }

  func accumulate<Number: Arithmetic>(_ result: Number, _ value: Number) -> Number { result.plus(value) }
}

/// The square root of the sum of squares along `axes`.
public struct ReduceL2: ReductionOperation {
  public var keepsAxes = true
  public var keepsAllWithoutAxes = false

  public init() {}

  public static let schema = Schema<Self>(
    "ReduceL2", inputs: ["data", .optional("axes")],
    attributes: [.init("keepdims", \.keepsAxes), .init("noop_with_empty_axes", \.keepsAllWithoutAxes)],
    spellings: [.onnx("ReduceL2", since: 18)])

  func prepare<Number: Arithmetic>(_ value: Number) -> Number { value.times(value) }

  func start<Number: Arithmetic>(_ type: Number.Type) -> Number { .zero }

  func accumulate<Number: Arithmetic>(_ result: Number, _ value: Number) -> Number { result.plus(value) }

  func finish<Number: Arithmetic>(_ result: Number, count: Int) -> Number { result.raised(to: 0.5) }
}
