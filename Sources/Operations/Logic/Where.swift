import GraphIR
import Tensors

/// The elements of `whenTrue` where `condition` holds, those of `whenFalse` elsewhere; all three broadcast to each other.
public struct Where: GraphOperation {
  public init() {}

  public static let schema = Schema<Self>(
    "Where", inputs: ["condition", "whenTrue", "whenFalse"], spellings: [.onnx("Where", since: 9), .openVINO("Select")])

  public func infer(_ inputs: Operands<ValueInfo>) throws -> [ValueInfo] {
    let operands = [try inputs[0], try inputs[1], try inputs[2]]
    try require(
      operands[0].element == .bool || operands[0].element == .unknown,
      "the condition must be boolean, found \(operands[0].element.rawValue)")
    let type = TensorType(try commonElement(Array(operands[1...])), try broadcastShape(operands))
    return [ValueInfo(type, contents: contents(operands, type.shape))]
  }

  /// The contents where the condition is known, or where both branches agree.
  private func contents(_ operands: [ValueInfo], _ shape: Shape) -> [Dimension]? {
    let known = operands.map { operand in
      operand.contentsOrUnknown.map { contents in
        var copy = operand
        copy.symbols = contents
        return copy
      }
    }
    guard let condition = known[0], let first = known[1], let second = known[2] else { return nil }
    return broadcastContents([condition, first, second], to: shape) { elements in
      if let flag = elements[0].constant { return flag != 0 ? elements[1] : elements[2] }
      return elements[1] == elements[2] ? elements[1] : .unknown
    }
  }

  public func evaluate(_ inputs: Operands<Tensor>) throws -> [Tensor] {
    let selection = Selection(condition: try inputs[0], whenTrue: try inputs[1], whenFalse: try inputs[2])
    try require(
      selection.whenTrue.element == selection.whenFalse.element,
      "both branches must have one element type, found \(selection.whenTrue.element.rawValue) and \(selection.whenFalse.element.rawValue)"
    )
    return [try selection.dispatch(on: selection.whenTrue.element)]
  }
}

private struct Selection: WordComputation {
  let condition: Tensor
  let whenTrue: Tensor
  let whenFalse: Tensor

  func run<Word: TensorScalar & FixedWidthInteger>(_ type: Word.Type) throws -> Tensor {
    let shapes = [condition.shape, whenTrue.shape, whenFalse.shape]
    let shape = try broadcastShape(shapes)
    let plan = try BroadcastPlan(shapes, to: shape)
    let (flagStep, trueStep, falseStep) = plan.steps
    let length = plan.runLength
    return try condition.withBooleans { flags in
      try whenTrue.withWords(as: Word.self) { first in
        try whenFalse.withWords(as: Word.self) { second in
          try Tensor.filledWords(whenTrue.element, shape, as: Word.self) { result in
            plan.forEachRun { start, flag, yes, no in
              for i in 0..<length {
                result[start &+ i] =
                  flags[flag &+ i &* flagStep] != 0 ? first[yes &+ i &* trueStep] : second[no &+ i &* falseStep]
              }
            }
          }
        }
      }
    }
  }
}
