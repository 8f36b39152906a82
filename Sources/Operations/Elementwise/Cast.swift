import GraphIR
import Tensors

/// The elements converted to another type.
///
/// Floats become integers by cutting off towards zero, integers wrap around in a narrower type, anything but 0 is true.
public struct Cast: GraphOperation {
  public var to = ElementType.float32
  /// Of meaning for 8-bit floats only.
  public var saturate = true
  public var roundMode = "up"

  public init() {}

  public init(to element: ElementType) { to = element }

  public static let schema = Schema<Self>(
    "Cast", inputs: ["input"],
    attributes: [.init("to", \.to), .init("saturate", \.saturate), .init("round_mode", \.roundMode)],
    spellings: [.onnx("Cast", since: 6), .openVINO("Convert", attributes: ["to": "destination_type"])])

  public func infer(_ inputs: Operands<ValueInfo>) throws -> [ValueInfo] {
    let input = try inputs[0]
    return [ValueInfo(TensorType(to, input.shape), contents: contents(of: input))]
  }

  /// Integers keep their expressions: none that a shape holds is too large for the narrower type.
  private func contents(of input: ValueInfo) -> [Dimension]? {
    guard to == .bool else { return input.element == .bool ? nil : input.contents }
    return input.contents?.map { element in
      element.equals(0).map { $0 ? 0 : 1 } ?? .unknown
    }
  }

  public func evaluate(_ inputs: Operands<Tensor>) throws -> [Tensor] {
    let input = try inputs[0]
    return [try convert(input, to: to)]
  }
}

/// The elements of the first input converted to the type of the second one's.
public struct CastLike: GraphOperation {
  /// Of meaning for 8-bit floats only.
  public var saturate = true
  public var roundMode = "up"

  public init() {}

  public static let schema = Schema<Self>(
    "CastLike", inputs: ["input", "target"],
    attributes: [.init("saturate", \.saturate), .init("round_mode", \.roundMode)],
    spellings: [.onnx("CastLike", since: 15), .openVINO("ConvertLike")])

  public func infer(_ inputs: Operands<ValueInfo>) throws -> [ValueInfo] {
    let element = try inputs[1].element
    guard element != .unknown else { return [ValueInfo(element, try inputs[0].shape)] }
    return try Cast(to: element).infer(inputs)
  }

  public func evaluate(_ inputs: Operands<Tensor>) throws -> [Tensor] {
    try Cast(to: try inputs[1].element).evaluate(inputs)
  }
}

/// The bits of the elements read as another type of the same width.
public struct BitCast: GraphOperation {
  public var to = ElementType.float32

  public init() {}

  public static let schema = Schema<Self>(
    "BitCast", inputs: ["input"], attributes: [.init("to", \.to)], spellings: [.onnx("BitCast", since: 26)])

  public func infer(_ inputs: Operands<ValueInfo>) throws -> [ValueInfo] {
    let input = try inputs[0]
    try require(
      input.element == .unknown || input.element.byteCount == to.byteCount,
      "\(input.element.rawValue) and \(to.rawValue) differ in width")
    return [ValueInfo(to, input.shape)]
  }

  public func evaluate(_ inputs: Operands<Tensor>) throws -> [Tensor] {
    let input = try inputs[0]
    _ = try infer(inputs.shapes)
    return [try Tensor(element: to, shape: input.shape) { bytes in input.withBytes { bytes.copyMemory(from: $0) } }]
  }
}

/// `tensor` with its elements converted to `element`.
func convert(_ tensor: Tensor, to element: ElementType) throws -> Tensor {
  if tensor.element == element { return tensor }
  if let values = tensor.element.storedValues { return try tensor.lookedUp(in: try convert(values, to: element)) }
  if element.isStorageOnly { throw ModelError.unsupported("conversion to elements of type \(element.rawValue)") }
  if element == .bool {
    return try Truth(tensor: tensor).dispatch(on: tensor.element)
  }
  if tensor.element == .bool {
    let bytes = try tensor.withBooleans { values in
      try Tensor.filled(UInt8.self, tensor.shape) { result in
        for i in 0..<values.count { result[i] = values[i] != 0 ? 1 : 0 }
      }
    }
    return try convert(bytes, to: element)
  }
  return try ConversionSource(tensor: tensor, element: element).dispatch(on: tensor.element)
}

private struct Truth: NumberComputation {
  let tensor: Tensor

  func run<Scalar: NumberScalar>(_ type: Scalar.Type) throws -> Tensor {
    try tensor.withElements(as: Scalar.self) { values in
      try Tensor.filledBooleans(tensor.shape) { result in
        for i in 0..<values.count { result[i] = values[i].number == .zero ? 0 : 1 }
      }
    }
  }
}

private struct ConversionSource: NumberComputation {
  let tensor: Tensor
  let element: ElementType

  func run<Scalar: NumberScalar>(_ type: Scalar.Type) throws -> Tensor {
    try ConversionTarget<Scalar>(tensor: tensor).dispatch(on: element)
  }
}

private struct ConversionTarget<Source: NumberScalar>: NumberComputation {
  let tensor: Tensor

  func run<Scalar: NumberScalar>(_ type: Scalar.Type) throws -> Tensor {
    try tensor.withElements(as: Source.self) { values in
      try Tensor.filled(Scalar.self, tensor.shape) { result in
        for i in 0..<values.count { result[i] = Scalar(number: values[i].number.converted(to: Scalar.Number.self)) }
      }
    }
  }
}

extension Arithmetic {
  /// The number in another type: between integers it wraps around, else it goes through `Double`.
  @inline(__always)
  fileprivate func converted<Other: Arithmetic>(to type: Other.Type) -> Other {
    Self.isInteger && Other.isInteger ? Other(wrapping: wrapped) : Other(double: double)
  }
}
