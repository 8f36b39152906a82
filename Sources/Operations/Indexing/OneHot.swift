import GraphIR
import Tensors

/// For every index a new axis of `depth` elements: `values[1]` at the index, `values[0]` elsewhere (everywhere if it is out of range).
public struct OneHot: GraphOperation {
  public var axis = -1

  public init() {}

  public static let schema = Schema<Self>(
    "OneHot", inputs: ["indices", "depth", "values"], attributes: [.init("axis", \.axis)],
    spellings: [.onnx("OneHot", since: 9)])

  public func infer(_ inputs: Operands<ValueInfo>) throws -> [ValueInfo] {
    let indices = try inputs[0]
    let element = try inputs[2].element
    guard var dimensions = indices.shape.dimensions else { return [ValueInfo(element, .unranked)] }
    let depth =
      try inputs[1].contents?.first ?? (try inputs[1].scalar.flatMap { Int(exactly: $0) }.map { Dimension($0) })
    dimensions.insert(depth?.asSize ?? .unknown, at: try normalizedAxis(axis, rank: dimensions.count + 1))
    return [ValueInfo(element, Shape(dimensions))]
  }

  public func evaluate(_ inputs: Operands<Tensor>) throws -> [Tensor] {
    let indices = try inputs[0]
    let values = try inputs[2]
    guard let depth = try inputs[1].doubles().first.flatMap({ Int(exactly: $0) }), depth >= 0 else {
      throw ModelError.invalid("the depth must be one whole number")
    }
    try require(values.rank == 1 && values.count == 2, "the values must be off and on, found \(values.shape)")
    let axis = try normalizedAxis(axis, rank: indices.rank + 1)
    var shape = indices.shape
    shape.insert(depth, at: axis)
    let hot = try indices.doubles().map { index -> Int? in
      guard index >= -Double(depth), index < Double(depth) else { return nil }
      return Int(index < 0 ? index + Double(depth) : index)
    }
    return [try Hot(values: values, shape: shape, axis: axis, positions: hot).dispatch(on: values.element)]
  }

  private struct Hot: WordComputation {
    let values: Tensor
    let shape: [Int]
    let axis: Int
    let positions: [Int?]

    func run<Word: TensorScalar & FixedWidthInteger>(_ type: Word.Type) throws -> Tensor {
      let inner = product(shape[(axis + 1)...])
      return try values.withWords(as: Word.self) { values in
        try Tensor.filledWords(self.values.element, shape, as: Word.self) { result in
          result.update(repeating: values[0])
          for (index, position) in positions.enumerated() {
            guard let position else { continue }
            result[(index / inner &* shape[axis] &+ position) &* inner &+ index % inner] = values[1]
          }
        }
      }
    }
  }
}
