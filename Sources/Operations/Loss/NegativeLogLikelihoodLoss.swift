import GraphIR
import Tensors

/// How the losses of all positions become one.
public enum LossReduction: String, Hashable, Sendable, CaseIterable, AttributeConvertible {
  case none
  case sum
  /// The sum over the sum of weights.
  case mean
}

/// −weight[target] · input[target] for log-probabilities `input [batch, classes, …]` and class numbers `target [batch, …]`.
///
/// Positions whose target is `ignore_index` have no loss and no weight.
public struct NegativeLogLikelihoodLoss: GraphOperation {
  public var ignoredIndex: Int?
  public var reduction = LossReduction.mean

  public init() {}

  public static let schema = Schema<Self>(
    "NegativeLogLikelihoodLoss", inputs: ["input", "target", .optional("weight")],
    attributes: [.init("ignore_index", \.ignoredIndex), .init("reduction", \.reduction)],
    spellings: [.onnx("NegativeLogLikelihoodLoss", since: 12)])

  public func infer(_ inputs: Operands<ValueInfo>) throws -> [ValueInfo] {
    [ValueInfo(try inputs[0].element, reduction == .none ? try inputs[1].shape : .scalar)]
  }

  public func evaluate(_ inputs: Operands<Tensor>) throws -> [Tensor] {
    let input = try inputs[0]
    let target = try inputs[1]
    try require(
      input.rank >= 2 && target.shape == [input.shape[0]] + input.shape[2...],
      "targets \(target.shape) don't fit \(input.shape)")
    let classes = input.shape[1]
    let weights = try inputs.optional(2)?.doubles() ?? zeros([classes]).map { $0 + 1 }
    try require(weights.count == classes, "there must be one weight a class")
    let (values, targets) = (try input.doubles(), try target.integers())
    let inner = product(input.shape[2...])
    var (losses, total) = ([Double](repeating: 0, count: targets.count), 0.0)
    for (index, target) in targets.enumerated() where target != ignoredIndex {
      try require(target >= 0 && target < classes, "the class \(target) is out of range for \(classes) classes")
      losses[index] = -weights[target] * values[(index / inner * classes + target) * inner + index % inner]
      total += weights[target]
    }
    if reduction == .none { return [try Tensor(doubles: losses, element: input.element, shape: target.shape)] }
    let sum = losses.reduce(0, +)
    return [try Tensor(doubles: [reduction == .mean ? sum / total : sum], element: input.element, shape: [])]
  }
}

/// The negative log-likelihood loss of the softmax of `scores` over axis 1; also the log-probabilities.
public struct SoftmaxCrossEntropyLoss: GraphOperation {
  public var ignoredIndex: Int?
  public var reduction = LossReduction.mean

  public init() {}

  public static let schema = Schema<Self>(
    "SoftmaxCrossEntropyLoss", inputs: ["scores", "labels", .optional("weights")], outputs: 1...2,
    attributes: [.init("ignore_index", \.ignoredIndex), .init("reduction", \.reduction)],
    spellings: [.onnx("SoftmaxCrossEntropyLoss", since: 12)])

  private var loss: NegativeLogLikelihoodLoss {
    var loss = NegativeLogLikelihoodLoss()
    (loss.ignoredIndex, loss.reduction) = (ignoredIndex, reduction)
    return loss
  }

  public func infer(_ inputs: Operands<ValueInfo>) throws -> [ValueInfo] {
    try loss.infer(inputs) + [ValueInfo(try inputs[0].type)]
  }

  public func evaluate(_ inputs: Operands<Tensor>) throws -> [Tensor] {
    var softmax = LogSoftmax()
    softmax.axis = 1
    let logarithms = try softmax.evaluate(Operands([try inputs[0]]))[0]
    return try loss.evaluate(Operands([logarithms, try inputs[1], inputs.optional(2)])) + [logarithms]
  }
}
