import GraphIR

/// The hyperbolic sine.
public struct Sinh: UnaryRealOperation {
  public init() {}

  public static let schema = Schema<Self>(
    "Sinh", inputs: ["input"], spellings: [.onnx("Sinh", since: 9), .openVINO("Sinh")])

  func apply<Number: RealArithmetic>(_ value: Number) -> Number { .hyperbolicSine(value) }
}

/// The hyperbolic cosine.
public struct Cosh: UnaryRealOperation {
  public init() {}

  public static let schema = Schema<Self>(
    "Cosh", inputs: ["input"], spellings: [.onnx("Cosh", since: 9), .openVINO("Cosh")])

  func apply<Number: RealArithmetic>(_ value: Number) -> Number { .hyperbolicCosine(value) }
}

/// The hyperbolic tangent.
public struct Tanh: UnaryRealOperation {
  public init() {}

  public static let schema = Schema<Self>(
    "Tanh", inputs: ["input"], spellings: [.onnx("Tanh", since: 6), .openVINO("Tanh")])

  func apply<Number: RealArithmetic>(_ value: Number) -> Number { .hyperbolicTangent(value) }
}

/// The number whose hyperbolic sine this is.
public struct Asinh: UnaryRealOperation {
  public init() {}

  public static let schema = Schema<Self>(
    "Asinh", inputs: ["input"], spellings: [.onnx("Asinh", since: 9), .openVINO("Asinh", since: 4)])

  func apply<Number: RealArithmetic>(_ value: Number) -> Number { .inverseHyperbolicSine(value) }
}

/// The number whose hyperbolic cosine this is.
public struct Acosh: UnaryRealOperation {
  public init() {}

  public static let schema = Schema<Self>(
    "Acosh", inputs: ["input"], spellings: [.onnx("Acosh", since: 9), .openVINO("Acosh", since: 4)])

  func apply<Number: RealArithmetic>(_ value: Number) -> Number { .inverseHyperbolicCosine(value) }
}

/// The number whose hyperbolic tangent this is.
public struct Atanh: UnaryRealOperation {
  public init() {}

  public static let schema = Schema<Self>(
    "Atanh", inputs: ["input"], spellings: [.onnx("Atanh", since: 9), .openVINO("Atanh", since: 4)])

  func apply<Number: RealArithmetic>(_ value: Number) -> Number { .inverseHyperbolicTangent(value) }
}
