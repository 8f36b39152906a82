import GraphIR
import Tensors

/// The transposed convolution: every element of `data [batch, channels, spatial…]` adds its multiple of the kernel to the result.
///
/// `weights` are `[channels, filters / group, kernel…]`, `bias` is `[filters]`.
public struct ConvTranspose: GraphOperation {
  public var autoPad = AutomaticPadding.notSet
  public var dilations: [Int] = []
  public var group = 1
  public var kernelShape: [Int] = []
  /// Elements added at the end of each axis of the result.
  public var outputPadding: [Int] = []
  /// The sizes of the result, from which the padding then follows.
  public var outputShape: [Int] = []
  /// What is cut off before all axes, then after all axes.
  public var pads: [Int] = []
  public var strides: [Int] = []

  public init() {}

  public static let schema = Schema<Self>(
    "ConvTranspose", inputs: ["data", "weights", .optional("bias")],
    attributes: [
      .init("auto_pad", \.autoPad), .init("dilations", \.dilations), .init("group", \.group),
      .init("kernel_shape", \.kernelShape), .init("output_padding", \.outputPadding),
      .init("output_shape", \.outputShape), .init("pads", \.pads), .init("strides", \.strides),
    ],
    spellings: [.onnx("ConvTranspose")])

  public func infer(_ inputs: Operands<ValueInfo>) throws -> [ValueInfo] {
    let data = try inputs[0]
    let weights = try inputs[1]
    let element = try commonElement(inputs.present)
    guard let dimensions = data.shape.dimensions, let kernel = weights.shape.dimensions else {
      return [ValueInfo(element, unknownShape(rank: data.rank ?? weights.rank))]
    }
    try require(
      dimensions.count >= 3 && kernel.count == dimensions.count, "weights \(weights.shape) don't fit data \(data.shape)"
    )
    try require(group > 0 && group < 1 << 24, "\(group) groups can't be made")
    var shape = [dimensions[0], kernel[1] * Dimension(group)]
    let sizes = kernel[2...].compactMap(\.constant)
    guard sizes.count == kernel.count - 2 else {
      return [ValueInfo(element, Shape(shape + sizes.map { _ in .unknown }))]
    }
    let window = try window(kernel: sizes)
    for (axis, size) in dimensions[2...].enumerated() {
      shape.append(
        try size.constant.map { Dimension(try extent(axis, $0, window).size) } ?? symbolicSize(axis, size, window))
    }
    return [ValueInfo(element, Shape(shape))]
  }

  private func window(kernel: [Int]) throws -> SlidingWindow {
    try require(
      outputPadding.allSatisfy { $0 >= 0 && $0 < 1 << 24 } && outputShape.allSatisfy { $0 >= 0 && $0 < 1 << 31 },
      "output_padding \(outputPadding) or output_shape \(outputShape) is out of range")
    try require(
      [0, kernel.count].contains(outputPadding.count),
      "output_padding \(outputPadding) must have \(kernel.count) entries")
    return try SlidingWindow(kernel: kernel, strides: strides, dilations: dilations, pads: pads, automatic: autoPad)
  }

  private func added(_ axis: Int) -> Int { outputPadding.isEmpty ? 0 : outputPadding[axis] }

  private func symbolicSize(_ axis: Int, _ size: Dimension, _ window: SlidingWindow) -> Dimension {
    guard outputShape.isEmpty else { return .unknown }
    let stride = Dimension(window.strides[axis])
    if autoPad == .sameUpper || autoPad == .sameLower { return size * stride }
    let padding = autoPad == .valid ? 0 : Dimension(window.before[axis] + window.after[axis])
    return stride * (size - 1) + Dimension(added(axis) + window.extent(axis)) - padding
  }

