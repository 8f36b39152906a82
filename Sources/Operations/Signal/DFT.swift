import Foundation
import GraphIR
import Tensors

/// The discrete Fourier transform along `axis` (an input, −2 without it) of complex numbers in the last axis, `[…, 1]` being real.
///
/// `dft_length` cuts the signal off or fills it up with zeros; `onesided` keeps the first half of the result and one more.
public struct DFT: GraphOperation {
  public var inverse = false
  public var onesided = false

  public init() {}

  public static let schema = Schema<Self>(
    "DFT", inputs: ["input", .optional("dft_length"), .optional("axis")],
    attributes: [.init("inverse", \.inverse), .init("onesided", \.onesided)], spellings: [.onnx("DFT", since: 20)])

  public func infer(_ inputs: Operands<ValueInfo>) throws -> [ValueInfo] {
    let input = try inputs[0]
    try require(!(inverse && onesided), "an inverse transform can't be one-sided")
    guard var dimensions = input.shape.dimensions else { return [ValueInfo(input.element, .unranked)] }
    try require(dimensions.count >= 2, "2 axes or more were expected, found \(input.type)")
    dimensions[dimensions.count - 1] = 2
    if let named = inputs.optional(2), named.integers == nil {
      return [ValueInfo(input.element, Shape(dimensions.dropLast().map { _ in .unknown } + [2]))]
    }
    let axis = try checkedAxis(inputs.optional(2)?.integers?.first, rank: dimensions.count)
    let length = inputs.optional(1).map { $0.contents?.first?.asSize ?? .unknown } ?? dimensions[axis]
    dimensions[axis] = onesided ? .floorDivision(length, 2) + 1 : length
    return [ValueInfo(input.element, Shape(dimensions))]
  }

  private func checkedAxis(_ axis: Int?, rank: Int) throws -> Int {
    let axis = try normalizedAxis(axis ?? -2, rank: rank)
    try require(axis < rank - 1, "the last axis holds the parts of complex numbers")
    return axis
  }

  public func evaluate(_ inputs: Operands<Tensor>) throws -> [Tensor] {
    let input = try inputs[0]
    try require(input.rank >= 2 && !(inverse && onesided), "there is no such transform of \(input.shape)")
    let axis = try checkedAxis(try inputs.optional(2)?.scalarInteger(), rank: input.rank)
    let parts = input.shape[input.rank - 1]
    try require(parts == 1 || parts == 2, "the last axis must be 1 or 2, found \(parts)")
    let length = try inputs.optional(1)?.scalarInteger() ?? input.shape[axis]
    try require(length > 0 && length <= 1 << 24, "a transform of length \(length)")
    var shape = input.shape
    shape[axis] = onesided ? length / 2 + 1 : length
    shape[input.rank - 1] = 2
    let values = try input.doubles()
    var result = [Double](repeating: 0, count: try Tensor.elementCount(of: shape, element: .float64))
    let inner = product(shape[(axis + 1)...]) / 2
    let (given, kept) = (min(length, input.shape[axis]), shape[axis])
    let turns = (0..<length).map { step in
      let angle = (inverse ? 2 : -2) * Double.pi * Double(step) / Double(length)
      return (cosine: cos(angle), sine: sin(angle))
    }
    for line in 0..<(result.count / max(2 * kept, 1)) {
      let (block, offset) = (line / inner, line % inner)
      for k in 0..<kept {
        var (real, imaginary) = (0.0, 0.0)
        for t in 0..<given {
          let source = ((block * input.shape[axis] + t) * inner + offset) * parts
          let (x, y) = (values[source], parts == 2 ? values[source + 1] : 0)
          let turn = turns[k * t % length]
          real += x * turn.cosine - y * turn.sine
          imaginary += x * turn.sine + y * turn.cosine
        }
        let target = ((block * kept + k) * inner + offset) * 2
        let scale = inverse ? 1 / Double(length) : 1
        (result[target], result[target + 1]) = (real * scale, imaginary * scale)
      }
    }
    return [try Tensor(doubles: result, element: input.element, shape: shape)]
  }
}
