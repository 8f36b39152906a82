import Tensors

/// A value that comes from outside: a graph's input.
public struct Parameter: GraphOperation {
  public var type = TensorType.unknown

  public init() {}

  public init(type: TensorType) { self.type = type }

  public static let schema = Schema<Self>("Parameter", inputs: [])

  public func infer(_ inputs: Operands<ValueInfo>) throws -> [ValueInfo] { [ValueInfo(type)] }

  public func evaluate(_ inputs: Operands<Tensor>) throws -> [Tensor] {
    throw ModelError.invalid("a graph's input was given no value")
  }
}

/// A tensor that is part of the model.
public struct Constant: GraphOperation {
  public var tensor = Tensor(scalar: Float(0))

  public init() {}

  public init(_ tensor: Tensor) { self.tensor = tensor }

  public static let schema = Schema<Self>("Constant", inputs: [], attributes: [.init("value", \.tensor)])

  public func infer(_ inputs: Operands<ValueInfo>) throws -> [ValueInfo] { [ValueInfo(constant: tensor)] }

  public func evaluate(_ inputs: Operands<Tensor>) throws -> [Tensor] { [tensor] }
}

/// An operation that flashfuse does not know: it stops a run, not the fusion of what surrounds it.
public struct Opaque: GraphOperation {
  /// The type as the file spells it, with its domain or operator set.
  public var type = ""
  /// What the file says of the types of its results.
  public var outputs: [TensorType] = []
  /// What about it is not known, where flashfuse knows others of its type.
  public var reason: String?

  public init() {}

  public init(type: String, outputs: [TensorType], reason: String? = nil) {
    self.type = type
    self.outputs = outputs
    self.reason = reason
  }

  /// A constant whose elements, called `elements` by its file, are of a type that flashfuse does not have.
  package init(constant type: String, output: TensorType, elements: String) {
    self.init(type: type, outputs: [output], reason: "elements of type \(elements) are not supported")
  }

  public static let schema = Schema<Self>(
    "Opaque", inputs: [.variadic("inputs")], outputs: 0...Int.max, attributes: [.init("type", \.type)])

  public func infer(_ inputs: Operands<ValueInfo>) throws -> [ValueInfo] { outputs.map { ValueInfo($0) } }

  public func evaluate(_ inputs: Operands<Tensor>) throws -> [Tensor] {
    throw ModelError.unsupported(reason ?? "the operation \(type) is not known")
  }
}
