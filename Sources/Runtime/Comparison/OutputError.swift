import Tensors

/// How far a tensor is from the one that was expected.
public struct OutputError: Hashable, Sendable {
  /// The largest |actual − expected|; infinite where one of the two is NaN or infinite and the other is something else.
  public let absolute: Double
  /// The largest |expected| among finite elements.
  public let magnitude: Double

  /// The largest absolute error as a part of the largest magnitude.
  public var relative: Double { absolute == 0 ? 0 : absolute / magnitude }

  /// The absolute error as a part of the largest magnitude, or of 1 where that is less: what tolerances are for.
  public var scaled: Double { absolute / max(magnitude, 1) }

  /// Throws `ModelError.invalid` where the shapes differ.
  public init(of actual: Tensor, expected: Tensor) throws {
    try require(
      actual.shape == expected.shape, "shape \(actual.shape) was computed where \(expected.shape) was expected")
    var absolute = 0.0
    var magnitude = 0.0
    for (value, reference) in zip(try actual.doubles(), try expected.doubles()) {
      if reference.isFinite { magnitude = max(magnitude, abs(reference)) }
      if value == reference || (value.isNaN && reference.isNaN) { continue }
      let difference = abs(value - reference)
      absolute = max(absolute, difference.isNaN ? .infinity : difference)
    }
    self.absolute = absolute
    self.magnitude = magnitude
  }

  /// The largest error of `scaled` that is put down to rounding in elements of `type`.
  public static func tolerance(for type: ElementType) -> Double {
    switch type {
    case .float16: 5e-3
    case .bfloat16: 4e-2
    case .float64: 1e-9
    default: 2e-4
    }
  }
}
