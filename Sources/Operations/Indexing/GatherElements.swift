import GraphIR
import Tensors

/// The elements of `data` whose position along `axis` is that which `indices` holds, and their own along all other axes.
///
/// The result has the shape of `indices`; negative indices count from the end.
public struct GatherElements: GraphOperation {
  public var axis = 0

  public init() {}

  public static let schema = Schema<Self>(
    "GatherElements", inputs: ["data", "indices"], attributes: [.init("axis", \.axis)],
    spellings: [.onnx("GatherElements", since: 11), .openVINO("GatherElements", since: 6)])

  public func infer(_ inputs: Operands<ValueInfo>) throws -> [ValueInfo] {
    let data = try inputs[0]
    let indices = try inputs[1]
    if let rank = data.rank {
      _ = try normalizedAxis(axis, rank: rank)
      if let other = indices.rank { try require(rank == other, "data has rank \(rank), indices have rank \(other)") }
    }
    return [ValueInfo(data.element, indices.shape)]
  }

  public func evaluate(_ inputs: Operands<Tensor>) throws -> [Tensor] {
    let data = try inputs[0]
    let indices = try inputs[1]
    let positions = try elementPositions(indices, axis: axis, in: data.shape)
    return [try PositionGather(source: data, positions: positions, shape: indices.shape).dispatch(on: data.element)]
  }
}

/// Where the elements lie that `indices` names along `axis` of a dense tensor of `shape`, in the order of `indices`.
///
/// Throws where an index is out of range, or `indices` reaches beyond another axis.
func elementPositions(_ indices: Tensor, axis: Int, in shape: [Int]) throws -> [Int] {
  let axis = try normalizedAxis(axis, rank: shape.count)
  try require(indices.rank == shape.count, "data has rank \(shape.count), indices have rank \(indices.rank)")
  for other in shape.indices where other != axis {
    try require(
      indices.shape[other] <= shape[other], "the indices \(indices.shape) reach beyond axis \(other) of \(shape)")
  }
  var positions = try normalizedIndices(try indices.integers(), size: shape[axis])
  let strides = denseStrides(shape)
  var counters = [Int](repeating: 0, count: shape.count)
  var base = 0
  for position in positions.indices {
    positions[position] = base &+ positions[position] &* strides[axis]
    for other in shape.indices.reversed() {
      counters[other] &+= 1
      if other != axis { base &+= strides[other] }
      if counters[other] < indices.shape[other] { break }
      if other != axis { base &-= strides[other] &* counters[other] }
      counters[other] = 0
    }
  }
  return positions
}

/// The elements at `positions`, which lie within `source`, as a tensor of `shape`.
struct PositionGather: WordComputation {
  let source: Tensor
  let positions: [Int]
  let shape: [Int]

  func run<Word: TensorScalar & FixedWidthInteger>(_ type: Word.Type) throws -> Tensor {
    try source.withWords(as: Word.self) { from in
      try Tensor.filledWords(source.element, shape, as: Word.self) { to in
        try require(to.count == positions.count, "there must be one position an element")
        for i in 0..<to.count { to[i] = from[positions[i]] }
      }
    }
  }
}
