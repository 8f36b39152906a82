import GraphIR
import Tensors

/// The discrete Fourier transform along `axis` (an input, −2 without it) of complex numbers in the last axis, `[…, 1]` being real.
///
/// `dft_length` cuts the signal off or fills it up with zeros; `onesided` keeps the first half of the result and one more. A one-sided
/// inverse takes such a half, of which the other is the mirrored conjugate, and gives real numbers, an even length by default.
public struct DFT: GraphOperation {
  public var inverse = false
  public var onesided = false

  public init() {}

  public static let schema = Schema<Self>(
    "DFT", inputs: ["input", .optional("dft_length"), .optional("axis")],
    attributes: [.init("inverse", \.inverse), .init("onesided", \.onesided)], spellings: [.onnx("DFT", since: 20)])

  public func infer(_ inputs: Operands<ValueInfo>) throws -> [ValueInfo] {
    let input = try inputs[0]
    guard var dimensions = input.shape.dimensions else { return [ValueInfo(input.element, .unranked)] }
    try require(dimensions.count >= 2, "2 axes or more were expected, found \(input.type)")
    let parts: Dimension = inverse && onesided ? 1 : 2
    dimensions[dimensions.count - 1] = parts
    if let named = inputs.optional(2), named.integers == nil {
      return [ValueInfo(input.element, Shape(dimensions.dropLast().map { _ in .unknown } + [parts]))]
    }
    let axis = try checkedAxis(inputs.optional(2)?.integers?.first, rank: dimensions.count)
    let length = inputs.optional(1).map { $0.contents?.first?.asSize ?? .unknown } ?? defaultLength(dimensions[axis])
    dimensions[axis] = onesided && !inverse ? .floorDivision(length, 2) + 1 : length
    return [ValueInfo(input.element, Shape(dimensions))]
  }

  private func defaultLength(_ size: Dimension) -> Dimension { inverse && onesided ? (size - 1) * 2 : size }

  private func checkedAxis(_ axis: Int?, rank: Int) throws -> Int {
    let axis = try normalizedAxis(axis ?? -2, rank: rank)
    try require(axis < rank - 1, "the last axis holds the parts of complex numbers")
    return axis
  }

  public func evaluate(_ inputs: Operands<Tensor>) throws -> [Tensor] {
    let input = try inputs[0]
    try require(input.rank >= 2, "2 axes or more were expected, found \(input.shape)")
    let axis = try checkedAxis(try inputs.optional(2)?.scalarInteger(), rank: input.rank)
    let parts = input.shape[input.rank - 1]
    try require(parts == 1 || parts == 2, "the last axis must be 1 or 2, found \(parts)")
    let length = try inputs.optional(1)?.scalarInteger() ?? defaultLength(Dimension(input.shape[axis])).constant ?? 0
    try require(length > 0 && length <= 1 << 24, "a transform of length \(length)")
    var shape = input.shape
    let restores = inverse && onesided
    shape[axis] = onesided && !inverse ? length / 2 + 1 : length
    shape[input.rank - 1] = restores ? 1 : 2
    let values = try input.doubles()
    var result = [Double](repeating: 0, count: try Tensor.elementCount(of: shape, element: .float64))
    let inner = product(shape[(axis + 1)...]) / (restores ? 1 : 2)
    let (given, kept) = (min(length, input.shape[axis]), shape[axis])
    let turns = (0..<length).map { step in
      let angle = (inverse ? 2 : -2) * Double.pi * Double(step) / Double(length)
      return (cosine: Double.cosine(angle), sine: Double.sine(angle))
    }
    for line in 0..<(result.count / max((restores ? 1 : 2) * kept, 1)) {
      let (block, offset) = (line / inner, line % inner)
      for k in 0..<kept {
        var (real, imaginary) = (0.0, 0.0)
        for t in 0..<given {
          let source = ((block * input.shape[axis] + t) * inner + offset) * parts
          let (x, y) = (values[source], parts == 2 ? values[source + 1] : 0)
          let turn = turns[k * t % length]
          if restores {
            // A frequency and its mirror image, the first and the middle one being their own.
            guard 2 * t <= length else { break }
            let isOwnMirror = t == 0 || 2 * t == length
            real += isOwnMirror ? x * turn.cosine : 2 * (x * turn.cosine - y * turn.sine)
            continue
          }
          real += x * turn.cosine - y * turn.sine
          imaginary += x * turn.sine + y * turn.cosine
        }
        let scale = inverse ? 1 / Double(length) : 1
        if restores {
          result[(block * kept + k) * inner + offset] = real * scale
          continue
        }
        let target = ((block * kept + k) * inner + offset) * 2
        (result[target], result[target + 1]) = (real * scale, imaginary * scale)
      }
    }
    return [try Tensor(doubles: result, element: input.element, shape: shape)]
  }
}
