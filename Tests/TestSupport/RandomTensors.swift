import Tensors

extension Tensor {
  /// Nearly normal numbers, the same for the same seed.
  public static func random(
    _ shape: [Int], _ element: ElementType = .float32, seed: UInt64, scale: Double = 1
  ) throws -> Tensor {
    try Tensor(randomOf: element, shape: shape, seed: seed, scale: scale)
  }
}
