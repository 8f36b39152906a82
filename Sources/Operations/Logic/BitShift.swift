import GraphIR
import Tensors

/// Unsigned integers shifted by as many bits as the second input says; what is shifted out is lost.
public struct BitShift: GraphOperation {
  public enum Direction: String, Hashable, Sendable, CaseIterable, AttributeConvertible {
    case left = "LEFT"
    case right = "RIGHT"
  }

  public var direction = Direction.left

  public init() {}

  public static let schema = Schema<Self>(
    "BitShift", inputs: ["left", "right"], attributes: [.init("direction", \.direction)],
    spellings: [.onnx("BitShift", since: 11)])

  public func infer(_ inputs: Operands<ValueInfo>) throws -> [ValueInfo] {
    let operands = [try inputs[0], try inputs[1]]
    let element = try commonElement(operands)
    try require(
      !element.isFloatingPoint && !element.isSignedInteger && element != .bool,
      "unsigned integers were expected, found \(element.rawValue)")
    return [ValueInfo(element, try broadcastShape(operands))]
  }

  public func evaluate(_ inputs: Operands<Tensor>) throws -> [Tensor] {
    _ = try infer(inputs.shapes)
    return [
      try Shift(left: try inputs[0], right: try inputs[1], direction: direction).dispatch(on: try inputs[0].element)
    ]
  }

  private struct Shift: WordComputation {
    let left: Tensor
    let right: Tensor
    let direction: Direction

    func run<Word: TensorScalar & FixedWidthInteger>(_ type: Word.Type) throws -> Tensor {
      let shape = try broadcastShape([left.shape, right.shape])
      let plan = try BroadcastPlan([left.shape, right.shape], to: shape)
      return try left.withWords(as: Word.self) { first in
        try right.withWords(as: Word.self) { second in
          try Tensor.filledWords(left.element, shape, as: Word.self) { result in
            combineBroadcast(plan, first, second, result) { direction == .left ? $0 << $1 : $0 >> $1 }
          }
        }
      }
    }
  }
}
