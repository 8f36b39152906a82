import GraphIR
import Tensors

/// The `k` largest (or smallest) elements along `axis` and their positions, the better first; among equals the earlier one.
///
/// NaN counts as larger than every number.
public struct TopK: GraphOperation {
  public var axis = -1
  public var largest = true
  /// Whether the order is asked for; it is given in any case.
  public var sorted = true

  public init() {}

  public static let schema = Schema<Self>(
    "TopK", inputs: ["data", "k"], outputs: 2...2,
    attributes: [.init("axis", \.axis), .init("largest", \.largest), .init("sorted", \.sorted)],
    spellings: [.onnx("TopK", since: 10)])

  public func infer(_ inputs: Operands<ValueInfo>) throws -> [ValueInfo] {
    let data = try inputs[0]
    guard var dimensions = data.shape.dimensions else {
      return [ValueInfo(data.element, .unranked), ValueInfo(.int64, .unranked)]
    }
    let axis = try normalizedAxis(axis, rank: dimensions.count)
    let k = try inputs[1].contents?.first?.asSize ?? .unknown
    if let k = k.constant, let size = dimensions[axis].constant {
      try require(k <= size, "\(k) of \(size) elements are asked for")
    }
    dimensions[axis] = k
    return [ValueInfo(data.element, Shape(dimensions)), ValueInfo(.int64, Shape(dimensions))]
  }

  public func evaluate(_ inputs: Operands<Tensor>) throws -> [Tensor] {
    let data = try inputs[0]
    let axis = try normalizedAxis(axis, rank: data.rank)
    let k = try inputs[1].scalarInteger()
    try require(k >= 0 && k <= data.shape[axis], "\(k) of \(data.shape[axis]) elements are asked for")
    return try Selection(data: data, axis: axis, k: k, largest: largest).dispatch(on: data.element)
  }

  private struct Selection: NumberComputation {
    let data: Tensor
    let axis: Int
    let k: Int
    let largest: Bool

    func run<Scalar: NumberScalar>(_ type: Scalar.Type) throws -> [Tensor] {
      var shape = data.shape
      let length = shape[axis]
      shape[axis] = k
      let inner = product(shape[(axis + 1)...])
      var positions = [Int64](repeating: 0, count: try checkedProduct(shape))
      let values = try data.withElements(as: Scalar.self) { values in
        try Tensor.filled(Scalar.self, shape) { result in
          guard result.count > 0 else { return }
          for line in 0..<result.count / k {
            let source = line / inner &* inner &* length &+ line % inner
            let target = line / inner &* inner &* k &+ line % inner
            let numbers = (0..<length).map { values[source &+ $0 &* inner].number }
            let order = (0..<length).sorted { precedes(numbers[$0], numbers[$1], $0 < $1) }
            for rank in 0..<k {
              result[target &+ rank &* inner] = values[source &+ order[rank] &* inner]
              positions[target &+ rank &* inner] = Int64(order[rank])
            }
          }
        }
      }
      return [values, try Tensor(positions, shape: shape)]
    }

    @inline(__always)
    private func precedes<Number: Arithmetic>(_ left: Number, _ right: Number, _ isEarlier: Bool) -> Bool {
      if left.isNotANumber || right.isNotANumber {
        if left.isNotANumber && right.isNotANumber { return isEarlier }
        return left.isNotANumber == largest
      }
      if left == right { return isEarlier }
      return largest ? left > right : left < right
    }
  }
}
