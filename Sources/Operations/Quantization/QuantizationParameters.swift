import GraphIR
import Tensors

/// Scales or zero points seen as a tensor that broadcasts to the data of `shape`.
///
/// One parameter holds for all elements, one an entry of `axis` for that entry, and with a block size each for that many entries.
func broadcastParameter(_ parameter: Tensor, to shape: [Int], axis: Int, blockSize: Int) throws -> Tensor {
  if parameter.count == 1 && blockSize == 0 { return try parameter.reshaped(to: []) }
  let axis = try normalizedAxis(axis, rank: shape.count)
  if blockSize > 0 {
    try require(shape[axis] <= Int(Int32.max) / 16, "an axis of \(shape[axis]) elements is too long for blocks")
    let blocks = shape[axis] / blockSize + (shape[axis] % blockSize == 0 ? 0 : 1)
    var expected = shape
    expected[axis] = blocks
    try require(
      parameter.shape == expected, "parameters of blocks must have the shape \(expected), found \(parameter.shape)")
    return try AxisSelection(parameter, axis: axis, indices: (0..<shape[axis]).map { $0 / blockSize }).selected()
  }
  try require(
    parameter.shape == [shape[axis]],
    "parameters along axis \(axis) must have the shape [\(shape[axis])], found \(parameter.shape)")
  return try parameter.reshaped(to: shape.indices.map { $0 == axis ? shape[axis] : 1 })
}

/// `tensor` in 32-bit integers, less its zero point.
func centered(_ tensor: Tensor, zeroPoint: Tensor?, axis: Int) throws -> Tensor {
  let wide = try convert(tensor, to: .int32)
  guard let zeroPoint else { return wide }
  let point = try broadcastParameter(zeroPoint, to: tensor.shape, axis: axis, blockSize: 0)
  return try Sub().evaluate(wide, try convert(point, to: .int32))
}

/// `values` (32-bit floats) over `scale`, rounded to even, plus `zeroPoint`, kept within the range of `element`.
func quantized(_ values: Tensor, scale: Tensor, zeroPoint: Tensor?, to element: ElementType) throws -> Tensor {
  let range = try quantizedRange(of: element)
  let point = try zeroPoint.map { try convert($0, to: .float32) } ?? Tensor(scalar: Float(0))
  let operands = [values, try convert(scale, to: .float32), point]
  let shape = try broadcastShape(operands.map(\.shape))
  let plan = try BroadcastPlan(operands.map(\.shape), to: shape)
  return try Quantization(
    operands: operands, shape: shape, plan: plan, low: Float(range.lowerBound), high: Float(range.upperBound)
  ).dispatch(on: element)
}

private struct Quantization: NumberComputation {
  let operands: [Tensor]
  let shape: [Int]
  let plan: BroadcastPlan
  let low: Float
  let high: Float

  func run<Scalar: NumberScalar>(_ type: Scalar.Type) throws -> Tensor {
    try operands[0].withElements(as: Float.self) { values in
      try operands[1].withElements(as: Float.self) { scales in
        try operands[2].withElements(as: Float.self) { points in
          try Tensor.filled(Scalar.self, shape) { result in
            let steps = plan.steps
            plan.forEachRun { start, value, scale, point in
              for i in 0..<plan.runLength {
                let quotient = values[value &+ i &* steps.0] / scales[scale &+ i &* steps.1]
                let shifted = quotient.rounded(.toNearestOrEven) + points[point &+ i &* steps.2]
                result[start &+ i] = Scalar(number: .init(double: Double(min(max(shifted, low), high))))
              }
            }
          }
        }
      }
    }
  }
}

/// `tensor` less its zero point, times `factors` (32-bit floats).
func dequantized(_ tensor: Tensor, factors: Tensor, zeroPoint: Tensor?) throws -> Tensor {
  let point = try zeroPoint.map { try convert($0, to: .int32) } ?? Tensor(scalar: Int32(0))
  let operands = [tensor, factors, point]
  let shape = try broadcastShape(operands.map(\.shape))
  let plan = try BroadcastPlan(operands.map(\.shape), to: shape)
  return try Dequantization(operands: operands, shape: shape, plan: plan).dispatch(on: tensor.element)
}

private struct Dequantization: NumberComputation {
  let operands: [Tensor]
  let shape: [Int]
  let plan: BroadcastPlan

  func run<Scalar: NumberScalar>(_ type: Scalar.Type) throws -> Tensor {
    try operands[0].withElements(as: Scalar.self) { values in
      try operands[1].withElements(as: Float.self) { factors in
        try operands[2].withElements(as: Int32.self) { points in
          try Tensor.filled(Float.self, shape) { result in
            let steps = plan.steps
            plan.forEachRun { start, value, factor, point in
              for i in 0..<plan.runLength {
                let number = Int32(truncatingIfNeeded: values[value &+ i &* steps.0].number.wrapped)
                let centered = number &- points[point &+ i &* steps.2]
                result[start &+ i] = Float(centered) * factors[factor &+ i &* steps.1]
              }
            }
          }
        }
      }
    }
  }
}

private func quantizedRange(of element: ElementType) throws -> ClosedRange<Int> {
  switch element {
  case .int8: return -128...127
  case .uint8: return 0...255
  case .int16: return -32768...32767
  case .uint16: return 0...65535
  default: throw ModelError.unsupported("quantisation to \(element.rawValue)")
  }
}
