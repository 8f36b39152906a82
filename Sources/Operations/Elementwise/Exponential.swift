import GraphIR

/// eˣ.
public struct Exp: UnaryRealOperation {
  public init() {}

  public static let schema = Schema<Self>(
    "Exp", inputs: ["input"], spellings: [.onnx("Exp", since: 6), .openVINO("Exp")])

  func apply<Number: RealArithmetic>(_ value: Number) -> Number { .exponential(value) }
}

/// The natural logarithm.
public struct Log: UnaryRealOperation {
  public init() {}

  public static let schema = Schema<Self>(
    "Log", inputs: ["input"], spellings: [.onnx("Log", since: 6), .openVINO("Log")])

  func apply<Number: RealArithmetic>(_ value: Number) -> Number { .logarithm(value) }
}

/// The square root.
public struct Sqrt: UnaryRealOperation {
  public init() {}

  public static let schema = Schema<Self>(
    "Sqrt", inputs: ["input"], spellings: [.onnx("Sqrt", since: 6), .openVINO("Sqrt")])

  func apply<Number: RealArithmetic>(_ value: Number) -> Number { value.squareRoot() }
}

/// 1 / x.
public struct Reciprocal: UnaryRealOperation {
  public init() {}

  public static let schema = Schema<Self>("Reciprocal", inputs: ["input"], spellings: [.onnx("Reciprocal", since: 6)])

  func apply<Number: RealArithmetic>(_ value: Number) -> Number { 1 / value }
}

/// The error function, 2/√π · ∫₀ˣ exp(−t²) dt.
public struct Erf: UnaryRealOperation {
  public init() {}

  public static let schema = Schema<Self>(
    "Erf", inputs: ["input"], spellings: [.onnx("Erf", since: 9), .openVINO("Erf")])

  func apply<Number: RealArithmetic>(_ value: Number) -> Number { .errorFunction(value) }
}
