import GraphIR
import Tensors

/// (x − mean) / √(variance + `epsilon`) · `scale` + `bias`, with mean and variance over `axis` and all axes after it.
///
/// The further results are mean and 1/√(variance + `epsilon`), with those axes of size 1.
public struct LayerNormalization: GraphOperation {
  public var axis = -1
  public var epsilon = 1e-5
  /// ONNX's number of the type that mean and variance are computed in: 1 is 32 bits, which is what narrower types get here.
  public var stashType = 1

  public init() {}

  public static let schema = Schema<Self>(
    "LayerNormalization", inputs: ["input", "scale", .optional("bias")], outputs: 1...3,
    attributes: [.init("axis", \.axis), .init("epsilon", \.epsilon), .init("stash_type", \.stashType)],
    spellings: [.onnx("LayerNormalization", since: 17)])

  public func infer(_ inputs: Operands<ValueInfo>) throws -> [ValueInfo] {
    let input = try inputs[0]
    let statistics: ElementType = input.element == .float64 ? .float64 : .float32
    guard let dimensions = input.shape.dimensions else {
      return [ValueInfo(input.type), ValueInfo(statistics, .unranked), ValueInfo(statistics, .unranked)]
    }
    let axis = try normalizedAxis(axis, rank: dimensions.count)
    for parameter in inputs.present.dropFirst() {
      let shape = try Shape.broadcast(input.shape, parameter.shape)
      try require((shape.rank ?? 0) <= dimensions.count, "\(parameter.shape) does not broadcast to \(input.shape)")
    }
    let reduced = Shape(dimensions.indices.map { $0 < axis ? dimensions[$0] : 1 })
    return [ValueInfo(input.type), ValueInfo(statistics, reduced), ValueInfo(statistics, reduced)]
  }

  public func evaluate(_ inputs: Operands<Tensor>) throws -> [Tensor] {
    let input = try inputs[0]
    let axis = try normalizedAxis(axis, rank: input.rank)
    let moments = Standardization(
      input: input, groups: try checkedProduct(Array(input.shape[..<axis])), groupSize: product(input.shape[axis...]),
      epsilon: epsilon)
    let (standardized, mean, inverse) = try moments.dispatch(on: input.element)
    let reduced = input.shape.indices.map { $0 < axis ? input.shape[$0] : 1 }
    return [
      try scaledAndShifted(standardized, by: try inputs[1], inputs.optional(2)), try mean.reshaped(to: reduced),
      try inverse.reshaped(to: reduced),
    ]
  }
}

extension LayerNormalization: CompositeOperation {
  public func decompose(_ inputs: [Value?], in graph: inout Graph) throws -> [Value] {
    let input = try required(inputs, 0)
    let element = graph.type(of: input).element
    let count = try graph.axisCount(of: input, from: axis)
    let x = try graph.insertCast(input, to: element == .float64 ? .float64 : .float32)
    let mean = try graph.insertMean(x, overLast: count)
    let distance = try graph.insert(Sub(), [x, mean])
    let variance = try graph.insertMean(graph.insert(Mul(), [distance, distance]), overLast: count)
    let sum = try graph.insert(Add(), [variance, graph.insertNumber(epsilon, like: x)])
    let deviation = try graph.insert(Sqrt(), [sum])
    var result = try graph.insertCast(graph.insert(Div(), [distance, deviation]), to: element)
    result = try graph.insert(Mul(), [result, required(inputs, 1)])
    if inputs.count > 2, let bias = inputs[2] { result = try graph.insert(Add(), [result, bias]) }
    return [result, mean, try graph.insert(Reciprocal(), [deviation])]
  }
}

/// Consecutive groups of elements brought to mean 0 and variance 1, with their means and inverse deviations.
///
/// A group of 16-bit floats is computed, and its statistics are returned, in 32 bits.
struct Standardization: RealComputation {
  let input: Tensor
  let groups: Int
  let groupSize: Int
  let epsilon: Double
  /// Whether the mean is subtracted; without it this is the normalisation by the root of the mean square.
  var centers = true

  func run<Scalar: RealScalar>(_ type: Scalar.Type) throws -> (result: Tensor, mean: Tensor, inverseDeviation: Tensor) {
    var means = try zeros([groups]).map { Scalar.Number($0) }
    var inverses = means
    let result = try input.withElements(as: Scalar.self) { values in
      try Tensor.filled(Scalar.self, input.shape) { result in
        for group in 0..<groups {
          let start = group &* groupSize
          var mean = Scalar.Number.zero
          if centers {
            for i in 0..<groupSize { mean += values[start &+ i].number }
            mean /= Scalar.Number(groupSize)
          }
          var squares = Scalar.Number.zero
          for i in 0..<groupSize {
            let distance = values[start &+ i].number - mean
            squares += distance * distance
          }
          let inverse = 1 / (squares / Scalar.Number(groupSize) + Scalar.Number(epsilon)).squareRoot()
          for i in 0..<groupSize { result[start &+ i] = Scalar(number: (values[start &+ i].number - mean) * inverse) }
          means[group] = mean
          inverses[group] = inverse
        }
      }
    }
    let element: ElementType = Scalar.elementType == .float64 ? .float64 : .float32
    return (
      result, try Tensor(doubles: means.map(\.double), element: element, shape: [groups]),
      try Tensor(doubles: inverses.map(\.double), element: element, shape: [groups])
    )
  }
}

/// `tensor` · `scale` + `shift`, both of which broadcast to it.
func scaledAndShifted(_ tensor: Tensor, by scale: Tensor?, _ shift: Tensor?) throws -> Tensor {
  var result = tensor
  if let scale { result = try Mul().evaluate(result, try convert(scale, to: tensor.element)) }
  if let shift { result = try Add().evaluate(result, try convert(shift, to: tensor.element)) }
  try require(result.shape == tensor.shape, "scale and bias must broadcast to \(tensor.shape)")
  return result
}
