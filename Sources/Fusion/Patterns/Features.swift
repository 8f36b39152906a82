import GraphIR
import Operations
import Rewriting
import Tensors

/// What normalisations and biases have in common: the last axes of a tensor, and parameters that belong to them.
extension Graph {
  /// The first of the axes that the mean `value` is taken over.
  ///
  /// Throws a `Reason` where those are not the last axes, or are not kept with size 1.
  func firstAxis(ofMean value: Value) throws -> Int {
    let node = self[value.node]
    guard let mean = node.operation as? ReduceMean, let data = node.inputs.first ?? nil, let rank = type(of: data).rank
    else { throw Reason("unknown-shape", "the rank of what is averaged is not known", node: node.label) }
    var axes: [Int] = []
    if node.inputs.count > 1, let given = node.inputs[1] {
      guard let integers = info(of: given).integers, let normalized = try? normalizedAxes(integers, rank: rank) else {
        throw Reason("other-axes", "the axes of the mean are not known", node: node.label)
      }
      axes = normalized.sorted()
    }
    if axes.isEmpty, !mean.keepsAllWithoutAxes { axes = Array(0..<rank) }
    guard let first = axes.first, axes == Array(first..<rank), mean.keepsAxes || rank == 0 else {
      throw Reason(
        "other-axes",
        "a mean over the last axes, which are kept, was expected, found one over \(axes) of \(rank) axes\(mean.keepsAxes ? "" : ", which go")",
        node: node.label)
    }
    return first
  }

  /// Throws a `Reason` where `parameter` is not one number for every place in the axes of `data` from `first` on.
  func requireFeatures(_ parameter: Value, of data: Value, from first: Int) throws {
    guard let dimensions = type(of: data).shape.dimensions, let own = type(of: parameter).shape.dimensions else {
      throw Reason("unknown-shape", "the rank of an operand is not known", node: self[parameter.node].label)
    }
    let expected = Array(dimensions[min(first, dimensions.count)...])
    let leading = own.dropLast(expected.count)
    guard own.suffix(expected.count) == expected[...], leading.allSatisfy({ $0 == 1 }) else {
      throw Reason(
        "other-shape", "an operand of the shape \(Shape(expected)) was expected, found \(type(of: parameter).shape)",
        node: self[parameter.node].label)
    }
  }

  /// Ones in the shape of the axes of `data` from `first` on. Throws a `Reason` where their sizes are not known.
  func ones(of data: Value, from first: Int) throws -> Tensor {
    let type = type(of: data)
    guard let sizes = Shape(type.shape.dimensions.map { Array($0[first...]) }).sizes,
      let count = try? Tensor.elementCount(of: sizes, element: .float64), count <= ValueInfo.contentsLimit
    else { throw Reason("unknown-shape", "the sizes of the last axes are not known") }
    return try Tensor(doubles: Array(repeating: 1, count: count), element: type.element, shape: sizes)
  }

  /// Whether all elements of `value` are known to be 1.
  func isOnes(_ value: Value) -> Bool {
    guard let constant = info(of: value).constant, constant.count <= ValueInfo.contentsLimit else { return false }
    return (try? constant.doubles().allSatisfy { $0 == 1 }) ?? false
  }
}
