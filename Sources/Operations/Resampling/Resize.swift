import GraphIR
import Tensors

/// The input resampled to other sizes, given by `scales` or by `sizes`, for all axes or for `axes`.
public struct Resize: GraphOperation {
  public enum Mode: String, Hashable, Sendable, CaseIterable, AttributeConvertible {
    case nearest
    case linear
    case cubic
  }

  /// What becomes of the ratio of the axes when `sizes` are given.
  public enum AspectRatio: String, Hashable, Sendable, CaseIterable, AttributeConvertible {
    case stretch
    case notLarger = "not_larger"
    case notSmaller = "not_smaller"
  }

  public var antialias = false
  public var axes: [Int] = []
  public var coordinates = ResamplingCoordinates.halfPixel
  public var cubicCoefficient = -0.75
  public var excludesOutside = false
  public var extrapolationValue = 0.0
  public var aspectRatio = AspectRatio.stretch
  public var mode = Mode.nearest
  public var nearest = NearestRounding.preferFloor

  public init() {}

  public static let schema = Schema<Self>(
    "Resize", inputs: ["data", .optional("roi"), .optional("scales"), .optional("sizes")],
    attributes: [
      .init("antialias", \.antialias), .init("axes", \.axes), .init("coordinate_transformation_mode", \.coordinates),
      .init("cubic_coeff_a", \.cubicCoefficient), .init("exclude_outside", \.excludesOutside),
      .init("extrapolation_value", \.extrapolationValue), .init("keep_aspect_ratio_policy", \.aspectRatio),
      .init("mode", \.mode), .init("nearest_mode", \.nearest),
    ],
    spellings: [.onnx("Resize", since: 11)])

  public func infer(_ inputs: Operands<ValueInfo>) throws -> [ValueInfo] {
    let data = try inputs[0]
    guard var dimensions = data.shape.dimensions else { return [ValueInfo(data.element, .unranked)] }
    let named = try namedAxes(rank: dimensions.count)
    let plan = try plan(inputs.optional(2)?.constant, inputs.optional(3)?.constant, data.shape.sizes, named)
    if let plan {
      for axis in plan { dimensions[axis.axis] = Dimension(axis.length) }
      return [ValueInfo(data.element, Shape(dimensions))]
    }
    let sizes = inputs.optional(3)?.contents
    let scales = try inputs.optional(2)?.constant?.doubles()
    for (index, axis) in named.enumerated() {
      if let sizes, sizes.count == named.count, aspectRatio == .stretch {
        dimensions[axis] = sizes[index].asSize
      } else if let scales, scales.count == named.count {
        dimensions[axis] = scaled(dimensions[axis], by: scales[index])
      } else {
        dimensions[axis] = .unknown
      }
    }
    return [ValueInfo(data.element, Shape(dimensions))]
  }

  /// ⌊size · scale⌋ where that is an expression.
  private func scaled(_ size: Dimension, by scale: Double) -> Dimension {
    if let whole = Int(exactly: scale), whole > 0 { return size * Dimension(whole) }
    if scale > 0, let divisor = Int(exactly: 1 / scale) { return .floorDivision(size, Dimension(divisor)) }
    return .unknown
  }

  private func namedAxes(rank: Int) throws -> [Int] {
    axes.isEmpty ? Array(0..<rank) : try normalizedAxes(axes, rank: rank)
  }

  /// The longest axis that is made.
  private static let lengthLimit = 1 << 24

  /// An axis that is resampled.
  private struct PlannedAxis {
    var axis: Int
    var length: Int
    var scale: Double
    /// Its place in the list of scales, sizes and regions.
    var index: Int
  }

  /// What becomes of each axis; nil where scales, sizes or the input's sizes are not known.
  private func plan(_ scales: Tensor?, _ sizes: Tensor?, _ shape: [Int]?, _ named: [Int]) throws -> [PlannedAxis]? {
    guard let shape else { return nil }
    if let sizes, sizes.count > 0 {
      var lengths = try sizes.listedIntegers()
      try require(lengths.count == named.count, "\(lengths.count) sizes don't fit \(named.count) axes")
      try require(
        lengths.allSatisfy { $0 >= 0 && $0 <= Resize.lengthLimit }, "the sizes \(lengths) are out of range")
      var factors = zip(lengths, named).map { shape[$1] == 0 ? 1 : Double($0) / Double(shape[$1]) }
      if aspectRatio != .stretch, let least = factors.min(), let greatest = factors.max() {
        let factor = aspectRatio == .notLarger ? least : greatest
        factors = factors.map { _ in factor }
        lengths = named.map { Int(min((Double(shape[$0]) * factor + 0.5).rounded(.down), Double(Resize.lengthLimit))) }
      }
      return named.indices.map { .init(axis: named[$0], length: lengths[$0], scale: factors[$0], index: $0) }
    }
    guard let scales, scales.count > 0 else { return nil }
    let factors = try scales.doubles()
    try require(factors.count == named.count, "\(factors.count) scales don't fit \(named.count) axes")
    return try named.indices.map { index in
      let length = (Double(shape[named[index]]) * factors[index]).rounded(.down)
      try require(
        factors[index] > 0 && length <= Double(Resize.lengthLimit), "the scale \(factors[index]) is out of range")
      return .init(axis: named[index], length: Int(length), scale: factors[index], index: index)
    }
  }

