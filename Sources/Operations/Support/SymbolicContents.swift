import GraphIR
import Tensors

extension ValueInfo {
  /// The elements of a small integer or boolean tensor as expressions (booleans as 0 and 1), where they are known.
  var contents: [Dimension]? {
    if let symbols { return symbols }
    guard element == .bool, let constant, constant.count <= ValueInfo.symbolsLimit else { return nil }
    return (try? constant.integers())?.map { Dimension($0) }
  }

  /// As many elements as the shape says, those that are not known as `Dimension.unknown`; nil where the shape is not known or large.
  var contentsOrUnknown: [Dimension]? {
    if let contents { return contents }
    guard element.isInteger || element == .bool, let sizes = shape.sizes,
      let count = try? Tensor.elementCount(of: sizes, element: element), count <= ValueInfo.symbolsLimit
    else { return nil }
    return Array(repeating: .unknown, count: count)
  }

  /// A value of `type` that holds `contents`, which are dropped where they don't fit it or say nothing.
  init(_ type: TensorType, contents: [Dimension]?) {
    self.init(type)
    guard let contents, let sizes = type.shape.sizes, contents.count <= ValueInfo.symbolsLimit,
      type.element.isInteger || type.element == .bool,
      (try? Tensor.elementCount(of: sizes, element: type.element)) == contents.count,
      contents.isEmpty || contents.contains(where: { !$0.isUnknown })
    else { return }
    // Elements wrap around where sizes overflow.
    let elements = contents.map { $0.isUnrepresentable ? .unknown : $0 }
    self = ValueInfo(symbols: elements, element: type.element, shape: sizes)
  }
}

/// The contents of an elementwise result of `shape`; nil where those of an input are not known.
func broadcastContents(
  _ inputs: [ValueInfo], to shape: Shape, _ combine: ([Dimension]) -> Dimension
) -> [Dimension]? {
  guard let sizes = shape.sizes, let count = try? Tensor.elementCount(of: sizes, element: .int64),
    count <= ValueInfo.symbolsLimit
  else { return nil }
  var operands: [(contents: [Dimension], strides: [Int])] = []
  for input in inputs {
    guard let contents = input.contents, let own = input.shape.sizes, product(own) == contents.count,
      let strides = try? BroadcastPlan.strides(of: own, in: sizes)
    else { return nil }
    operands.append((contents, strides))
  }
  let resultStrides = denseStrides(sizes)
  return (0..<count).map { index in
    combine(
      operands.map { operand in
        var offset = 0
        for axis in sizes.indices { offset += index / resultStrides[axis] % sizes[axis] * operand.strides[axis] }
        return operand.contents[offset]
      })
  }
}

/// The element type that all of `inputs` share.
///
/// Throws where two differ; `unknown` where none is known.
func commonElement(_ inputs: [ValueInfo]) throws -> ElementType {
  let known = inputs.map(\.element).filter { $0 != .unknown }
  guard let first = known.first else { return .unknown }
  if let other = known.first(where: { $0 != first }) {
    throw ModelError.invalid("the inputs must have one element type, found \(first.rawValue) and \(other.rawValue)")
  }
  return first
}

/// The shape that all of `inputs` broadcast to.
func broadcastShape(_ inputs: [ValueInfo]) throws -> Shape {
  guard let first = inputs.first else { return .scalar }
  return try inputs.dropFirst().reduce(first.shape) { try Shape.broadcast($0, $1.shape) }
}