  /// The size of an axis of the result, and how much is cut off at its start.
  private func extent(_ axis: Int, _ size: Int, _ window: SlidingWindow) throws -> (size: Int, before: Int) {
    try require(size <= Int(Int32.max), "an axis of \(size) elements is too long")
    let full = window.strides[axis] * (size - 1) + added(axis) + window.extent(axis)
    if outputShape.isEmpty, autoPad == .notSet || autoPad == .valid {
      let (before, after) = autoPad == .valid ? (0, 0) : (window.before[axis], window.after[axis])
      try require(full - before - after >= 0, "the padding cuts off more than \(full) elements")
      return (full - before - after, before)
    }
    var length = size * window.strides[axis]
    if !outputShape.isEmpty {
      // With or without the axes of batch and channels.
      let index = outputShape.count - window.kernel.count + axis
      try require(outputShape.indices.contains(index), "output_shape \(outputShape) has too few entries")
      length = outputShape[index]
    }
    let cut = max(full - length, 0)
    return (length, autoPad == .sameUpper ? cut / 2 : cut - cut / 2)
  }

  public func evaluate(_ inputs: Operands<Tensor>) throws -> [Tensor] {
    let data = try inputs[0]
    let weights = try inputs[1]
    try require(
      data.rank >= 3 && weights.rank == data.rank && weights.shape[0] == data.shape[1],
      "weights \(weights.shape) don't fit data \(data.shape)")
    try require(
      group > 0 && group < 1 << 24 && data.shape[1] % group == 0,
      "\(data.shape[1]) channels can't be shared out among \(group) groups")
    var window = try window(kernel: Array(weights.shape[2...]))
    window.automatic = .notSet
    let extents = try data.shape[2...].enumerated().map { try extent($0, $1, window) }
    let loop = TransposedLoop(
      data: data, weights: weights, group: group, window: window, output: extents.map(\.size),
      before: extents.map(\.before))
    let result = try loop.dispatch(on: data.element)
    guard let bias = inputs.optional(2) else { return [result] }
    let filters = result.shape[1]
    try require(bias.shape == [filters], "the bias must have the shape [\(filters)], found \(bias.shape)")
    return [try Add().evaluate(result, try bias.reshaped(to: [filters] + extents.map { _ in 1 }))]
  }
}

/// The convolution's runs read backwards: what a kernel position takes from an element there, it gives to it here.
private struct TransposedLoop: NumberComputation {
  let data: Tensor
  let weights: Tensor
  let group: Int
  let window: SlidingWindow
  let output: [Int]
  let before: [Int]

  func run<Scalar: NumberScalar>(_ type: Scalar.Type) throws -> Tensor {
    let (channels, filters) = (weights.shape[0], weights.shape[1])
    let input = Array(data.shape[2...])
    let shape = [data.shape[0], try checkedProduct([filters, group])] + output
    return try data.withElements(as: Scalar.self) { values in
      try weights.withElements(as: Scalar.self) { weights in
        try Tensor.filled(Scalar.self, shape) { result in
          guard result.count > 0 else { return }
          let taps = try window.taps(input: output, output: input, before: before)
          let (inputSize, outputSize, kernelSize) = (product(input), product(output), product(window.kernel))
          var sums = [Scalar.Number](repeating: .zero, count: outputSize)
          for plane in 0..<result.count / outputSize {
            let (entry, filter) = (plane / shape[1], plane % shape[1])
            let firstChannel = filter / filters &* (channels / group)
            for i in 0..<outputSize { sums[i] = .zero }
            for channel in firstChannel..<(firstChannel &+ channels / group) {
              let source = (entry &* channels &+ channel) &* inputSize
              let kernel = (channel &* filters &+ filter % filters) &* kernelSize
              for (tap, runs) in taps.enumerated() {
                let weight = weights[kernel &+ tap].number
                for run in runs {
                  for i in 0..<run.count {
                    let index = run.source &+ i &* run.step
                    sums[index] = sums[index].plus(weight.times(values[source &+ run.target &+ i].number))
                  }
                }
              }
            }
            for i in 0..<outputSize { result[plane &* outputSize &+ i] = Scalar(number: sums[i]) }
          }
        }
      }
    }
  }
}
