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
  var result = try Round().evaluate(Operands([try Div().evaluate(values, try convert(scale, to: .float32))]))[0]
  if let zeroPoint { result = try Add().evaluate(result, try convert(zeroPoint, to: .float32)) }
  let range = try quantizedRange(of: element)
  let bounds = (Tensor(scalar: Float(range.lowerBound)), Tensor(scalar: Float(range.upperBound)))
  return try convert(try Clip().evaluate(Operands([result, bounds.0, bounds.1]))[0], to: element)
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
