import GraphIR
import Tensors

/// The grid of positions, as `GridSample` reads it, that affine maps `theta [batch, rank, rank + 1]` make of an image's elements.
///
/// `size` lists the image's sizes, `[batch, channels, spatial…]`.
public struct AffineGrid: GraphOperation {
  public var alignsCorners = false

  public init() {}

  public static let schema = Schema<Self>(
    "AffineGrid", inputs: ["theta", "size"], attributes: [.init("align_corners", \.alignsCorners)],
    spellings: [.onnx("AffineGrid", since: 20)])

  public func infer(_ inputs: Operands<ValueInfo>) throws -> [ValueInfo] {
    let theta = try inputs[0]
    guard let sizes = try inputs[1].listedSizes() else { return [ValueInfo(theta.element, .unranked)] }
    try require(sizes.count == 4 || sizes.count == 5, "4 or 5 sizes were expected, found \(sizes.count)")
    let shape = [sizes[0]] + sizes[2...] + [Dimension(sizes.count - 2)]
    return [ValueInfo(theta.element, Shape(shape.map(\.asSize)))]
  }

  public func evaluate(_ inputs: Operands<Tensor>) throws -> [Tensor] {
    let theta = try inputs[0]
    let shape = try infer(inputs.shapes)[0].shape.sizes ?? []
    guard let rank = shape.last else { throw ModelError.invalid("the sizes must be numbers") }
    try require(
      theta.shape == [shape[0], rank, rank + 1],
      "the maps must have the shape \([shape[0], rank, rank + 1]), found \(theta.shape)")
    try require(try checkedProduct(shape) <= 1 << 28, "a grid of shape \(shape) is too large")
    let maps = try theta.doubles()
    let sizes = Array(shape[1...].dropLast())
    let strides = denseStrides(sizes)
    let positions = product(sizes)
    var result = [Double](repeating: 0, count: try Tensor.elementCount(of: shape, element: .float64))
    for index in 0..<(result.count / rank) {
      let (batch, position) = (index / positions, index % positions)
      // The last axis comes first.
      let place = (0..<rank).reversed().map { axis in
        let (step, size) = (Double(position / strides[axis] % sizes[axis]), Double(sizes[axis]))
        return alignsCorners ? (size > 1 ? 2 * step / (size - 1) - 1 : 0) : (2 * step + 1) / size - 1
      }
      for row in 0..<rank {
        let first = (batch * rank + row) * (rank + 1)
        result[index * rank + row] = place.indices.reduce(maps[first + rank]) { $0 + maps[first + $1] * place[$1] }
      }
    }
    return [try Tensor(doubles: result, element: theta.element, shape: shape)]
  }
}
