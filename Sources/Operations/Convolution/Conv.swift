import GraphIR
import Tensors

/// The convolution (cross-correlation) of `data [batch, channels, spatial…]` with
/// `weights [filters, channels / group, kernel…]`, plus `bias [filters]`.
///
/// Channels and filters are shared out among `group` groups, each of which sees its own channels only.
public struct Conv: GraphOperation {
  public var autoPad = AutomaticPadding.notSet
  public var dilations: [Int] = []
  public var group = 1
  public var kernelShape: [Int] = []
  /// Padding before all axes, then after all axes.
  public var pads: [Int] = []
  public var strides: [Int] = []

  public init() {}

  public static let schema = Schema<Self>(
    "Conv", inputs: ["data", "weights", .optional("bias")],
    attributes: [
      .init("auto_pad", \.autoPad), .init("dilations", \.dilations), .init("group", \.group),
      .init("kernel_shape", \.kernelShape), .init("pads", \.pads), .init("strides", \.strides),
    ],
    spellings: [.onnx("Conv")])

  /// The padded, strided window for a kernel of these sizes.
  package func window(kernel: [Int]) throws -> SlidingWindow {
    try require(
      kernelShape.isEmpty || kernelShape == kernel,
      "kernel_shape \(kernelShape) differs from that of the weights, \(kernel)")
    return try SlidingWindow(kernel: kernel, strides: strides, dilations: dilations, pads: pads, automatic: autoPad)
  }

  public func infer(_ inputs: Operands<ValueInfo>) throws -> [ValueInfo] {
    let data = try inputs[0]
    let weights = try inputs[1]
    let element = try commonElement(inputs.present)
    guard let dimensions = data.shape.dimensions else {
      return [ValueInfo(element, unknownShape(rank: weights.rank))]
    }
    try require(dimensions.count >= 3, "data must have 3 axes or more, found \(data.type)")
    guard let filter = weights.shape.dimensions else {
      return [ValueInfo(element, Shape([dimensions[0]] + dimensions.dropFirst().map { _ in .unknown }))]
    }
    try require(filter.count == dimensions.count, "weights \(weights.shape) don't fit data \(data.shape)")
    try require(group > 0, "\(group) groups can't be made")
    if let channels = dimensions[1].constant, let own = filter[1].constant {
      try require(
        own.multipliedReportingOverflow(by: group) == (channels, false),
        "weights of \(own) channels and \(group) groups don't fit \(channels) channels")
    }
    let kernel = filter[2...].compactMap(\.constant)
    guard kernel.count == filter.count - 2 else {
      return [ValueInfo(element, Shape([dimensions[0], filter[0]] + dimensions.dropFirst(2).map { _ in .unknown }))]
    }
    let window = try window(kernel: kernel)
    let spatial = try dimensions.dropFirst(2).enumerated().map { try window.outputSize($0, $1) }
    return [ValueInfo(element, Shape([dimensions[0], filter[0]] + spatial))]
  }

  public func evaluate(_ inputs: Operands<Tensor>) throws -> [Tensor] {
    let data = try inputs[0]
    let weights = try inputs[1]
    try require(data.rank >= 3 && weights.rank == data.rank, "weights \(weights.shape) don't fit data \(data.shape)")
    let filters = weights.shape[0]
    try require(
      group > 0 && weights.shape[1].multipliedReportingOverflow(by: group) == (data.shape[1], false)
        && filters % group == 0,
      "weights \(weights.shape) and \(group) groups don't fit data \(data.shape)")
    let window = try window(kernel: Array(weights.shape[2...]))
    let (output, before) = try window.resolved(Array(data.shape[2...]))
    let loop = ConvolutionLoop(
      data: data, weights: weights, group: group, window: window, output: output, before: before)
    let result = try loop.dispatch(on: data.element)
    guard let bias = inputs.optional(2) else { return [result] }
    try require(bias.shape == [filters], "the bias must have the shape [\(filters)], found \(bias.shape)")
    return [try Add().evaluate(result, try bias.reshaped(to: [filters] + output.map { _ in 1 }))]
  }
}

/// The sum over kernel positions and channels, one kernel position at a time so that the innermost loop runs along an axis.
private struct ConvolutionLoop: NumberComputation {
  let data: Tensor
  let weights: Tensor
  let group: Int
  let window: SlidingWindow
  let output: [Int]
  let before: [Int]

  func run<Scalar: NumberScalar>(_ type: Scalar.Type) throws -> Tensor {
    let filters = weights.shape[0]
    let channels = weights.shape[1]
    let input = Array(data.shape[2...])
    let positions = try checkedProduct(output)
    let (inputSize, kernelSize) = (product(input), product(window.kernel))
    return try data.withElements(as: Scalar.self) { values in
      try weights.withElements(as: Scalar.self) { weights in
        try Tensor.filled(Scalar.self, [data.shape[0], filters] + output) { result in
          guard result.count > 0 else { return }
          let taps = try window.taps(input: input, output: output, before: before)
          var sums = [Scalar.Number](repeating: .zero, count: positions)
          for plane in 0..<result.count / positions {
            let (entry, filter) = (plane / filters, plane % filters)
            let firstChannel = filter / (filters / group) &* channels
            for i in 0..<positions { sums[i] = .zero }
            for channel in 0..<channels {
              let source = (entry &* data.shape[1] &+ firstChannel &+ channel) &* inputSize
              let kernel = (filter &* channels &+ channel) &* kernelSize
              for (tap, runs) in taps.enumerated() {
                let weight = weights[kernel &+ tap].number
                for run in runs {
                  for i in 0..<run.count {
                    let value = values[source &+ run.source &+ i &* run.step].number
                    sums[run.target &+ i] = sums[run.target &+ i].plus(weight.times(value))
                  }
                }
              }
            }
            for i in 0..<positions { result[plane &* positions &+ i] = Scalar(number: sums[i]) }
          }
        }
      }
    }
  }
}
