import GraphIR
import Tensors

/// `data [batch, channels, spatial…]` read at the positions of `grid [batch, out…, spatial rank]`.
///
/// Positions run from −1 to 1 over each axis, the last axis first: between the centres of the outermost elements where
/// `align_corners` says so, between their outer edges otherwise.
public struct GridSample: GraphOperation {
  public enum Mode: String, Hashable, Sendable, CaseIterable, AttributeConvertible {
    case linear
    case nearest
    case cubic
  }

  /// What is read outside.
  public enum PaddingMode: String, Hashable, Sendable, CaseIterable, AttributeConvertible {
    case zeros
    /// The nearest element.
    case border
    /// The input mirrored at its border.
    case reflection
  }

  public var alignsCorners = false
  public var mode = Mode.linear
  public var padding = PaddingMode.zeros

  public init() {}

  public static let schema = Schema<Self>(
    "GridSample", inputs: ["data", "grid"],
    attributes: [
      .init("align_corners", \.alignsCorners), .init("mode", \.mode), .init("padding_mode", \.padding),
    ],
    spellings: [.onnx("GridSample", since: 20)])

  public func infer(_ inputs: Operands<ValueInfo>) throws -> [ValueInfo] {
    let data = try inputs[0]
    guard let shape = data.shape.dimensions, let grid = try inputs[1].shape.dimensions else {
      return [ValueInfo(data.element, unknownShape(rank: data.rank))]
    }
    try require(
      shape.count >= 3 && grid.count == shape.count
        && (grid[grid.count - 1].constant ?? shape.count - 2) == shape.count - 2,
      "a grid \(Shape(grid)) does not fit \(data.shape)")
    return [ValueInfo(data.element, Shape(shape[..<2] + grid[1...].dropLast()))]
  }

  public func evaluate(_ inputs: Operands<Tensor>) throws -> [Tensor] {
    let data = try inputs[0]
    let grid = try inputs[1]
    let shape = try infer(inputs.shapes)[0].shape.sizes ?? []
    try require(grid.shape[0] == data.shape[0], "the batches of data and grid differ")
    let sizes = Array(data.shape[2...])
    try require(sizes.allSatisfy { $0 > 0 && $0 < 1 << 24 } || data.count == 0, "nothing can't be sampled")
    let rank = sizes.count
    let places = try grid.doubles()
    let positions = product(shape[2...])
    let strides = denseStrides(sizes)
    let values = try data.doubles()
    let (channels, planeSize) = (data.shape[1], product(sizes))
    var result = [Double](repeating: 0, count: try Tensor.elementCount(of: shape, element: .float64))
    guard !result.isEmpty, planeSize > 0 else {
      return [try Tensor(doubles: result, element: data.element, shape: shape)]
    }
    for place in 0..<(places.count / max(rank, 1)) {
      var sources = [(offset: 0, weight: 1.0)]
      for axis in 0..<rank {
        let along = terms(at: places[place * rank + rank - 1 - axis], size: sizes[axis])
        sources = sources.flatMap { source in
          along.map { (source.offset + $0.index * strides[axis], source.weight * $0.weight) }
        }
      }
      let (batch, position) = (place / positions, place % positions)
      for channel in 0..<channels {
        let plane = batch * channels + channel
        for term in sources {
          result[plane * positions + position] += term.weight * values[plane * planeSize + term.offset]
        }
      }
    }
    return [try Tensor(doubles: result, element: data.element, shape: shape)]
  }

  /// The elements of an axis of `size` that make up the value at a place between −1 and 1; those that count as 0 left out.
  private func terms(at place: Double, size: Int) -> [(index: Int, weight: Double)] {
    let length = Double(size)
    var position = alignsCorners ? (place + 1) / 2 * (length - 1) : ((place + 1) * length - 1) / 2
    guard position.isFinite else { return [] }
    if mode == .nearest { position = position.rounded(.toNearestOrEven) }
    let (low, high) = alignsCorners ? (0.0, length - 1) : (-0.5, length - 0.5)
    if padding == .border && mode != .cubic { position = min(max(position, 0), length - 1) }
    if padding == .reflection && mode != .cubic { position = reflected(position, low, high) }
    position = min(max(position, -8), length + 8)
    let kernel = ResamplingKernel(isCubic: mode == .cubic, coefficient: -0.75, stretch: 1)
    let neighbours = kernel.neighbours(of: position)
    return neighbours.compactMap { index, weight in
      if index >= 0 && index < size { return (index, weight) }
      switch padding {
      case .zeros: return nil
      case .border: return (min(max(index, 0), size - 1), weight)
      case .reflection:
        let mirrored = Int(exactly: reflected(Double(index), low, high).rounded()) ?? 0
        return (min(max(mirrored, 0), size - 1), weight)
      }
    }
  }

  /// `position` mirrored at `low` and `high` until it lies between them.
  private func reflected(_ position: Double, _ low: Double, _ high: Double) -> Double {
    let range = high - low
    guard range > 0, position < low || position > high else { return range > 0 ? position : low }
    let distance = (position < low ? low - position : position - low)
    let turns = (distance / range).rounded(.down)
    let rest = distance - turns * range
    return turns.truncatingRemainder(dividingBy: 2) == 0 ? low + rest : high - rest
  }
}
