import GraphIR
import Tensors

/// The first `sequence_lens[b]` elements along the time axis of each batch entry *b* in reverse order, the others as they are.
public struct ReverseSequence: GraphOperation {
  public var batchAxis = 1
  public var timeAxis = 0

  public init() {}

  public static let schema = Schema<Self>(
    "ReverseSequence", inputs: ["input", "sequence_lens"],
    attributes: [.init("batch_axis", \.batchAxis), .init("time_axis", \.timeAxis)],
    spellings: [.onnx("ReverseSequence", since: 10)])

  public func infer(_ inputs: Operands<ValueInfo>) throws -> [ValueInfo] { [ValueInfo(try inputs[0].type)] }

  public func evaluate(_ inputs: Operands<Tensor>) throws -> [Tensor] {
    let input = try inputs[0]
    let batch = try normalizedAxis(batchAxis, rank: input.rank)
    let time = try normalizedAxis(timeAxis, rank: input.rank)
    let lengths = try inputs[1].listedIntegers()
    try require(
      lengths.count == input.shape[batch] && lengths.allSatisfy { $0 >= 0 && $0 <= input.shape[time] } && batch != time,
      "lengths \(lengths.prefix(8)) don't fit \(input.shape)")
    let strides = denseStrides(input.shape)
    let positions = (0..<input.count).map { index in
      let step = index / strides[time] % input.shape[time]
      let length = lengths[index / strides[batch] % input.shape[batch]]
      return step < length ? index + (length - 1 - 2 * step) * strides[time] : index
    }
    return [try PositionGather(source: input, positions: positions, shape: input.shape).dispatch(on: input.element)]
  }
}
