import GraphIR
import Tensors

/// The best boxes of each class, `[batch, class, box]` each, without those that overlap a better one too much.
///
/// `boxes` is `[batch, boxes, 4]`: two opposite corners (y, x, y, x), or centre and size (x, y, width, height) where
/// `center_point_box` is 1; `scores` is `[batch, classes, boxes]`.
public struct NonMaxSuppression: GraphOperation {
  public var isCentered = false

  public init() {}

  public static let schema = Schema<Self>(
    "NonMaxSuppression",
    inputs: [
      "boxes", "scores", .optional("max_output_boxes_per_class"), .optional("iou_threshold"),
      .optional("score_threshold"),
    ],
    attributes: [.init("center_point_box", \.isCentered)], spellings: [.onnx("NonMaxSuppression", since: 10)])

  public func infer(_ inputs: Operands<ValueInfo>) throws -> [ValueInfo] {
    _ = (try inputs[0], try inputs[1])
    return [ValueInfo(.int64, [.unknown, 3])]
  }

  public func evaluate(_ inputs: Operands<Tensor>) throws -> [Tensor] {
    let boxes = try inputs[0]
    let scores = try inputs[1]
    try require(
      boxes.rank == 3 && scores.rank == 3 && boxes.shape[2] == 4 && boxes.shape[0] == scores.shape[0]
        && boxes.shape[1] == scores.shape[2],
      "boxes \(boxes.shape) and scores \(scores.shape) don't fit each other")
    let limit = try inputs.optional(2)?.scalarInteger() ?? 0
    let overlapLimit = try inputs.optional(3)?.doubles().first ?? 0
    let scoreLimit = try inputs.optional(4)?.doubles().first ?? -.infinity
    let (coordinates, values) = (try boxes.doubles(), try scores.doubles())
    let count = boxes.shape[1]
    var selected: [Int64] = []
    for line in 0..<(count == 0 ? 0 : values.count / count) {
      let (batch, category) = (line / scores.shape[1], line % scores.shape[1])
      let corners = (0..<count).map { box in
        Rectangle(coordinates[((batch * count + box) * 4)..<((batch * count + box + 1) * 4)], isCentered)
      }
      let order = (0..<count).filter { values[line * count + $0] > scoreLimit }
        .sorted { (values[line * count + $1], $0) < (values[line * count + $0], $1) }
      var kept: [Int] = []
      for box in order where kept.count < limit {
        if kept.allSatisfy({ corners[$0].overlap(with: corners[box]) <= overlapLimit }) { kept.append(box) }
      }
      selected += kept.flatMap { [Int64(batch), Int64(category), Int64($0)] }
    }
    return [try Tensor(selected, shape: [selected.count / 3, 3])]
  }
}

/// A box by its edges.
private struct Rectangle {
  let x: ClosedRange<Double>
  let y: ClosedRange<Double>

  init(_ numbers: ArraySlice<Double>, _ isCentered: Bool) {
    let n = Array(numbers)
    func range(_ a: Double, _ b: Double) -> ClosedRange<Double> { a.isNaN || b.isNaN ? 0...0 : min(a, b)...max(a, b) }
    if isCentered {
      x = range(n[0] - n[2] / 2, n[0] + n[2] / 2)
      y = range(n[1] - n[3] / 2, n[1] + n[3] / 2)
    } else {
      y = range(n[0], n[2])
      x = range(n[1], n[3])
    }
  }

  private var area: Double { (x.upperBound - x.lowerBound) * (y.upperBound - y.lowerBound) }

  /// The area of what both cover over that of what either covers.
  func overlap(with other: Rectangle) -> Double {
    let width = min(x.upperBound, other.x.upperBound) - max(x.lowerBound, other.x.lowerBound)
    let height = min(y.upperBound, other.y.upperBound) - max(y.lowerBound, other.y.lowerBound)
    let shared = max(width, 0) * max(height, 0)
    return shared > 0 ? shared / (area + other.area - shared) : 0
  }
}
