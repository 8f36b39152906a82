import GraphIR
import Tensors

/// The part of the input between `starts` and `ends` of `axes`, every `steps`-th element.
///
/// Negative bounds count from the end; bounds beyond either end are cut off there; a negative step goes backwards.
public struct Slice: GraphOperation {
  public init() {}

  public static let schema = Schema<Self>(
    "Slice", inputs: ["data", "starts", "ends", .optional("axes"), .optional("steps")],
    spellings: [.onnx("Slice", since: 10)])

  /// What exporters write for "up to the end": at least the greatest 32-bit integer, less a little.
  private static let far = Int(Int32.max) - 1

  public func infer(_ inputs: Operands<ValueInfo>) throws -> [ValueInfo] {
    let data = try inputs[0]
    guard let dimensions = data.shape.dimensions else { return [ValueInfo(data.element, .unranked)] }
    let unknown = [ValueInfo(data.element, unknownShape(rank: dimensions.count))]
    let (starts, ends) = (try inputs[1].contentsOrUnknown, try inputs[2].contentsOrUnknown)
    guard let starts, let ends else {
      guard let axes = inputs.optional(3)?.integers else { return unknown }
      var shape = dimensions
      for axis in try normalizedAxes(axes, rank: dimensions.count) { shape[axis] = .unknown }
      return [ValueInfo(data.element, Shape(shape))]
    }
    try require(starts.count == ends.count, "\(starts.count) starts and \(ends.count) ends are given")
    var named = Array(0..<starts.count)
    if let axes = inputs.optional(3) {
      guard let integers = axes.integers else { return unknown }
      named = integers
    }
    let axes = try normalizedAxes(named, rank: dimensions.count)
    try require(axes.count == starts.count, "\(axes.count) axes and \(starts.count) starts are given")
    let steps = inputs.optional(4).map(\.integers) ?? Array(repeating: 1, count: axes.count)
    if let steps { try require(steps.count == axes.count, "\(steps.count) steps and \(axes.count) axes are given") }
    var shape = dimensions
    for (index, axis) in axes.enumerated() {
      shape[axis] =
        try steps.map { try extent(of: dimensions[axis], starts[index], ends[index], step: $0[index]) } ?? .unknown
    }
    return movingContents(inputs, moved: [0], into: [ValueInfo(data.element, Shape(shape))])
  }

  /// The number of elements taken from an axis of `size` elements.
  ///
  /// Where sizes are symbols, bounds are taken to lie within the axis, except an end that may lie beyond it.
  private func extent(of size: Dimension, _ start: Dimension, _ end: Dimension, step: Int) throws -> Dimension {
    try require(step != 0, "the step must not be 0")
    if let size = size.constant, let start = start.constant, let end = end.constant {
      return Dimension(Slice.selection(of: size, start, end, step).count)
    }
    guard start.isSizeExpression, end.isSizeExpression else { return .unknown }
    guard step > 0 else {
      // Backwards over everything, which is what is written.
      let fromEnd = start.constant.map { $0 == -1 || $0 >= Slice.far } ?? (start == size - 1)
      guard fromEnd, let last = end.constant, last <= -Slice.far, step != .min else { return .unknown }
      return .ceilingDivision(size, Dimension(-step))
    }
    if start.constant.map({ $0 >= Slice.far }) ?? false || end.constant.map({ $0 <= -Slice.far }) ?? false { return 0 }
    let first = start.constant.map { $0 <= -Slice.far } ?? false ? 0 : position(start, in: size)
    var last = position(end, in: size)
    if let constant = end.constant, constant >= Slice.far { last = size }
    let taken = Dimension.minimum(last, size) - first
    if Dimension(0).isAtLeast(taken) { return 0 }
    return Dimension.ceilingDivision(taken, Dimension(step)).asSize
  }

  /// A bound counted from the start of the axis.
  private func position(_ bound: Dimension, in size: Dimension) -> Dimension {
    let negative = bound.constant.map { $0 < 0 } ?? Dimension(0).isAtLeast(bound)
    return negative ? size + bound : bound
  }

  public func evaluate(_ inputs: Operands<Tensor>) throws -> [Tensor] {
    let data = try inputs[0]
    var (shape, strides, offset) = (data.shape, denseStrides(data.shape), 0)
    let selections = try Slice.selections(
      of: data.shape, starts: try inputs[1].listedIntegers(), ends: try inputs[2].listedIntegers(),
      axes: try inputs.optional(3)?.listedIntegers(), steps: try inputs.optional(4)?.listedIntegers())
    for (axis, taken) in selections {
      offset &+= taken.start &* strides[axis]
      strides[axis] = strides[axis] &* taken.step
      shape[axis] = taken.count
    }
    return [try StridedCopy(data, shape: shape, strides: strides, offset: shape.contains(0) ? 0 : offset).copied()]
  }

  /// The elements of an axis: the first, how many, and how far apart.
  package typealias Selection = (start: Int, count: Int, step: Int)

  /// What is taken of the axes of data of `shape`; nil where the bounds are not known.
  package func selections(
    of shape: [Int], _ inputs: Operands<ValueInfo>
  ) throws -> [(axis: Int, taken: Selection)]? {
    let (axes, steps) = (inputs.optional(3), inputs.optional(4))
    guard let starts = try inputs[1].integers, let ends = try inputs[2].integers,
      axes == nil || axes?.integers != nil, steps == nil || steps?.integers != nil
    else { return nil }
    return try Slice.selections(of: shape, starts: starts, ends: ends, axes: axes?.integers, steps: steps?.integers)
  }

  private static func selections(
    of shape: [Int], starts: [Int], ends: [Int], axes: [Int]?, steps: [Int]?
  ) throws -> [(axis: Int, taken: Selection)] {
    let axes = try normalizedAxes(axes ?? Array(0..<starts.count), rank: shape.count)
    let steps = steps ?? Array(repeating: 1, count: starts.count)
    try require(
      ends.count == starts.count && axes.count == starts.count && steps.count == starts.count,
      "there must be as many starts, ends, axes and steps")
    return try axes.enumerated().map { index, axis in
      try require(steps[index] != 0, "the step must not be 0")
      return (axis, selection(of: shape[axis], starts[index], ends[index], steps[index]))
    }
  }

  /// The elements of an axis that bounds select.
  private static func selection(
    of size: Int, _ start: Int, _ end: Int, _ step: Int
  ) -> Selection {
    func clamped(_ bound: Int, _ range: ClosedRange<Int>) -> Int {
      let position = bound < 0 ? (bound < -size ? -1 : bound + size) : bound
      return min(max(position, range.lowerBound), range.upperBound)
    }
    guard size > 0 else { return (0, 0, 1) }
    if step > 0 {
      let (first, last) = (clamped(start, 0...size), clamped(end, 0...size))
      let step = min(step, size)
      return first < last ? (first, (last - first - 1) / step + 1, step) : (0, 0, 1)
    }
    // A start before the first element is that element, by the standard; for an end it is the place before.
    let (first, last) = (clamped(start, 0...(size - 1)), clamped(end, -1...(size - 1)))
    let backwards = max(step, -size)
    return first > last ? (first, (first - last - 1) / -backwards + 1, backwards) : (0, 0, 1)
  }
}
