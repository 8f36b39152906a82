import GraphIR
import Tensors

/// The Einstein summation of any number of inputs: products over equal labels, summed over those that the output does not have.
public struct Einsum: GraphOperation {
  public var equation = ""

  public init() {}

  public init(_ equation: String) { self.equation = equation }

  public static let schema = Schema<Self>(
    "Einsum", inputs: [.variadic("inputs")], attributes: [.init("equation", \.equation)],
    spellings: [.onnx("Einsum", since: 12), .openVINO("Einsum", since: 7)])

  public func infer(_ inputs: Operands<ValueInfo>) throws -> [ValueInfo] {
    let operands = inputs.present
    let element = try commonElement(operands)
    let shapes = operands.compactMap(\.shape.dimensions)
    guard shapes.count == operands.count else { return [ValueInfo(element, .unranked)] }
    let parsed = try EinsumEquation(equation, ranks: shapes.map(\.count))
    var sizes: [EinsumEquation.Label: Dimension] = [:]
    for (labels, shape) in zip(parsed.operands, shapes) {
      for (label, size) in zip(labels, shape) {
        guard let merged = Dimension.broadcast(sizes[label] ?? size, size) else {
          throw ModelError.invalid(
            "an axis of '\(equation.prefix(80))' has the sizes \(sizes[label] ?? size) and \(size)")
        }
        sizes[label] = merged
      }
    }
    return [ValueInfo(element, Shape(parsed.output.map { sizes[$0] ?? .unknown }))]
  }

  public func evaluate(_ inputs: Operands<Tensor>) throws -> [Tensor] {
    let operands = inputs.present
    let parsed = try EinsumEquation(equation, ranks: operands.map(\.rank))
    var sizes: [EinsumEquation.Label: Int] = [:]
    for (labels, operand) in zip(parsed.operands, operands) {
      for (label, size) in zip(labels, operand.shape) {
        let known = sizes[label] ?? 1
        try require(
          known == size || known == 1 || size == 1,
          "an axis of '\(equation.prefix(80))' has the sizes \(known) and \(size)")
        sizes[label] = known == 1 ? size : known
      }
    }
    var terms = try zip(parsed.operands, operands).map { try LabelledTensor($1, $0).diagonal(sizes) }
    guard var result = terms.first else { throw ModelError.invalid("at least one input is needed") }
    terms.removeFirst()
    while !terms.isEmpty {
      let next = terms.removeFirst()
      let needed = Set(parsed.output).union(terms.flatMap(\.labels))
      result = try result.contracted(with: next, keeping: needed)
    }
    return [try result.summed(keeping: Set(parsed.output)).arranged(parsed.output).tensor]
  }
}

/// A tensor whose axes have names.
private struct LabelledTensor {
  typealias Label = EinsumEquation.Label

  var tensor: Tensor
  var labels: [Label]

  init(_ tensor: Tensor, _ labels: [Label]) {
    self.tensor = tensor
    self.labels = labels
  }

  /// Every label once: of equal ones the diagonal is taken, and axes of size 1 are broadcast to `sizes`.
  func diagonal(_ sizes: [Label: Int]) throws -> LabelledTensor {
    var names: [Label] = []
    var strides: [Label: Int] = [:]
    for (axis, stride) in denseStrides(tensor.shape).enumerated() {
      let label = labels[axis]
      if !names.contains(label) { names.append(label) }
      strides[label, default: 0] += tensor.shape[axis] == 1 ? 0 : stride
    }
    let shape = names.map { sizes[$0] ?? 1 }
    guard names != labels || shape != tensor.shape else { return self }
    let copy = try StridedCopy(tensor, shape: shape, strides: names.map { strides[$0] ?? 0 })
    return LabelledTensor(try copy.copied(), names)
  }

  /// The sum over all labels that are not in `kept`.
  func summed(keeping kept: Set<Label>) throws -> LabelledTensor {
    let axes = labels.indices.filter { !kept.contains(labels[$0]) }
    guard !axes.isEmpty else { return self }
    var sum = ReduceSum()
    sum.keepsAxes = false
    let axesTensor = try Tensor(integers: axes, shape: [axes.count])
    return LabelledTensor(try sum.evaluate(Operands([tensor, axesTensor]))[0], labels.filter(kept.contains))
  }

  /// The axes in the order of `order`, which has the same labels.
  func arranged(_ order: [Label]) throws -> LabelledTensor {
    guard order != labels else { return self }
    let permutation = order.compactMap { labels.firstIndex(of: $0) }
    return LabelledTensor(try Transpose(permutation).evaluate(Operands([tensor]))[0], order)
  }

  /// The product with `other`, summed over the labels that are not in `needed`: a matrix product over the shared labels.
  func contracted(with other: LabelledTensor, keeping needed: Set<Label>) throws -> LabelledTensor {
    let (mine, theirs) = (Set(labels), Set(other.labels))
    let left = try summed(keeping: needed.union(theirs))
    let right = try other.summed(keeping: needed.union(mine))
    let shared = left.labels.filter(Set(right.labels).contains)
    let batch = shared.filter(needed.contains)
    let inner = shared.filter { !needed.contains($0) }
    let rows = left.labels.filter { !shared.contains($0) }
    let columns = right.labels.filter { !shared.contains($0) }
    let a = try left.arranged(batch + rows + inner)
    let b = try right.arranged(batch + inner + columns)
    func size(_ tensor: LabelledTensor, _ names: [Label]) throws -> Int {
      try checkedProduct(
        names.compactMap { name in tensor.labels.firstIndex(of: name).map { tensor.tensor.shape[$0] } })
    }
    let (batches, depth) = (try size(a, batch), try size(a, inner))
    let product = try multiplied(
      try a.tensor.reshaped(to: [batches, try size(a, rows), depth]),
      try b.tensor.reshaped(to: [batches, depth, try size(b, columns)]))
    let shape = a.tensor.shape[..<(batch.count + rows.count)] + b.tensor.shape[(batch.count + inner.count)...]
    return LabelledTensor(try product.reshaped(to: Array(shape)), batch + rows + columns)
  }
}
