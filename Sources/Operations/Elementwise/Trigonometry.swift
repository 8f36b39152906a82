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

/// The tangent of an angle in radians.
public struct Tan: UnaryRealOperation {
  public init() {}

  public static let schema = Schema<Self>(
    "Tan", inputs: ["input"], spellings: [.onnx("Tan", since: 7), .openVINO("Tan")])

  func apply<Number: RealArithmetic>(_ value: Number) -> Number { .tangent(value) }
}

/// The angle in radians whose sine this is.
public struct Asin: UnaryRealOperation {
  public init() {}

  public static let schema = Schema<Self>(
    "Asin", inputs: ["input"], spellings: [.onnx("Asin", since: 7), .openVINO("Asin")])

  func apply<Number: RealArithmetic>(_ value: Number) -> Number { .arcSine(value) }
}

/// The angle in radians whose cosine this is.
public struct Acos: UnaryRealOperation {
  public init() {}

  public static let schema = Schema<Self>(
    "Acos", inputs: ["input"], spellings: [.onnx("Acos", since: 7), .openVINO("Acos")])

  func apply<Number: RealArithmetic>(_ value: Number) -> Number { .arcCosine(value) }
}

/// The angle in radians whose tangent this is.
public struct Atan: UnaryRealOperation {
  public init() {}

  public static let schema = Schema<Self>(
    "Atan", inputs: ["input"], spellings: [.onnx("Atan", since: 7), .openVINO("Atan")])

  func apply<Number: RealArithmetic>(_ value: Number) -> Number { .arcTangent(value) }
}
