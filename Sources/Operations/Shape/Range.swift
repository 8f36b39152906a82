import GraphIR
import Tensors

/// Numbers from `start` up to but without `limit`, `delta` apart. Spelled `Range`; the standard library's type has that name.
public struct NumberRange: GraphOperation {
  public init() {}

  public static let schema = Schema<Self>(
    "Range", inputs: ["start", "limit", "delta"], spellings: [.onnx("Range", since: 11)])

  public func infer(_ inputs: Operands<ValueInfo>) throws -> [ValueInfo] {
    let bounds = [try inputs[0], try inputs[1], try inputs[2]]
    let element = try commonElement(bounds)
    let constants = bounds.compactMap(\.constant)
    if constants.count == 3 {
      return [ValueInfo(element, [Dimension(try NumberRange.count(constants[0], constants[1], constants[2]))])]
    }
    guard let start = bounds[0].contents?.first, let limit = bounds[1].contents?.first,
      let delta = bounds[2].contents?.first?.constant, delta > 0
    else { return [ValueInfo(element, [.unknown])] }
    let length = limit - start
    let count = Dimension(0).isAtLeast(length) ? 0 : Dimension.ceilingDivision(length, Dimension(delta)).asSize
    let contents = count.constant.flatMap { count in
      count <= ValueInfo.symbolsLimit ? (0..<count).map { start + Dimension($0) * Dimension(delta) } : nil
    }
    return [ValueInfo(TensorType(element, [count]), contents: contents)]
  }

  /// The number of elements. Throws where `delta` is 0 or there are more than can be.
  private static func count(_ start: Tensor, _ limit: Tensor, _ delta: Tensor) throws -> Int {
    try require(
      start.count == 1 && limit.count == 1 && delta.count == 1, "start, limit and delta must be one number each")
    if start.element.isInteger {
      let (first, last, step) = (try start.scalarInteger(), try limit.scalarInteger(), try delta.scalarInteger())
      try require(step != 0, "delta must not be 0")
      guard step > 0 ? first < last : first > last else { return 0 }
      // The distance of two 64-bit integers fits into 64 bits without a sign.
      let distance = UInt(bitPattern: step > 0 ? last &- first : first &- last)
      let count = (distance - 1) / step.magnitude
      try require(count < UInt(Int.max), "the range has too many elements")
      return Int(count) + 1
    }
    let (first, last, step) = (try start.doubles()[0], try limit.doubles()[0], try delta.doubles()[0])
    try require(step != 0, "delta must not be 0")
    let count = ((last - first) / step).rounded(.up)
    try require(!count.isNaN && count < 1e15, "the range from \(first) to \(last) by \(step) has no length")
    return max(0, Int(count))
  }

  public func evaluate(_ inputs: Operands<Tensor>) throws -> [Tensor] {
    let (start, limit, delta) = (try inputs[0], try inputs[1], try inputs[2])
    try require(
      start.element == limit.element && start.element == delta.element, "start, limit and delta must have one type")
    let count = try NumberRange.count(start, limit, delta)
    return [try Sequence(start: start, delta: delta, count: count).dispatch(on: start.element)]
  }

  private struct Sequence: NumberComputation {
    let start: Tensor
    let delta: Tensor
    let count: Int

    func run<Scalar: NumberScalar>(_ type: Scalar.Type) throws -> Tensor {
      let first = try start.values(as: Scalar.self)[0].number
      let step = try delta.values(as: Scalar.self)[0].number
      return try Tensor.filled(Scalar.self, [count]) { result in
        for i in 0..<count { result[i] = Scalar(number: first.plus(Scalar.Number(count: i).times(step))) }
      }
    }
  }
}
