import GraphIR
import Tensors

/// Regions `rois [regions, 4]` (left, top, right, bottom) of the images `data [batch, channels, height, width]` that `batch_indices` names,
/// brought to one size.
///
/// Each bin of a region is the mean of points inside it, or their greatest, between elements interpolated linearly.
public struct RoiAlign: GraphOperation {
  public enum Coordinates: String, Hashable, Sendable, CaseIterable, AttributeConvertible {
    /// Elements lie in the middle of their squares.
    case halfPixel = "half_pixel"
    /// Elements lie at the corners; no region is smaller than one of them.
    case outputHalfPixel = "output_half_pixel"
  }

  public enum Mode: String, Hashable, Sendable, CaseIterable, AttributeConvertible {
    case average = "avg"
    /// The greatest weighted element around any point, which is not the greatest interpolated value.
    case maximum = "max"
  }

  public var coordinates = Coordinates.halfPixel
  public var mode = Mode.average
  public var outputHeight = 1
  public var outputWidth = 1
  /// The points along each axis of a bin; 0: as many as it has elements.
  public var samplingRatio = 0
  /// The scale of the image by that of the regions.
  public var spatialScale = 1.0

  public init() {}

  public static let schema = Schema<Self>(
    "RoiAlign", inputs: ["data", "rois", "batch_indices"],
    attributes: [
      .init("coordinate_transformation_mode", \.coordinates), .init("mode", \.mode),
      .init("output_height", \.outputHeight), .init("output_width", \.outputWidth),
      .init("sampling_ratio", \.samplingRatio), .init("spatial_scale", \.spatialScale),
    ],
    spellings: [.onnx("RoiAlign", since: 16)])

  public func infer(_ inputs: Operands<ValueInfo>) throws -> [ValueInfo] {
    let data = try inputs[0]
    if let rank = data.rank { try require(rank == 4, "4 axes were expected, found \(data.type)") }
    let regions = try inputs[1].shape.dimensions?.first ?? inputs[2].shape.dimensions?.first ?? .unknown
    return [
      ValueInfo(
        data.element,
        [regions, data.shape.dimensions?[1] ?? .unknown, Dimension(outputHeight), Dimension(outputWidth)])
    ]
  }

  /// A bin along one axis has no more points than this.
  private static let pointLimit = 1024.0

  public func evaluate(_ inputs: Operands<Tensor>) throws -> [Tensor] {
    let (data, regions) = (try inputs[0], try inputs[1])
    let images = try inputs[2].integers()
    try require(
      data.rank == 4 && regions.shape == [images.count, 4],
      "data \(data.shape), regions \(regions.shape) and \(images.count) batch indices don't fit each other")
    try require(images.allSatisfy { (0..<data.shape[0]).contains($0) }, "a batch index is out of range")
    let (channels, height, width) = (data.shape[1], data.shape[2], data.shape[3])
    let shape = [images.count, channels, outputHeight, outputWidth]
    let (values, corners) = (try data.doubles(), try regions.doubles())
    var result = try zeros(shape)
    for (region, image) in images.enumerated() where !result.isEmpty {
      let edges = corners[(region * 4)..<(region * 4 + 4)].map {
        $0 * spatialScale - (coordinates == .halfPixel ? 0.5 : 0)
      }
      let rows = try points(from: edges[1], to: edges[3], bins: outputHeight, size: height)
      let columns = try points(from: edges[0], to: edges[2], bins: outputWidth, size: width)
      for (bin, (row, column)) in rows.flatMap({ row in columns.map { (row, $0) } }).enumerated() {
        for channel in 0..<channels {
          let plane = (image * channels + channel) * height * width
          // For every point the four elements around it, times their weights.
          let terms = row.flatMap { y in
            column.map { x in
              y.flatMap { v in x.map { u in v.weight * u.weight * values[plane + v.index * width + u.index] } }
            }
          }
          result[(region * channels + channel) * outputHeight * outputWidth + bin] =
            switch mode {
            case .average: terms.joined().reduce(0, +) / Double(max(terms.count, 1))
            case .maximum: terms.map { $0.max() ?? 0 }.max() ?? 0
            }
        }
      }
    }
    return [try Tensor(doubles: result, element: data.element, shape: shape)]
  }

  private typealias Neighbours = [(index: Int, weight: Double)]

  /// For each bin along an axis of `size` its points, and for each of those the elements around it; none for a point outside.
  private func points(from start: Double, to end: Double, bins: Int, size: Int) throws -> [[Neighbours]] {
    let length = coordinates == .halfPixel ? end - start : max(end - start, 1)
    let bin = length / Double(bins)
    let count = samplingRatio > 0 ? Double(samplingRatio) : bin.rounded(.up)
    try require(
      length.isFinite && count <= RoiAlign.pointLimit, "a region from \(start) to \(end) has too many points")
    return (0..<bins).map { index in
      (0..<max(Int(count), 0)).map { point in
        let position = start + Double(index) * bin + (Double(point) + 0.5) * bin / count
        guard position >= -1, position <= Double(size), size > 0 else { return [] }
        let inside = min(max(position, 0), Double(size - 1))
        let low = Int(inside)
        let rest = inside - Double(low)
        return [(low, 1 - rest), (min(low + 1, size - 1), rest)]
      }
    }
  }
}
