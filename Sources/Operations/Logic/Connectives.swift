import GraphIR
import Tensors

/// An operation on the booleans of two inputs, which broadcast to each other.
protocol ConnectiveOperation: GraphOperation {
  func combine(_ left: Bool, _ right: Bool) -> Bool
}

extension ConnectiveOperation {
  public func infer(_ inputs: Operands<ValueInfo>) throws -> [ValueInfo] {
    let operands = [try inputs[0], try inputs[1]]
    let element = try commonElement(operands)
    try require(element == .bool || element == .unknown, "booleans were expected, found \(element.rawValue)")
    let shape = try broadcastShape(operands)
    let contents = broadcastContents(operands, to: shape) { elements in
      let possible = elements.map { $0.constant.map { [$0 != 0] } ?? [false, true] }
      let results = Set(possible[0].flatMap { left in possible[1].map { combine(left, $0) } })
      return results.count == 1 ? (results.contains(true) ? 1 : 0) : .unknown
    }
    return [ValueInfo(TensorType(.bool, shape), contents: contents)]
  }

  public func evaluate(_ inputs: Operands<Tensor>) throws -> [Tensor] {
    [try combineBooleans(try inputs[0], try inputs[1], combine)]
  }
}

/// Whether both are true.
public struct And: ConnectiveOperation {
  public init() {}

  public static let schema = Schema<Self>(
    "And", inputs: ["left", "right"], spellings: [.onnx("And", since: 7), .openVINO("LogicalAnd")])

  func combine(_ left: Bool, _ right: Bool) -> Bool { left && right }
}

/// Whether one or both are true.
public struct Or: ConnectiveOperation {
  public init() {}

  public static let schema = Schema<Self>(
    "Or", inputs: ["left", "right"], spellings: [.onnx("Or", since: 7), .openVINO("LogicalOr")])

  func combine(_ left: Bool, _ right: Bool) -> Bool { left || right }
}

/// Whether exactly one is true.
public struct Xor: ConnectiveOperation {
  public init() {}

  public static let schema = Schema<Self>(
    "Xor", inputs: ["left", "right"], spellings: [.onnx("Xor", since: 7), .openVINO("LogicalXor")])

  func combine(_ left: Bool, _ right: Bool) -> Bool { left != right }
}

/// The other boolean.
public struct Not: GraphOperation {
  public init() {}

  public static let schema = Schema<Self>(
    "Not", inputs: ["input"], spellings: [.onnx("Not"), .openVINO("LogicalNot")])

  public func infer(_ inputs: Operands<ValueInfo>) throws -> [ValueInfo] {
    let input = try inputs[0]
    try require(
      input.element == .bool || input.element == .unknown, "booleans were expected, found \(input.element.rawValue)")
    let contents = input.contents?.map { $0.constant.map { $0 == 0 ? Dimension(1) : 0 } ?? .unknown }
    return [ValueInfo(TensorType(.bool, input.shape), contents: contents)]
  }

  public func evaluate(_ inputs: Operands<Tensor>) throws -> [Tensor] {
    let input = try inputs[0]
    return [
      try input.withBooleans { values in
        try Tensor.filledBooleans(input.shape) { result in
          for i in 0..<values.count { result[i] = values[i] == 0 ? 1 : 0 }
        }
      }
    ]
  }
}
