import GraphIR

/// max(x, 0).
public struct Relu: UnaryNumberOperation {
  public init() {}

  public static let schema = Schema<Self>(
    "Relu", inputs: ["input"], spellings: [.onnx("Relu", since: 6), .openVINO("ReLU")])

  func apply<Number: Arithmetic>(_ value: Number) -> Number { value.maximum(.zero) }
}

/// 1 / (1 + e⁻ˣ).
public struct Sigmoid: UnaryRealOperation {
  public init() {}

  public static let schema = Schema<Self>(
    "Sigmoid", inputs: ["input"], spellings: [.onnx("Sigmoid", since: 6), .openVINO("Sigmoid")])

  func apply<Number: RealArithmetic>(_ value: Number) -> Number { logistic(value) }
}

/// 1 / (1 + e⁻ˣ), without overflow for any x.
@inline(__always)
func logistic<Number: RealArithmetic>(_ value: Number) -> Number {
  let decay = Number.exponential(-value.magnitude)
  return value < 0 ? decay / (1 + decay) : 1 / (1 + decay)
}

/// ln(1 + eˣ).
public struct Softplus: UnaryRealOperation {
  public init() {}

  public static let schema = Schema<Self>(
    "Softplus", inputs: ["input"], spellings: [.onnx("Softplus"), .openVINO("SoftPlus", since: 4)])

  func apply<Number: RealArithmetic>(_ value: Number) -> Number {
    value.maximum(0) + .logarithmOfOnePlus(.exponential(-value.magnitude))
  }
}

/// x where it is positive, `alpha`·x elsewhere.
public struct LeakyRelu: UnaryRealOperation {
  public var alpha = 0.01

  public init() {}

  public static let schema = Schema<Self>(
    "LeakyRelu", inputs: ["input"], attributes: [.init("alpha", \.alpha)], spellings: [.onnx("LeakyRelu", since: 6)])

  func apply<Number: RealArithmetic>(_ value: Number) -> Number { value < 0 ? Number(alpha) * value : value }
}

/// x where it is positive, `alpha`·(eˣ − 1) elsewhere.
public struct Elu: UnaryRealOperation {
  public var alpha = 1.0

  public init() {}

  public static let schema = Schema<Self>(
    "Elu", inputs: ["input"], attributes: [.init("alpha", \.alpha)],
    spellings: [.onnx("Elu", since: 6), .openVINO("Elu")])

  func apply<Number: RealArithmetic>(_ value: Number) -> Number {
    value < 0 ? Number(alpha) * (.exponential(value) - 1) : value
  }
}

/// `alpha`·x + `beta`, kept between 0 and 1.
public struct HardSigmoid: UnaryRealOperation {
  public var alpha = 0.2
  public var beta = 0.5

  public init() {}

  public static let schema = Schema<Self>(
    "HardSigmoid", inputs: ["input"], attributes: [.init("alpha", \.alpha), .init("beta", \.beta)],
    spellings: [.onnx("HardSigmoid", since: 6)])

  func apply<Number: RealArithmetic>(_ value: Number) -> Number {
    (Number(alpha) * value + Number(beta)).maximum(0).minimum(1)
  }
}

/// x · max(0, min(1, x/6 + 1/2)).
public struct HardSwish: UnaryRealOperation {
  public init() {}

  public static let schema = Schema<Self>(
    "HardSwish", inputs: ["input"], spellings: [.onnx("HardSwish", since: 14), .openVINO("HSwish", since: 4)])

  func apply<Number: RealArithmetic>(_ value: Number) -> Number { value * (value / 6 + 0.5).maximum(0).minimum(1) }
}
