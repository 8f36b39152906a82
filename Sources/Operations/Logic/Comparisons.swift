import GraphIR
import Tensors

/// Whether two elements are equal.
public struct Equal: ComparisonOperation {
  public init() {}

  public static let schema = Schema<Self>(
    "Equal", inputs: ["left", "right"], spellings: [.onnx("Equal", since: 7), .openVINO("Equal")])

  func compare<Number: Arithmetic>(_ left: Number, _ right: Number) -> Bool { left == right }

  func compare(symbols left: Dimension, _ right: Dimension) -> Bool? { left.equals(right) }
}

/// Whether the left element is less.
public struct Less: ComparisonOperation {
  public init() {}

  public static let schema = Schema<Self>(
    "Less", inputs: ["left", "right"], spellings: [.onnx("Less", since: 7), .openVINO("Less")])

  func compare<Number: Arithmetic>(_ left: Number, _ right: Number) -> Bool { left < right }

  func compare(symbols left: Dimension, _ right: Dimension) -> Bool? { right.exceeds(left) }
}

/// Whether the left element is less or both are equal.
public struct LessOrEqual: ComparisonOperation {
  public init() {}

  public static let schema = Schema<Self>(
    "LessOrEqual", inputs: ["left", "right"], spellings: [.onnx("LessOrEqual", since: 12), .openVINO("LessEqual")])

  func compare<Number: Arithmetic>(_ left: Number, _ right: Number) -> Bool { left <= right }

  func compare(symbols left: Dimension, _ right: Dimension) -> Bool? { left.exceeds(right).map { !$0 } }
}

/// Whether the left element is greater.
public struct Greater: ComparisonOperation {
  public init() {}

  public static let schema = Schema<Self>(
    "Greater", inputs: ["left", "right"], spellings: [.onnx("Greater", since: 7), .openVINO("Greater")])

  func compare<Number: Arithmetic>(_ left: Number, _ right: Number) -> Bool { left > right }

  func compare(symbols left: Dimension, _ right: Dimension) -> Bool? { left.exceeds(right) }
}

/// Whether the left element is greater or both are equal.
public struct GreaterOrEqual: ComparisonOperation {
  public init() {}

  public static let schema = Schema<Self>(
    "GreaterOrEqual", inputs: ["left", "right"],
    spellings: [.onnx("GreaterOrEqual", since: 12), .openVINO("GreaterEqual")])

  func compare<Number: Arithmetic>(_ left: Number, _ right: Number) -> Bool { left >= right }

  func compare(symbols left: Dimension, _ right: Dimension) -> Bool? { right.exceeds(left).map { !$0 } }
}

extension Dimension {
  /// Whether the dimension is greater than `other`, for whatever sizes its symbols stand for; nil where that depends on them.
  fileprivate func exceeds(_ other: Dimension) -> Bool? {
    if other.isAtLeast(self) { return false }
    return isAtLeast(other + 1) ? true : nil
  }
}
