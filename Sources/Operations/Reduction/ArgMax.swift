import GraphIR
import Tensors

/// An operation that gives the position of the best element along an axis.
protocol ArgumentOperation: GraphOperation {
  var axis: Int { get }
  var keepsAxis: Bool { get }
  var selectsLast: Bool { get }
  func isBetter<Number: Arithmetic>(_ value: Number, than best: Number) -> Bool
}

extension ArgumentOperation {
  public func infer(_ inputs: Operands<ValueInfo>) throws -> [ValueInfo] {
    guard var dimensions = try inputs[0].shape.dimensions else { return [ValueInfo(.int64, .unranked)] }
    let axis = try normalizedAxis(axis, rank: dimensions.count)
    if keepsAxis { dimensions[axis] = 1 } else { dimensions.remove(at: axis) }
    return [ValueInfo(.int64, Shape(dimensions))]
  }

  public func evaluate(_ inputs: Operands<Tensor>) throws -> [Tensor] {
    let data = try inputs[0]
    let axis = try normalizedAxis(axis, rank: data.rank)
    try require(data.shape[axis] > 0, "there is no best of no elements")
    var shape = data.shape
    if keepsAxis { shape[axis] = 1 } else { shape.remove(at: axis) }
    let positions = try ArgumentLoop(operation: self, data: data, axis: axis).dispatch(on: data.element)
    return [try positions.reshaped(to: shape)]
  }
}

private struct ArgumentLoop<Operation: ArgumentOperation>: NumberComputation {
  let operation: Operation
  let data: Tensor
  let axis: Int

  func run<Scalar: NumberScalar>(_ type: Scalar.Type) throws -> Tensor {
    let length = data.shape[axis]
    let inner = product(data.shape[(axis + 1)...])
    let selectsLast = operation.selectsLast
    return try data.withElements(as: Scalar.self) { values in
      try Tensor.filled(Int64.self, [data.count / length]) { result in
        for line in 0..<result.count {
          let start = line / inner &* inner &* length &+ line % inner
          var best = values[start].number
          var position = 0
          for i in 1..<max(length, 1) {
            let value = values[start &+ i &* inner].number
            if operation.isBetter(value, than: best) || (selectsLast && value == best) {
              best = value
              position = i
            }
          }
          result[line] = Int64(position)
        }
      }
    }
  }
}

/// The position of the greatest element along `axis`: the first of equal ones, or the last; NaN counts as greatest.
public struct ArgMax: ArgumentOperation {
  public var axis = 0
  public var keepsAxis = true
  public var selectsLast = false

  public init() {}

  public static let schema = Schema<Self>(
    "ArgMax", inputs: ["data"],
    attributes: [
      .init("axis", \.axis), .init("keepdims", \.keepsAxis), .init("select_last_index", \.selectsLast),
    ],
    spellings: [.onnx("ArgMax")])

  func isBetter<Number: Arithmetic>(_ value: Number, than best: Number) -> Bool {
    value > best || (value.isNotANumber && !best.isNotANumber)
  }
}

/// The position of the least element along `axis`: the first of equal ones, or the last; NaN counts as least.
public struct ArgMin: ArgumentOperation {
  public var axis = 0
  public var keepsAxis = true
  public var selectsLast = false

  public init() {}

  public static let schema = Schema<Self>(
    "ArgMin", inputs: ["data"],
    attributes: [
      .init("axis", \.axis), .init("keepdims", \.keepsAxis), .init("select_last_index", \.selectsLast),
    ],
    spellings: [.onnx("ArgMin")])

  func isBetter<Number: Arithmetic>(_ value: Number, than best: Number) -> Bool {
    value < best || (value.isNotANumber && !best.isNotANumber)
  }
}