  public func evaluate(_ inputs: Operands<Tensor>) throws -> [Tensor] {
    let data = try inputs[0]
    let named = try namedAxes(rank: data.rank)
    guard let plan = try plan(inputs.optional(2), inputs.optional(3), data.shape, named) else {
      throw ModelError.invalid("neither scales nor sizes are given")
    }
    let region = coordinates == .cropAndResize ? try inputs.optional(1)?.doubles() ?? [] : []
    try require(
      coordinates != .cropAndResize || region.count == 2 * named.count,
      "the region must have \(2 * named.count) numbers, found \(region.count)")
    let works = data.element.isFloatingPoint || mode == .nearest
    var result = works ? data : try convert(data, to: .float32)
    for part in plan {
      let size = result.shape[part.axis]
      let bounds = region.isEmpty ? nil : (start: region[part.index], end: region[part.index + named.count])
      if bounds == nil && part.length == size && part.scale == 1 { continue }
      try require(size > 0 || part.length == 0, "an axis of no elements can't be resampled")
      let positions = (0..<part.length).map {
        coordinates.source(of: $0, size: size, length: part.length, scale: part.scale, region: bounds)
      }
      result = try resampled(result, axis: part.axis, positions, scale: part.scale)
    }
    return [works ? result : try convert(result, to: data.element)]
  }

  private func resampled(_ data: Tensor, axis: Int, _ positions: [Double], scale: Double) throws -> Tensor {
    let size = data.shape[axis]
    // Beyond the input the region of a crop shows the extrapolation value.
    let isOutside = { (position: Double) in
      coordinates == .cropAndResize && (position < 0 || position > Double(size - 1))
    }
    if mode == .nearest {
      let indices = positions.map { isOutside($0) ? -1 : min(max(nearest.index(of: $0), 0), size - 1) }
      let fill = try Tensor(doubles: [extrapolationValue], element: data.element, shape: [])
      return try AxisSelection(
        data, axis: axis, indices: indices, fill: try FirstWord(tensor: fill).dispatch(on: fill.element)
      ).selected()
    }
    let kernel = ResamplingKernel(
      isCubic: mode == .cubic, coefficient: cubicCoefficient, stretch: antialias ? max(1 / scale, 1) : 1)
    let weights = positions.map {
      isOutside($0) ? [] : kernel.weights(at: $0, size: size, excludesOutside: excludesOutside)
    }
    return try WeightedSelection(source: data, axis: axis, weights: weights, empty: extrapolationValue)
      .dispatch(on: data.element)
  }
}

/// Sums along one axis: element *i* of the result is Σ weight · element over the terms of `weights[i]`, `empty` without any.
private struct WeightedSelection: RealComputation {
  let source: Tensor
  let axis: Int
  let weights: [[(index: Int, weight: Double)]]
  let empty: Double

  func run<Scalar: RealScalar>(_ type: Scalar.Type) throws -> Tensor {
    var shape = source.shape
    let size = shape[axis]
    shape[axis] = weights.count
    let inner = product(shape[(axis + 1)...])
    return try source.withElements(as: Scalar.self) { values in
      try Tensor.filled(Scalar.self, shape) { result in
        guard result.count > 0 else { return }
        var sums = [Scalar.Number](repeating: 0, count: inner)
        for line in 0..<result.count / inner {
          let base = line / weights.count &* size
          let terms = weights[line % weights.count]
          for i in 0..<inner { sums[i] = terms.isEmpty ? Scalar.Number(empty) : 0 }
          for (index, weight) in terms {
            let weight = Scalar.Number(weight)
            let start = (base &+ index) &* inner
            for i in 0..<inner { sums[i] += weight * values[start &+ i].number }
          }
          for i in 0..<inner { result[line &* inner &+ i] = Scalar(number: sums[i]) }
        }
      }
    }
  }
}
