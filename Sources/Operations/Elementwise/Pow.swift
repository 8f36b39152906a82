import GraphIR
import Tensors

/// The left operand raised to the right one, which may have another numeric type.
///
/// The result has the left operand's type; integers raised to a negative power are cut off towards zero.
public struct Pow: GraphOperation {
  public init() {}

  public static let schema = Schema<Self>(
    "Pow", inputs: ["base", "exponent"], spellings: [.onnx("Pow", since: 7), .openVINO("Power")])

  public func infer(_ inputs: Operands<ValueInfo>) throws -> [ValueInfo] {
    let operands = [try inputs[0], try inputs[1]]
    return [ValueInfo(operands[0].element, try broadcastShape(operands))]
  }

  public func evaluate(_ inputs: Operands<Tensor>) throws -> [Tensor] {
    let base = try inputs[0]
    let exponent = try inputs[1]
    let shape = try broadcastShape([base.shape, exponent.shape])
    if exponent.element == base.element, base.element.isFloatingPoint {
      return [try RealPower(base: base, exponent: exponent, shape: shape).dispatch(on: base.element)]
    }
    return [try MixedPower(base: base, exponent: exponent, shape: shape).dispatch(on: base.element)]
  }
}

private struct RealPower: RealComputation {
  let base: Tensor
  let exponent: Tensor
  let shape: [Int]

  func run<Scalar: RealScalar>(_ type: Scalar.Type) throws -> Tensor {
    let plan = try BroadcastPlan([base.shape, exponent.shape], to: shape)
    return try base.withElements(as: Scalar.self) { first in
      try exponent.withElements(as: Scalar.self) { second in
        try Tensor.filled(Scalar.self, shape) { result in
          combineBroadcast(plan, first, second, result) { x, y in
            let exponent = y.number
            // Normalisations square; the library's power takes many times as long.
            if exponent == 2 { return Scalar(number: x.number * x.number) }
            return Scalar(number: .power(x.number, exponent))
          }
        }
      }
    }
  }
}

private struct MixedPower: NumberComputation {
  let base: Tensor
  let exponent: Tensor
  let shape: [Int]

  func run<Scalar: NumberScalar>(_ type: Scalar.Type) throws -> Tensor {
    let plan = try BroadcastPlan([base.shape, exponent.shape], to: shape)
    return try base.withElements(as: Scalar.self) { first in
      try exponent.doubles().withUnsafeBufferPointer { second in
        try Tensor.filled(Scalar.self, shape) { result in
          combineBroadcast(plan, first, second, result) { Scalar(number: $0.number.raised(to: $1)) }
        }
      }
    }
  }
}
