import GraphIR
import Tensors

/// A copy of the cache `past` in which `update` is written along `axis` from each batch entry's `write_indices` on.
///
/// `circular` goes on at the start where the end is reached; `linear` refuses to.
public struct TensorScatter: GraphOperation {
  public enum Mode: String, Hashable, Sendable, CaseIterable, AttributeConvertible {
    case linear
    case circular
  }

  public var axis = -2
  public var mode = Mode.linear

  public init() {}

  public static let schema = Schema<Self>(
    "TensorScatter", inputs: ["past", "update", .optional("write_indices")],
    attributes: [.init("axis", \.axis), .init("mode", \.mode)], spellings: [.onnx("TensorScatter", since: 24)])

  public func infer(_ inputs: Operands<ValueInfo>) throws -> [ValueInfo] {
    let past = try inputs[0]
    _ = try commonElement([past, try inputs[1]])
    if let rank = past.rank { _ = try checkedAxis(rank) }
    return [ValueInfo(past.type)]
  }

  private func checkedAxis(_ rank: Int) throws -> Int {
    let axis = try normalizedAxis(axis, rank: rank)
    try require(axis > 0, "the first axis is that of the batch")
    return axis
  }

  public func evaluate(_ inputs: Operands<Tensor>) throws -> [Tensor] {
    let past = try inputs[0]
    let update = try inputs[1]
    let axis = try checkedAxis(past.rank)
    var expected = past.shape
    if update.rank == past.rank { expected[axis] = update.shape[axis] }
    let (size, length) = (past.shape[axis], expected[axis])
    try require(
      update.shape == expected && length <= size, "an update of shape \(update.shape) does not fit \(past.shape)")
    guard past.count > 0 else { return [past] }
    let starts = try inputs.optional(2)?.listedIntegers() ?? Array(repeating: 0, count: past.shape[0])
    try require(
      starts.count == past.shape[0]
        && starts.allSatisfy { $0 >= 0 && $0 <= (mode == .circular ? size : size - length) },
      "the indices \(starts.prefix(8)) don't fit an axis of \(size)")
    let inner = product(past.shape[(axis + 1)...])
    let middle = product(past.shape[1..<axis])
    let positions = (0..<(past.shape[0] &* middle &* length)).map { row in
      let (line, step) = (row / length, row % length)
      return (line * size + (starts[line / middle] + step) % size) * inner
    }
    return [
      try Scatter(data: past, positions: positions, updates: update, run: inner, reduction: .none).scattered()
    ]
  }
}
