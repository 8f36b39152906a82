import GraphIR
import Tensors

/// The input with further elements before and after each axis; negative numbers of them take elements away.
///
/// `pads` lists what comes before each of `axes` (all if left out), then what comes after each.
public struct Pad: GraphOperation {
  /// What the further elements are.
  public enum Mode: String, Hashable, Sendable, CaseIterable, AttributeConvertible {
    /// The element of `constant_value`, 0 without it.
    case constant
    /// The input mirrored at its first and last element.
    case reflect
    /// The first and last element over and over.
    case edge
    /// The input over and over.
    case wrap
  }

  public var mode = Mode.constant

  public init() {}

  public static let schema = Schema<Self>(
    "Pad", inputs: ["data", "pads", .optional("constant_value"), .optional("axes")],
    attributes: [.init("mode", \.mode)], spellings: [.onnx("Pad", since: 11)])

  /// The longest axis that padding may make.
  private static let sizeLimit = 1 << 27

  public func infer(_ inputs: Operands<ValueInfo>) throws -> [ValueInfo] {
    let data = try inputs[0]
    guard var dimensions = data.shape.dimensions else { return [ValueInfo(data.element, .unranked)] }
    let unknown = [ValueInfo(data.element, unknownShape(rank: dimensions.count))]
    guard let pads = try inputs[1].contents else { return unknown }
    var named = Array(dimensions.indices)
    if let input = inputs.optional(3) {
      guard let axes = input.integers else { return unknown }
      named = axes
    }
    let axes = try normalizedAxes(named, rank: dimensions.count)
    try require(pads.count == 2 * axes.count, "\(pads.count) pads don't fit \(axes.count) axes")
    for (index, axis) in axes.enumerated() {
      let size = dimensions[axis] + pads[index] + pads[index + axes.count]
      if let size = size.constant { try require(size >= 0, "axis \(axis) would have \(size) elements") }
      dimensions[axis] = size
    }
    return [ValueInfo(data.element, Shape(dimensions))]
  }

  public func evaluate(_ inputs: Operands<Tensor>) throws -> [Tensor] {
    let data = try inputs[0]
    let pads = try inputs[1].listedIntegers()
    let axes = try normalizedAxes(
      try inputs.optional(3)?.listedIntegers() ?? Array(data.shape.indices), rank: data.rank)
    try require(pads.count == 2 * axes.count, "\(pads.count) pads don't fit \(axes.count) axes")
    var fill: UInt64 = 0
    if let value = inputs.optional(2) {
      try require(
        value.count == 1 && value.element == data.element,
        "the constant must be one \(data.element.rawValue), found \(value.element.rawValue)\(value.shape)")
      fill = try FirstWord(tensor: value).dispatch(on: value.element)
    }
    var result = data
    for (index, axis) in axes.enumerated() {
      let (before, after) = (pads[index], pads[index + axes.count])
      let size = data.shape[axis]
      let limit = Pad.sizeLimit
      try require(
        before.magnitude <= UInt(limit) && after.magnitude <= UInt(limit) && size <= Int.max / 2,
        "the padding \(before), \(after) is too large")
      let length = size + before + after
      try require(length >= 0 && length <= 2 * limit, "axis \(axis) would have \(length) elements")
      guard before != 0 || after != 0 else { continue }
      try require(size > 0 || mode == .constant || length == 0, "nothing can't be repeated")
      let sources = (0..<length).map { source(of: $0 - before, in: size) }
      result = try AxisSelection(result, axis: axis, indices: sources, fill: fill).selected()
    }
    return [result]
  }

  /// The element that `position`, which may lie outside, shows; −1 for the constant.
  private func source(of position: Int, in size: Int) -> Int {
    if position >= 0 && position < size { return position }
    switch mode {
    case .constant: return -1
    case .edge: return position < 0 ? 0 : size - 1
    case .wrap:
      let rest = position % size
      return rest < 0 ? rest + size : rest
    case .reflect:
      let period = max(2 * (size - 1), 1)
      let rest = (position % period + period) % period
      return rest < size ? rest : period - rest
    }
  }
}

/// The bits of the first element.
struct FirstWord: WordComputation {
  let tensor: Tensor

  func run<Word: TensorScalar & FixedWidthInteger>(_ type: Word.Type) throws -> UInt64 {
    try tensor.withWords(as: Word.self) { $0.first.map { UInt64(truncatingIfNeeded: $0) } ?? 0 }
  }
}
