import GraphIR

/// Where an element of a resampled axis lies on the original one; the names are ONNX's.
public enum ResamplingCoordinates: String, Hashable, Sendable, CaseIterable, AttributeConvertible {
  case halfPixel = "half_pixel"
  case halfPixelSymmetric = "half_pixel_symmetric"
  case pytorchHalfPixel = "pytorch_half_pixel"
  case alignCorners = "align_corners"
  case asymmetric
  case nearestHalfPixel = "tf_half_pixel_for_nn"
  case cropAndResize = "tf_crop_and_resize"

  /// The position on an axis of `size` of element `index` of one of `length`, made from it (or its `region`) by `scale`.
  func source(
    of index: Int, size: Int, length: Int, scale: Double, region: (start: Double, end: Double)?
  ) -> Double {
    let (x, size, length) = (Double(index), Double(size), Double(length))
    // The length that the scale asks for may be no whole number.
    let exactLength = scale * size
    switch self {
    case .halfPixel: return (x + 0.5) / scale - 0.5
    case .halfPixelSymmetric:
      // What is cut off goes to both ends alike.
      return size / 2 * (1 - length / exactLength) + (x + 0.5) / scale - 0.5
    case .pytorchHalfPixel: return length > 1 ? (x + 0.5) / scale - 0.5 : 0
    case .alignCorners: return exactLength == 1 ? 0 : x * (size - 1) / (exactLength - 1)
    case .asymmetric: return x / scale
    case .nearestHalfPixel: return (x + 0.5) / scale
    case .cropAndResize:
      guard let region else { return x }
      guard length > 1 else { return 0.5 * (region.start + region.end) * (size - 1) }
      return region.start * (size - 1) + x * (region.end - region.start) * (size - 1) / (length - 1)
    }
  }
}

/// Which element is nearest to a position between two; the names are ONNX's.
public enum NearestRounding: String, Hashable, Sendable, CaseIterable, AttributeConvertible {
  case preferFloor = "round_prefer_floor"
  case preferCeil = "round_prefer_ceil"
  case floor
  case ceil

  func index(of position: Double) -> Int {
    let rounded =
      switch self {
      case .floor: position.rounded(.down)
      case .ceil: position.rounded(.up)
      case .preferFloor: (position - 0.5).rounded(.up)
      case .preferCeil: (position + 0.5).rounded(.down)
      }
    return Int(exactly: rounded) ?? 0
  }
}

/// The weights of an interpolation: a triangle, or Keys' cubic convolution ("Cubic convolution interpolation for digital image
/// processing", 1981), stretched where a smaller result is to be free of aliases.
struct ResamplingKernel {
  let isCubic: Bool
  let coefficient: Double
  let stretch: Double

  private func value(_ distance: Double) -> Double {
    let x = distance.magnitude
    guard isCubic else { return max(0, 1 - x) }
    if x <= 1 { return ((coefficient + 2) * x - (coefficient + 3)) * x * x + 1 }
    return x < 2 ? (((x - 5) * x + 8) * x - 4) * coefficient : 0
  }

  /// The elements around `position`, of any axis, and their weights, those of weight 0 left out.
  func neighbours(of position: Double) -> [(index: Int, weight: Double)] {
    let reach = (isCubic ? 2 : 1) * stretch
    guard position.isFinite, position.magnitude < 1e9, reach < 1e6 else { return [] }
    return (Int((position - reach).rounded(.down))...Int((position + reach).rounded(.up))).compactMap { neighbour in
      let weight = value((Double(neighbour) - position) / stretch)
      return weight == 0 ? nil : (neighbour, weight)
    }
  }

  /// The elements that make up the value at `position` of an axis of `size`, with weights that sum to 1.
  ///
  /// What lies outside takes the element at the border, or no weight if it is to be excluded.
  func weights(at position: Double, size: Int, excludesOutside: Bool) -> [(index: Int, weight: Double)] {
    let terms = neighbours(of: position).filter { !excludesOutside || ($0.index >= 0 && $0.index < size) }
    let sum = terms.reduce(0) { $0 + $1.weight }
    return terms.map { (min(max($0.index, 0), size - 1), $0.weight / sum) }
  }
}
