import GraphIR
import Tensors

/// A variable that outlives a run, as it is when the model has not run yet: `initial`, or zeros where there is none.
///
/// Later runs read what others wrote, so that only the type is known before: sizes of −1 may differ from run to run.
public struct ReadValue: StatefulOperation {
  public var element = ElementType.float32
  public var sizes: [Int] = []

  public init() {}

  public static let schema = Schema<Self>(
    "ReadValue", inputs: [.optional("initial")], attributes: [.init("dtype", \.element), .init("shape", \.sizes)])

  public func infer(_ inputs: Operands<ValueInfo>) throws -> [ValueInfo] {
    let initial = inputs.optional(0)?.shape.dimensions
    if let initial {
      try require(initial.count == sizes.count, "a variable of \(sizes.count) axes begins with \(initial.count)")
    }
    let dimensions = sizes.enumerated().map { axis, size in
      if size >= 0 { return Dimension(size) }
      // What depends on the inputs is as it is in every run; a number is where the variable begins.
      guard let first = initial?[axis], first.constant == nil else { return Dimension.unknown }
      return first
    }
    return [ValueInfo(element, Shape(dimensions))]
  }

  public func evaluate(_ inputs: Operands<Tensor>) throws -> [Tensor] {
    if let initial = inputs.optional(0) {
      let fits = initial.rank == sizes.count && zip(sizes, initial.shape).allSatisfy { $0 < 0 || $0 == $1 }
      try require(fits, "a variable of the shape \(sizes) begins with \(initial.shape)")
      return [try convert(initial, to: element)]
    }
    let shape = sizes.map { max($0, 0) }
    return [try Tensor(doubles: zeros(shape), element: element, shape: shape)]
  }
}
