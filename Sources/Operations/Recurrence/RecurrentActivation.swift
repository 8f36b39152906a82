import Tensors

/// A function that a recurrent layer puts a sum through.
struct RecurrentActivation {
  private enum Kind: String {
    case relu, tanh, sigmoid, affine, leakyrelu, thresholdedrelu, scaledtanh, hardsigmoid, elu, softsign, softplus

    /// The parameters that the function takes, with what they are where they are not given.
    var defaults: (alpha: Double?, beta: Double?) {
      switch self {
      case .relu, .tanh, .sigmoid, .softsign, .softplus: (nil, nil)
      case .affine: (1, 0)
      case .leakyrelu: (0.01, nil)
      case .thresholdedrelu, .elu: (1, nil)
      case .scaledtanh: (1, 1)
      case .hardsigmoid: (0.2, 0.5)
      }
    }
  }

  private let kind: Kind
  private let alpha: Double
  private let beta: Double

  /// The functions of each direction. Throws where there are too few or one is not known.
  static func list(
    _ attributes: RecurrenceAttributes, default own: [String], _ directions: Int
  ) throws -> [[RecurrentActivation]] {
    let names = attributes.activations.isEmpty ? (0..<directions).flatMap { _ in own } : attributes.activations
    try require(
      names.count >= own.count * directions,
      "\(own.count * directions) activations were expected, found \(names.count)")
    var alphas = attributes.activationAlpha[...]
    var betas = attributes.activationBeta[...]
    let functions = try names.map { name in
      guard let kind = Kind(rawValue: name.lowercased()) else {
        throw ModelError.unsupported("the activation '\(name.prefix(40))' is not known")
      }
      return RecurrentActivation(
        kind: kind, alpha: kind.defaults.alpha.map { alphas.popFirst() ?? $0 } ?? 0,
        beta: kind.defaults.beta.map { betas.popFirst() ?? $0 } ?? 0)
    }
    return (0..<directions).map { Array(functions[($0 * own.count)..<(($0 + 1) * own.count)]) }
  }

  func callAsFunction(_ x: Double) -> Double {
    switch kind {
    case .relu: max(x, 0)
    case .tanh: .hyperbolicTangent(x)
    case .sigmoid: logistic(x)
    case .affine: alpha * x + beta
    case .leakyrelu: x < 0 ? alpha * x : x
    case .thresholdedrelu: x < alpha ? 0 : x
    case .scaledtanh: alpha * .hyperbolicTangent(beta * x)
    case .hardsigmoid: min(max(alpha * x + beta, 0), 1)
    case .elu: x < 0 ? alpha * (.exponential(x) - 1) : x
    case .softsign: x / (1 + x.magnitude)
    case .softplus: max(x, 0) + .logarithmOfOnePlus(.exponential(-x.magnitude))
    }
  }
}
