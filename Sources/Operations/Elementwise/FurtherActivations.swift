import GraphIR

/// x / (1 + |x|).
public struct Softsign: UnaryRealOperation {
  public init() {}

  public static let schema = Schema<Self>(
    "Softsign", inputs: ["input"], spellings: [.onnx("Softsign"), .openVINO("SoftSign", since: 9)])

  func apply<Number: RealArithmetic>(_ value: Number) -> Number { value / (1 + value.magnitude) }
}

/// `gamma`·x where x is positive, `gamma`·`alpha`·(eˣ − 1) elsewhere.
public struct Selu: UnaryRealOperation {
  public var alpha = 1.67326319217681884765625
  public var gamma = 1.05070102214813232421875

  public init() {}

  public static let schema = Schema<Self>(
    "Selu", inputs: ["input"], attributes: [.init("alpha", \.alpha), .init("gamma", \.gamma)],
    spellings: [.onnx("Selu", since: 6)])

  func apply<Number: RealArithmetic>(_ value: Number) -> Number {
    Number(gamma) * (value > 0 ? value : Number(alpha) * (.exponential(value) - 1))
  }
}

/// max(0, x) + min(0, `alpha`·(exp(x/`alpha`) − 1)).
public struct Celu: UnaryRealOperation {
  public var alpha = 1.0

  public init() {}

  public static let schema = Schema<Self>(
    "Celu", inputs: ["input"], attributes: [.init("alpha", \.alpha)], spellings: [.onnx("Celu", since: 12)])

  func apply<Number: RealArithmetic>(_ value: Number) -> Number {
    let alpha = Number(alpha)
    return value.maximum(0) + (alpha * (.exponential(value / alpha) - 1)).minimum(0)
  }
}

/// x · tanh(ln(1 + eˣ)).
public struct Mish: UnaryRealOperation {
  public init() {}

  public static let schema = Schema<Self>(
    "Mish", inputs: ["input"], spellings: [.onnx("Mish", since: 18), .openVINO("Mish", since: 4)])

  func apply<Number: RealArithmetic>(_ value: Number) -> Number {
    let softplus = value.maximum(0) + .logarithmOfOnePlus(.exponential(-value.magnitude))
    return value * .hyperbolicTangent(softplus)
  }
}

/// x where it is greater than `alpha`, 0 elsewhere.
public struct ThresholdedRelu: UnaryRealOperation {
  public var alpha = 1.0

  public init() {}

  public static let schema = Schema<Self>(
    "ThresholdedRelu", inputs: ["input"], attributes: [.init("alpha", \.alpha)],
    spellings: [.onnx("ThresholdedRelu", since: 10)])

  func apply<Number: RealArithmetic>(_ value: Number) -> Number { value > Number(alpha) ? value : 0 }
}

/// x + `bias` below −`threshold`, x − `bias` above `threshold`, 0 between.
public struct Shrink: UnaryNumberOperation {
  public var bias = 0.0
  public var threshold = 0.5

  public init() {}

  public static let schema = Schema<Self>(
    "Shrink", inputs: ["input"], attributes: [.init("bias", \.bias), .init("lambd", \.threshold)],
    spellings: [.onnx("Shrink", since: 9)])

  func apply<Number: Arithmetic>(_ value: Number) -> Number {
    let number = value.double
    if number < -threshold { return Number(double: number + bias) }
    return number > threshold ? Number(double: number - bias) : .zero
  }
}
