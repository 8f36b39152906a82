import GraphIR
import Tensors

/// The input rounded to one of `levels` values, evenly spread from `input_low` to `input_high`, which become `output_low` to `output_high`.
///
/// What lies beyond either end takes the value there. The bounds broadcast to the input.
public struct FakeQuantize: GraphOperation {
  public var levels = 256

  public init() {}

  public static let schema = Schema<Self>(
    "FakeQuantize", inputs: ["input", "input_low", "input_high", "output_low", "output_high"],
    attributes: [.init("levels", \.levels)], spellings: [.openVINO("FakeQuantize")])

  public func infer(_ inputs: Operands<ValueInfo>) throws -> [ValueInfo] {
    let operands = try (0..<5).map { try inputs[$0] }
    try require(levels >= 2, "\(levels) levels can't be told apart")
    return [ValueInfo(try commonElement(operands), try broadcastShape(operands))]
  }

  public func evaluate(_ inputs: Operands<Tensor>) throws -> [Tensor] {
    let operands = try (0..<5).map { try inputs[$0] }
    try require(levels >= 2, "\(levels) levels can't be told apart")
    let (input, low, high, first, last) = (operands[0], operands[1], operands[2], operands[3], operands[4])
    let steps = try Tensor(doubles: [Double(levels - 1)], element: input.element, shape: [])
    let position = try Div().evaluate(try Sub().evaluate(input, low), try Sub().evaluate(high, low))
    let step = try Round().evaluate(Operands([try Mul().evaluate(position, steps)]))[0]
    let size = try Sub().evaluate(last, first)
    let value = try Add().evaluate(try Mul().evaluate(try Div().evaluate(step, steps), size), first)
    // Bounds may be given the wrong way around.
    let (least, greatest) = (try Min().evaluate(Operands([low, high])), try Max().evaluate(Operands([low, high])))
    let isBelow = try LessOrEqual().evaluate(Operands([input, least[0]]))[0]
    let isAbove = try Greater().evaluate(Operands([input, greatest[0]]))[0]
    let bounded = try Where().evaluate(Operands([isAbove, last, value]))[0]
    return try Where().evaluate(Operands([isBelow, first, bounded]))
  }
}
