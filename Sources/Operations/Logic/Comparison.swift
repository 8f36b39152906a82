import GraphIR
import Tensors

/// An operation that compares the elements of two inputs, which broadcast to each other, and gives booleans.
///
/// Booleans compare as 0 and 1. A comparison with NaN is false.
protocol ComparisonOperation: GraphOperation {
  func compare<Number: Arithmetic>(_ left: Number, _ right: Number) -> Bool
  /// The result for integers of which only expressions are known, where it follows.
  func compare(symbols left: Dimension, _ right: Dimension) -> Bool?
}

extension ComparisonOperation {
  public func infer(_ inputs: Operands<ValueInfo>) throws -> [ValueInfo] {
    let operands = [try inputs[0], try inputs[1]]
    _ = try commonElement(operands)
    let shape = try broadcastShape(operands)
    let contents = broadcastContents(operands, to: shape) { elements in
      compare(symbols: elements[0], elements[1]).map { $0 ? 1 : 0 } ?? .unknown
    }
    return [ValueInfo(TensorType(.bool, shape), contents: contents)]
  }

  public func evaluate(_ inputs: Operands<Tensor>) throws -> [Tensor] {
    let left = try inputs[0]
    let right = try inputs[1]
    try require(
      left.element == right.element,
      "the inputs must have one element type, found \(left.element.rawValue) and \(right.element.rawValue)")
    let shape = try broadcastShape([left.shape, right.shape])
    let plan = try BroadcastPlan([left.shape, right.shape], to: shape)
    guard left.element == .bool else {
      return [
        try ComparisonLoop(operation: self, left: left, right: right, shape: shape, plan: plan)
          .dispatch(on: left.element)
      ]
    }
    return [
      try combineBooleans(left, right) { compare($0 ? UInt8(1) : 0, $1 ? UInt8(1) : 0) }
    ]
  }
}

private struct ComparisonLoop<Operation: ComparisonOperation>: NumberComputation {
  let operation: Operation
  let left: Tensor
  let right: Tensor
  let shape: [Int]
  let plan: BroadcastPlan

  func run<Scalar: NumberScalar>(_ type: Scalar.Type) throws -> Tensor {
    try left.withElements(as: Scalar.self) { first in
      try right.withElements(as: Scalar.self) { second in
        try Tensor.filledBooleans(shape) { result in
          combineBroadcast(plan, first, second, result) { operation.compare($0.number, $1.number) ? UInt8(1) : 0 }
        }
      }
    }
  }
}

/// The booleans that `combine` gives for those of two tensors, which broadcast to each other.
@inline(__always)
func combineBooleans(_ left: Tensor, _ right: Tensor, _ combine: (Bool, Bool) -> Bool) throws -> Tensor {
  let shape = try broadcastShape([left.shape, right.shape])
  let plan = try BroadcastPlan([left.shape, right.shape], to: shape)
  return try left.withBooleans { first in
    try right.withBooleans { second in
      try Tensor.filledBooleans(shape) { result in
        combineBroadcast(plan, first, second, result) { combine($0 != 0, $1 != 0) ? 1 : 0 }
      }
    }
  }
}
