import GraphIR
import KernelInterface

/// An operation that an elementwise program can compute.
package protocol ElementwiseExecutable: GraphOperation {
  /// Adds instructions that compute the operation from `inputs` on 32-bit floats; nil where there are none that can.
  ///
  /// Contents of inputs are known where they are constant.
  func emit(_ inputs: [ProgramValue], infos: [ValueInfo], into program: inout ProgramBuilder) -> ProgramValue?
}

/// What an instruction reads: one of the program's operands or the result of an earlier instruction.
package enum ProgramValue: Hashable, Sendable {
  case operand(Int)
  case result(Int)
}

/// An elementwise program while it is put together.
package struct ProgramBuilder {
  private struct Draft {
    var operation: ElementwiseOperation
    var first: ProgramValue
    var second: ProgramValue
    var parameter: Float
  }

  /// What an operand stands for.
  enum Source: Hashable {
    case value(Value)
    case number(Float)
  }

  private(set) var operands: [Source] = []
  private var drafts: [Draft] = []

  init() {}

  mutating func operand(_ value: Value) -> ProgramValue { operand(.value(value)) }

  package mutating func number(_ number: Float) -> ProgramValue { operand(.number(number)) }

  private mutating func operand(_ source: Source) -> ProgramValue {
    if let index = operands.firstIndex(of: source) { return .operand(index) }
    operands.append(source)
    return .operand(operands.count - 1)
  }

  package mutating func add(
    _ operation: ElementwiseOperation, _ first: ProgramValue, _ second: ProgramValue? = nil, parameter: Float = 0
  ) -> ProgramValue {
    drafts.append(Draft(operation: operation, first: first, second: second ?? first, parameter: parameter))
    return .result(drafts.count - 1)
  }

  var isEmpty: Bool { drafts.isEmpty }

  /// The instructions, which read operands by their place in `order`; nil where there are not enough registers.
  func instructions(operandOrder order: [Source]) -> [ElementwiseInstruction]? {
    var lastReader = [Int](repeating: -1, count: drafts.count)
    for (index, draft) in drafts.enumerated() {
      for case .result(let result) in [draft.first, draft.second] { lastReader[result] = index }
    }
    var registers = [Int](repeating: 0, count: drafts.count)
    var free = Array((0..<ElementwiseStrip.registerLimit).reversed())
    var result: [ElementwiseInstruction] = []
    for (index, draft) in drafts.enumerated() {
      func source(_ value: ProgramValue) -> Int? {
        switch value {
        case .operand(let operand): order.firstIndex(of: operands[operand])
        case .result(let result): order.count + registers[result]
        }
      }
      guard let first = source(draft.first), let second = source(draft.second) else { return nil }
      for case .result(let result) in Set([draft.first, draft.second]) where lastReader[result] == index {
        free.append(registers[result])
      }
      guard let register = free.popLast() else { return nil }
      registers[index] = register
      // Results that nothing reads, but for the last, would hold their register for ever.
      if lastReader[index] < 0 && index < drafts.count - 1 { free.append(register) }
      result.append(
        ElementwiseInstruction(draft.operation, first, second, register: register, parameter: draft.parameter))
    }
    return result
  }
}
