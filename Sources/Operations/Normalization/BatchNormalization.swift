import GraphIR
import Tensors

/// (x − mean) / √(variance + `epsilon`) · scale + bias, one of each a channel (axis 1).
///
/// In training mode mean and variance are those of the batch, and the further results are the running ones, blended by `momentum`.
public struct BatchNormalization: GraphOperation {
  public var epsilon = 1e-5
  public var momentum = 0.9
  public var trains = false

  public init() {}

  public static let schema = Schema<Self>(
    "BatchNormalization", inputs: ["input", "scale", "bias", "mean", "variance"], outputs: 1...3,
    attributes: [
      .init("epsilon", \.epsilon), .init("momentum", \.momentum), .init("training_mode", \.trains),
    ],
    spellings: [.onnx("BatchNormalization", since: 9)])

  public func infer(_ inputs: Operands<ValueInfo>) throws -> [ValueInfo] {
    let input = try inputs[0]
    if let dimensions = input.shape.dimensions {
      for parameter in inputs.present.dropFirst() {
        try check(parameter.shape.sizes, channels: dimensions.count > 1 ? dimensions[1].constant : 1)
      }
    }
    guard trains else { return [ValueInfo(input.type)] }
    return [ValueInfo(input.type), ValueInfo(try inputs[3].type), ValueInfo(try inputs[4].type)]
  }

  private func check(_ shape: [Int]?, channels: Int?) throws {
    guard let shape, let channels else { return }
    try require(shape == [channels], "there must be one parameter a channel ([\(channels)]), found \(shape)")
  }

  public func evaluate(_ inputs: Operands<Tensor>) throws -> [Tensor] {
    let input = try inputs[0]
    let channels = input.rank > 1 ? input.shape[1] : 1
    for parameter in inputs.present.dropFirst() { try check(parameter.shape, channels: channels) }
    var (mean, variance) = (try inputs[3].doubles(), try inputs[4].doubles())
    var further: [Tensor] = []
    if trains {
      let (batchMean, batchVariance) = try moments(of: input)
      func blended(_ old: [Double], _ new: [Double], like: Tensor) throws -> Tensor {
        let values = zip(old, new).map { $0 * momentum + $1 * (1 - momentum) }
        return try Tensor(doubles: values, element: like.element, shape: like.shape)
      }
      further = [
        try blended(mean, batchMean, like: try inputs[3]), try blended(variance, batchVariance, like: try inputs[4]),
      ]
      (mean, variance) = (batchMean, batchVariance)
    }
    let (scale, bias) = (try inputs[1].doubles(), try inputs[2].doubles())
    let factors = zip(scale, variance).map { $0 / ($1 + epsilon).squareRoot() }
    let loop = ChannelLoop(input: input, channels: channels, mean: mean, factors: factors, bias: bias)
    return [try loop.dispatch(on: input.element)] + further
  }

  /// Mean and variance of each channel.
  private func moments(of input: Tensor) throws -> (mean: [Double], variance: [Double]) {
    let axes = Tensor(input.shape.indices.filter { $0 != 1 }.map { Int64($0) })
    let wide = try convert(input, to: .float64)
    let mean = try ReduceMean().evaluate(Operands([wide, axes]))[0]
    let distance = try Sub().evaluate(wide, mean)
    let variance = try ReduceMean().evaluate(Operands([try Mul().evaluate(distance, distance), axes]))[0]
    return (try mean.doubles(), try variance.doubles())
  }

  private struct ChannelLoop: RealComputation {
    let input: Tensor
    let channels: Int
    let mean: [Double]
    let factors: [Double]
    let bias: [Double]

    func run<Scalar: RealScalar>(_ type: Scalar.Type) throws -> Tensor {
      let inner = product(input.shape.dropFirst(2))
      return try input.withElements(as: Scalar.self) { values in
        try Tensor.filled(Scalar.self, input.shape) { result in
          guard result.count > 0 else { return }
          for plane in 0..<result.count / inner {
            let channel = plane % channels
            let (mean, factor) = (Scalar.Number(mean[channel]), Scalar.Number(factors[channel]))
            let bias = Scalar.Number(bias[channel])
            for i in (plane &* inner)..<(plane &* inner &+ inner) {
              result[i] = Scalar(number: (values[i].number - mean) * factor + bias)
            }
          }
        }
      }
    }
  }
}
