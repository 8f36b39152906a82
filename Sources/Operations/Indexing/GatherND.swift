import GraphIR
import Tensors

/// The slices of `data` that tuples name: `indices` is `[batch…, i…, k]`, and each of its rows picks from the first *k* axes
/// that follow the `batch_dims` ones.
public struct GatherND: GraphOperation {
  public var batchDimensions = 0

  public init() {}

  public static let schema = Schema<Self>(
    "GatherND", inputs: ["data", "indices"], attributes: [.init("batch_dims", \.batchDimensions)],
    spellings: [.onnx("GatherND", since: 11), .openVINO("GatherND", since: 8)])

  public func infer(_ inputs: Operands<ValueInfo>) throws -> [ValueInfo] {
    let data = try inputs[0]
    guard let dimensions = data.shape.dimensions, let named = try inputs[1].shape.dimensions,
      let depth = named.last?.constant
    else { return [ValueInfo(data.element, .unranked)] }
    try check(depth, data: dimensions.count, indices: named.count)
    return [ValueInfo(data.element, Shape(Array(named.dropLast()) + dimensions[(batchDimensions + depth)...]))]
  }

  private func check(_ depth: Int, data: Int, indices: Int) throws {
    try require(
      batchDimensions >= 0 && batchDimensions < indices && depth >= 1 && depth <= data - batchDimensions,
      "tuples of \(depth) after \(batchDimensions) batch axes don't fit data of rank \(data)")
  }

  public func evaluate(_ inputs: Operands<Tensor>) throws -> [Tensor] {
    let data = try inputs[0]
    let indices = try inputs[1]
    guard let depth = indices.shape.last else { throw ModelError.invalid("the indices must have one axis or more") }
    try check(depth, data: data.rank, indices: indices.rank)
    let batch = Array(data.shape[..<batchDimensions])
    try require(
      Array(indices.shape[..<batchDimensions]) == batch,
      "the batch axes of data \(data.shape) and indices \(indices.shape) differ")
    let rest = Array(data.shape[(batchDimensions + depth)...])
    let picked = try slicePositions(
      indices, axes: Array(data.shape[batchDimensions..<(batchDimensions + depth)]), batches: product(batch))
    // Each tuple picks one slice of the data seen as a list of slices.
    let slices = try data.reshaped(to: [product(data.shape[..<(batchDimensions + depth)]), try checkedProduct(rest)])
    let rows = try AxisSelection(slices, axis: 0, indices: picked).selected()
    return [try rows.reshaped(to: Array(indices.shape.dropLast()) + rest)]
  }
}

/// The position of the slice that each row of `indices` names, in a list of all slices over `batches` times `axes`.
///
/// Rows are shared out evenly among the batches. Throws where an index is out of range.
func slicePositions(_ indices: Tensor, axes: [Int], batches: Int) throws -> [Int] {
  let values = try indices.integers()
  let depth = axes.count
  guard depth > 0, values.count >= depth else { return [] }
  let rows = values.count / depth
  let rowsPerBatch = max(rows / max(batches, 1), 1)
  return try (0..<rows).map { row in
    var position = row / rowsPerBatch
    for (axis, size) in axes.enumerated() {
      let index = values[row * depth + axis]
      guard index >= -size, index < size else {
        throw ModelError.invalid("the index \(index) is out of range for an axis of size \(size)")
      }
      position = position &* size &+ (index < 0 ? index + size : index)
    }
    return position
  }
}
