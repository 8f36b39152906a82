import GraphIR
import Tensors

/// One step of an optimiser, for any number of tensors at once.
///
/// Inputs are the learning rate, how many steps there were before, then all tensors, all their gradients, and all of each kind of state that
/// the optimiser keeps. Results are the new tensors and the new states.
protocol GradientStep: GraphOperation {
  /// How many states a tensor has.
  static var stateCount: Int { get }

  /// The new value of an element and of its states.
  func step(
    _ value: Double, gradient: Double, states: [Double], rate: Double, count: Double
  ) -> (value: Double, states: [Double])
}

extension GradientStep {
  static func stepSchema(_ name: String, attributes: [Attribute<Self>]) -> Schema<Self> {
    Schema(
      name, inputs: ["rate", "count", .variadic("tensors")], outputs: 1...Int(Int16.max), attributes: attributes,
      spellings: [.onnx(name, domain: "ai.onnx.preview.training")])
  }

  /// The number of tensors, given that of inputs.
  private func tensorCount(_ inputs: Int) throws -> Int {
    let kinds = Self.stateCount + 2
    try require(inputs > 2 && (inputs - 2) % kinds == 0, "\(inputs - 2) tensors are not \(kinds) for each")
    return (inputs - 2) / kinds
  }

  public func infer(_ inputs: Operands<ValueInfo>) throws -> [ValueInfo] {
    let count = try tensorCount(inputs.count)
    return try (0..<(count * (Self.stateCount + 1))).map { ValueInfo(try inputs[2 + $0 % count].type) }
  }

  public func evaluate(_ inputs: Operands<Tensor>) throws -> [Tensor] {
    let count = try tensorCount(inputs.count)
    let (rate, steps) = (try inputs[0], try inputs[1])
    try require(rate.count == 1 && steps.count == 1, "rate and count must be one number each")
    let (rateNumber, stepNumber) = (try rate.doubles()[0], try steps.doubles()[0])
    let results = try (0..<count).map { index in
      let parts = try (0..<(Self.stateCount + 2)).map { try inputs[2 + $0 * count + index] }
      let (shape, element) = (parts[0].shape, parts[0].element)
      try require(parts.allSatisfy { $0.shape == shape }, "a tensor, its gradient and its states differ in shape")
      var columns = try parts.map { try $0.doubles() }
      let gradients = columns.remove(at: 1)
      for (i, gradient) in gradients.enumerated() {
        let states = columns.dropFirst().map { $0[i] }
        let next = step(columns[0][i], gradient: gradient, states: states, rate: rateNumber, count: stepNumber)
        for (column, number) in ([next.value] + next.states).enumerated() { columns[column][i] = number }
      }
      return try columns.map { try Tensor(doubles: $0, element: element, shape: shape) }
    }
    return (0...Self.stateCount).flatMap { kind in results.map { $0[kind] } }
  }
}

/// Steps that get shorter for elements with great gradients ("Adaptive subgradient methods", Duchi, Hazan and Singer, 2011).
public struct Adagrad: GradientStep {
  public var decayFactor = 0.0
  public var epsilon = 1e-6
  public var normCoefficient = 0.0

  public init() {}

  public static let schema = stepSchema(
    "Adagrad",
    attributes: [
      .init("decay_factor", \.decayFactor), .init("epsilon", \.epsilon), .init("norm_coefficient", \.normCoefficient),
    ])

  static let stateCount = 1

  func step(
    _ value: Double, gradient: Double, states: [Double], rate: Double, count: Double
  ) -> (value: Double, states: [Double]) {
    let slope = gradient + normCoefficient * value
    let squares = states[0] + slope * slope
    let rate = rate / (1 + count * decayFactor)
    return (value - rate * slope / (squares.squareRoot() + epsilon), [squares])
  }
}

/// Steps by running means of gradients and of their squares ("Adam: a method for stochastic optimization", Kingma and Ba, 2014).
public struct Adam: GradientStep {
  public var alpha = 0.9
  public var beta = 0.999
  public var epsilon = 1e-6
  public var normCoefficient = 0.0
  public var normCoefficientAfter = 0.0

  public init() {}

  public static let schema = stepSchema(
    "Adam",
    attributes: [
      .init("alpha", \.alpha), .init("beta", \.beta), .init("epsilon", \.epsilon),
      .init("norm_coefficient", \.normCoefficient), .init("norm_coefficient_post", \.normCoefficientAfter),
    ])

  static let stateCount = 2

  func step(
    _ value: Double, gradient: Double, states: [Double], rate: Double, count: Double
  ) -> (value: Double, states: [Double]) {
    let slope = gradient + normCoefficient * value
    let mean = alpha * states[0] + (1 - alpha) * slope
    let squares = beta * states[1] + (1 - beta) * slope * slope
    let correction = count > 0 ? (1 - .power(beta, count)).squareRoot() / (1 - .power(alpha, count)) : 1
    let next = value - rate * correction * mean / (squares.squareRoot() + epsilon)
    return ((1 - normCoefficientAfter) * next, [mean, squares])
  }
}

/// Steps by a running sum of gradients, looking ahead by one step where the mode is Nesterov's.
public struct Momentum: GradientStep {
  public enum Mode: String, Hashable, Sendable, CaseIterable, AttributeConvertible {
    case standard
    case nesterov
  }

  public var alpha = 0.0
  public var beta = 0.0
  public var mode = Mode.standard
  public var normCoefficient = 0.0

  public init() {}

  public static let schema = stepSchema(
    "Momentum",
    attributes: [
      .init("alpha", \.alpha), .init("beta", \.beta), .init("mode", \.mode),
      .init("norm_coefficient", \.normCoefficient),
    ])

  static let stateCount = 1

  func step(
    _ value: Double, gradient: Double, states: [Double], rate: Double, count: Double
  ) -> (value: Double, states: [Double]) {
    let slope = gradient + normCoefficient * value
    let sum = alpha * states[0] + (count > 0 ? beta : 1) * slope
    return (value - rate * (mode == .standard ? sum : slope + alpha * sum), [sum])
  }
}
