import GraphIR
import Tensors

/// Integers shifted by as many bits as the second input says; what is shifted out is lost.
///
/// To the right the sign is kept. A shift that is negative or not less than the width shifts everything out.
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
      element.isInteger || element == .unknown, "integers were expected, found \(element.rawValue)")
    return [ValueInfo(element, try broadcastShape(operands))]
  }

  public func evaluate(_ inputs: Operands<Tensor>) throws -> [Tensor] {
    _ = try infer(inputs.shapes)
    let shift = Shift(left: try inputs[0], right: try inputs[1], direction: direction)
    return [try shift.dispatch(on: try inputs[0].element)]
  }

  private struct Shift: NumberComputation {
    let left: Tensor
    let right: Tensor
    let direction: Direction

    func run<Scalar: NumberScalar>(_ type: Scalar.Type) throws -> Tensor {
      let width = 8 * Scalar.elementType.byteCount
      let shape = try broadcastShape([left.shape, right.shape])
      let plan = try BroadcastPlan([left.shape, right.shape], to: shape)
      return try left.withElements(as: Scalar.self) { first in
        try right.withElements(as: Scalar.self) { second in
          try Tensor.filled(Scalar.self, shape) { result in
            combineBroadcast(plan, first, second, result) { value, count in
              Scalar(number: shifted(value.number, by: count.number.wrapped, width: width))
            }
          }
        }
      }
    }

    @inline(__always)
    private func shifted<Number: Arithmetic>(_ value: Number, by count: Int64, width: Int) -> Number {
      let bits = value.wrapped
      let fits = count >= 0 && count < Int64(width)
      if direction == .left { return fits ? Number(wrapping: bits << count) : .zero }
      // The 64 bits of a signed number are filled up with its sign, those of an unsigned one are its own.
      if value < .zero { return Number(wrapping: fits ? bits >> count : -1) }
      return fits ? Number(wrapping: Int64(bitPattern: UInt64(bitPattern: bits) >> UInt64(count))) : .zero
    }
  }
}
