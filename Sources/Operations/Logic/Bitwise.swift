import GraphIR
import Tensors

/// An operation on the bits of two integer (or boolean) inputs, which broadcast to each other.
protocol BitwiseOperation: GraphOperation {
  func combine<Word: FixedWidthInteger>(_ left: Word, _ right: Word) -> Word
}

extension BitwiseOperation {
  public func infer(_ inputs: Operands<ValueInfo>) throws -> [ValueInfo] {
    let operands = [try inputs[0], try inputs[1]]
    let element = try commonElement(operands)
    try requireBits(element)
    return [ValueInfo(element, try broadcastShape(operands))]
  }

  public func evaluate(_ inputs: Operands<Tensor>) throws -> [Tensor] {
    let left = try inputs[0]
    let right = try inputs[1]
    try require(
      left.element == right.element,
      "the inputs must have one element type, found \(left.element.rawValue) and \(right.element.rawValue)")
    try requireBits(left.element)
    if left.element == .bool {
      return [try combineBooleans(left, right) { combine($0 ? UInt8(1) : 0, $1 ? UInt8(1) : 0) != 0 }]
    }
    return [try BitwiseLoop(operation: self, left: left, right: right).dispatch(on: left.element)]
  }
}

private func requireBits(_ element: ElementType) throws {
  try require(!element.isFloatingPoint, "integers were expected, found \(element.rawValue)")
}

private struct BitwiseLoop<Operation: BitwiseOperation>: WordComputation {
  let operation: Operation
  let left: Tensor
  let right: Tensor

  func run<Word: TensorScalar & FixedWidthInteger>(_ type: Word.Type) throws -> Tensor {
    let shape = try broadcastShape([left.shape, right.shape])
    let plan = try BroadcastPlan([left.shape, right.shape], to: shape)
    return try left.withWords(as: Word.self) { first in
      try right.withWords(as: Word.self) { second in
        try Tensor.filledWords(left.element, shape, as: Word.self) { result in
          combineBroadcast(plan, first, second, result) { operation.combine($0, $1) }
        }
      }
    }
  }
}

/// The bits that both have.
public struct BitwiseAnd: BitwiseOperation {
  public init() {}

  public static let schema = Schema<Self>(
    "BitwiseAnd", inputs: ["left", "right"],
    spellings: [.onnx("BitwiseAnd", since: 18), .openVINO("BitwiseAnd", since: 13)])

  func combine<Word: FixedWidthInteger>(_ left: Word, _ right: Word) -> Word { left & right }
}

/// The bits that one or both have.
public struct BitwiseOr: BitwiseOperation {
  public init() {}

  public static let schema = Schema<Self>(
    "BitwiseOr", inputs: ["left", "right"],
    spellings: [.onnx("BitwiseOr", since: 18), .openVINO("BitwiseOr", since: 13)])

  func combine<Word: FixedWidthInteger>(_ left: Word, _ right: Word) -> Word { left | right }
}

/// The bits that exactly one has.
public struct BitwiseXor: BitwiseOperation {
  public init() {}

  public static let schema = Schema<Self>(
    "BitwiseXor", inputs: ["left", "right"],
    spellings: [.onnx("BitwiseXor", since: 18), .openVINO("BitwiseXor", since: 13)])

  func combine<Word: FixedWidthInteger>(_ left: Word, _ right: Word) -> Word { left ^ right }
}

/// The other bits; the other boolean.
public struct BitwiseNot: GraphOperation {
  public init() {}

  public static let schema = Schema<Self>(
    "BitwiseNot", inputs: ["input"],
    spellings: [.onnx("BitwiseNot", since: 18), .openVINO("BitwiseNot", since: 13)])

  public func infer(_ inputs: Operands<ValueInfo>) throws -> [ValueInfo] {
    let input = try inputs[0]
    try requireBits(input.element)
    return [ValueInfo(input.type)]
  }

  public func evaluate(_ inputs: Operands<Tensor>) throws -> [Tensor] {
    let input = try inputs[0]
    try requireBits(input.element)
    if input.element == .bool { return try Not().evaluate(inputs) }
    return [try Complement(input: input).dispatch(on: input.element)]
  }

  private struct Complement: WordComputation {
    let input: Tensor

    func run<Word: TensorScalar & FixedWidthInteger>(_ type: Word.Type) throws -> Tensor {
      try input.withWords(as: Word.self) { values in
        try Tensor.filledWords(input.element, input.shape, as: Word.self) { result in
          for i in 0..<values.count { result[i] = ~values[i] }
        }
      }
    }
  }
}
