import GraphIR

/// The greatest whole number that is not greater.
public struct Floor: UnaryRealOperation {
  public init() {}

  public static let schema = Schema<Self>(
    "Floor", inputs: ["input"], spellings: [.onnx("Floor", since: 6), .openVINO("Floor")])

  func apply<Number: RealArithmetic>(_ value: Number) -> Number { value.rounded(.down) }
}

/// The least whole number that is not less.
public struct Ceil: UnaryRealOperation {
  public init() {}

  public static let schema = Schema<Self>(
    "Ceil", inputs: ["input"], spellings: [.onnx("Ceil", since: 6), .openVINO("Ceiling")])

  func apply<Number: RealArithmetic>(_ value: Number) -> Number { value.rounded(.up) }
}

/// The nearest whole number, the even one of two.
public struct Round: UnaryRealOperation {
  public init() {}

  public static let schema = Schema<Self>("Round", inputs: ["input"], spellings: [.onnx("Round", since: 11)])

  func apply<Number: RealArithmetic>(_ value: Number) -> Number { value.rounded(.toNearestOrEven) }
}
