import GraphIR
import Tensors

/// A convolution whose kernel positions are each moved by an offset of their own, and weighted by a mask if there is one.
///
/// `offset` is `[batch, offset_group · kernel positions · spatial rank, output…]`, `mask` is `[batch, offset_group · kernel positions,
/// output…]`. Between elements the input is interpolated linearly, outside it is 0.
public struct DeformConv: GraphOperation {
  public var conv = Conv()
  public var offsetGroups = 1

  public init() {}

  public static let schema = Schema<Self>(
    "DeformConv", inputs: ["data", "weights", "offset", .optional("bias"), .optional("mask")],
    attributes: [
      .init("dilations", \.conv.dilations), .init("group", \.conv.group), .init("kernel_shape", \.conv.kernelShape),
      .init("offset_group", \.offsetGroups), .init("pads", \.conv.pads), .init("strides", \.conv.strides),
    ],
    spellings: [.onnx("DeformConv", since: 19)])

  public func infer(_ inputs: Operands<ValueInfo>) throws -> [ValueInfo] {
    _ = try inputs[2]
    return try conv.infer(Operands([try inputs[0], try inputs[1], inputs.optional(3)]))
  }

  public func evaluate(_ inputs: Operands<Tensor>) throws -> [Tensor] {
    let (data, weights) = (try inputs[0], try inputs[1])
    guard let shape = try infer(inputs.shapes)[0].shape.sizes else {
      throw ModelError.invalid("weights \(weights.shape) don't fit data \(data.shape)")
    }
    let output = Array(shape[2...])
    let taps = try checkedProduct(Array(weights.shape[2...]))
    let (filters, channels, group) = (shape[1], data.shape[1], conv.group)
    try require(filters % group == 0, "\(filters) filters can't be shared out among \(group) groups")
    let columns = try sampled(inputs, output: output, taps: taps)
      .reshaped(to: [shape[0], group, channels / group * taps, product(output)])
    let kernels = try weights.reshaped(to: [group, filters / group, channels / group * taps])
    let result = try multiplied(kernels, columns).reshaped(to: shape)
    guard let bias = inputs.optional(3) else { return [result] }
    try require(bias.shape == [filters], "the bias must have the shape [\(filters)], found \(bias.shape)")
    return [try Add().evaluate(result, try bias.reshaped(to: [filters] + output.map { _ in 1 }))]
  }

  /// What each kernel position meets: `[batch, channels, kernel positions, output positions]`.
  private func sampled(_ inputs: Operands<Tensor>, output: [Int], taps: Int) throws -> Tensor {
    let (data, weights, offset) = (try inputs[0], try inputs[1], try inputs[2])
    let window = try conv.window(kernel: Array(weights.shape[2...]))
    let input = Array(data.shape[2...])
    let (rank, positions, channels) = (input.count, product(output), data.shape[1])
    try require(
      offsetGroups > 0 && channels % offsetGroups == 0,
      "\(channels) channels can't be shared out among \(offsetGroups) groups of offsets")
    func checked(_ tensor: Tensor, _ perPosition: Int, _ name: String) throws -> [Double] {
      let expected = [data.shape[0], try checkedProduct([offsetGroups, taps, perPosition])] + output
      try require(tensor.shape == expected, "\(name) of shape \(expected) were expected, found \(tensor.shape)")
      return try tensor.doubles()
    }
    let offsets = try checked(offset, rank, "offsets")
    let mask = try inputs.optional(4).map { try checked($0, 1, "masks") }
    let values = try data.doubles()
    let (plane, channelsPerGroup) = (product(input), channels / offsetGroups)
    let (inputStrides, outputStrides, kernelStrides) = (
      denseStrides(input), denseStrides(output), denseStrides(window.kernel)
    )
    let kernel = ResamplingKernel(isCubic: false, coefficient: 0, stretch: 1)
    let shape = [data.shape[0], channels, taps, positions]
    var columns = try zeros(shape)
    for place in 0..<(positions * data.shape[0] * offsetGroups * taps) {
      let (sample, position) = (place / positions, place % positions)
      let (entry, tap) = (sample / taps, sample % taps)
      var sources = [(offset: 0, weight: mask.map { $0[place] } ?? 1)]
      for axis in 0..<rank {
        let start = position / outputStrides[axis] % output[axis] * window.strides[axis] - window.before[axis]
        let step = tap / kernelStrides[axis] % window.kernel[axis] * window.dilations[axis]
        let moved = Double(start + step) + offsets[(sample * rank + axis) * positions + position]
        let along = kernel.neighbours(of: moved).filter { (0..<input[axis]).contains($0.index) }
        sources = sources.flatMap { source in
          along.map { (source.offset + $0.index * inputStrides[axis], source.weight * $0.weight) }
        }
      }
      for channel in (entry * channelsPerGroup)..<((entry + 1) * channelsPerGroup) {
        columns[(channel * taps + tap) * positions + position] = sources.reduce(0) {
          $0 + $1.weight * values[channel * plane + $1.offset]
        }
      }
    }
    return try Tensor(doubles: columns, element: data.element, shape: shape)
  }
}
