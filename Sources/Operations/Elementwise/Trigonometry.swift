import GraphIR

/// The sine of an angle in radians.
public struct Sin: UnaryRealOperation {
  public init() {}

  public static let schema = Schema<Self>(
    "Sin", inputs: ["input"], spellings: [.onnx("Sin", since: 7), .openVINO("Sin")])

  func apply<Number: RealArithmetic>(_ value: Number) -> Number { .sine(value) }
}

/// The cosine of an angle in radians.
public struct Cos: UnaryRealOperation {
  public init() {}

  public static let schema = Schema<Self>(
    "Cos", inputs: ["input"], spellings: [.onnx("Cos", since: 7), .openVINO("Cos")])

  func apply<Number: RealArithmetic>(_ value: Number) -> Number { .cosine(value) }
}

/// The hyperbolic tangent.
public struct Tanh: UnaryRealOperation {
  public init() {}

  public static let schema = Schema<Self>(
    "Tanh", inputs: ["input"], spellings: [.onnx("Tanh", since: 6), .openVINO("Tanh")])

  func apply<Number: RealArithmetic>(_ value: Number) -> Number { .hyperbolicTangent(value) }
}
