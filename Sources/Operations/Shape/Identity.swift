import GraphIR
import Tensors

/// The input as it is.
public struct Identity: GraphOperation {
  public init() {}

  public static let schema = Schema<Self>("Identity", inputs: ["input"], spellings: [.onnx("Identity")])

  public func infer(_ inputs: Operands<ValueInfo>) throws -> [ValueInfo] { [try inputs[0]] }

  public func evaluate(_ inputs: Operands<Tensor>) throws -> [Tensor] { [try inputs[0]] }
}

/// Dropout as it behaves in inference: the input as it is, and a mask that keeps everything.
public struct Dropout: GraphOperation {
  /// Of meaning in training only.
  public var seed: Int?

  public init() {}

  public static let schema = Schema<Self>(
    "Dropout", inputs: ["data", .optional("ratio"), .optional("training_mode")], outputs: 1...2,
    attributes: [.init("seed", \.seed)], spellings: [.onnx("Dropout", since: 12)])

  public func infer(_ inputs: Operands<ValueInfo>) throws -> [ValueInfo] {
    let data = try inputs[0]
    return [data, ValueInfo(.bool, data.shape)]
  }

  public func evaluate(_ inputs: Operands<Tensor>) throws -> [Tensor] {
    let data = try inputs[0]
    if let training = inputs.optional(2), try training.booleans().contains(true) {
      // Dropping nothing is the same in training.
      let ratio = try inputs.optional(1)?.doubles().first ?? 0.5
      if ratio != 0 { throw ModelError.unsupported("dropout in training mode") }
    }
    let mask = try Tensor.filledBooleans(data.shape) { $0.update(repeating: 1) }
    return [data, mask]
  }
}
