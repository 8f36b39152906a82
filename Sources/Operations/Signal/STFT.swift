import GraphIR
import Tensors

/// The Fourier transforms of frames of `signal [batch, length, 1 or 2]`, `frame_step` apart: `[batch, frames, frequencies, 2]`.
///
/// Each frame is multiplied by the window, which has its length; `frame_length` is the signal's where neither is given.
public struct STFT: GraphOperation {
  public var onesided = true

  public init() {}

  public static let schema = Schema<Self>(
    "STFT", inputs: ["signal", "frame_step", .optional("window"), .optional("frame_length")],
    attributes: [.init("onesided", \.onesided)], spellings: [.onnx("STFT", since: 17)])

  public func infer(_ inputs: Operands<ValueInfo>) throws -> [ValueInfo] {
    let signal = try inputs[0]
    let step = try inputs[1].contents?.first?.asSize ?? .unknown
    if let rank = signal.rank { try require(rank == 3, "3 axes were expected, found \(signal.type)") }
    let sizes = signal.shape.dimensions ?? [.unknown, .unknown, .unknown]
    let given = inputs.optional(3).map { $0.contents?.first?.asSize ?? .unknown }
    let frame = given ?? inputs.optional(2).map { $0.shape.dimensions?.first ?? .unknown } ?? sizes[1]
    let frames = step.constant == 0 ? .unknown : Dimension.floorDivision(sizes[1] - frame, step) + 1
    return [ValueInfo(signal.element, [sizes[0], frames, onesided ? .floorDivision(frame, 2) + 1 : frame, 2])]
  }

  public func evaluate(_ inputs: Operands<Tensor>) throws -> [Tensor] {
    let signal = try inputs[0]
    try require(signal.rank == 3, "3 axes were expected, found \(signal.shape)")
    let (length, step) = (signal.shape[1], try inputs[1].scalarInteger())
    let window = inputs.optional(2)
    let frame = try inputs.optional(3)?.scalarInteger() ?? window?.shape.first ?? length
    try require(step > 0, "frames can't be \(step) apart")
    try require(frame > 0 && frame <= length, "frames of \(frame) can't be taken from \(length) elements")
    let count = (length - frame) / step + 1
    try require(
      try checkedProduct([count, frame]) <= 1 << 31, "\(count) frames of \(frame) elements are too many")
    let positions = try Tensor(
      (0..<count).flatMap { first in (0..<frame).map { Int64(first * step + $0) } }, shape: [count, frame])
    var frames = try Gather(axis: 1).evaluate(Operands([signal, positions]))[0]
    if let window {
      try require(window.shape == [frame], "the window must have the shape [\(frame)], found \(window.shape)")
      frames = try Mul().evaluate(frames, try window.reshaped(to: [frame, 1]))
    }
    var transform = DFT()
    transform.onesided = onesided
    return try transform.evaluate(Operands([frames]))
  }
}
