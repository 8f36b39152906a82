import GraphIR
import Tensors

/// The same elements under another shape.
///
/// An entry −1 of `shape` takes what the others leave; an entry 0 keeps the size of that axis, unless `allowzero` says that it is 0.
public struct Reshape: GraphOperation {
  public var allowsZero = false

  public init() {}

  public static let schema = Schema<Self>(
    "Reshape", inputs: ["data", "shape"], attributes: [.init("allowzero", \.allowsZero)],
    spellings: [.onnx("Reshape", since: 5)])

  public func infer(_ inputs: Operands<ValueInfo>) throws -> [ValueInfo] {
    let data = try inputs[0]
    let target = try inputs[1]
    if let rank = target.rank { try require(rank == 1, "the shape must have one axis, found \(target.type)") }
    guard let entries = target.contentsOrUnknown else { return [ValueInfo(data.element, .unranked)] }
    let shape = try resolve(entries, of: data.shape)
    return [ValueInfo(TensorType(data.element, Shape(shape)), contents: data.contents)]
  }

  private func resolve(_ entries: [Dimension], of source: Shape) throws -> [Dimension] {
    var sizes: [Dimension] = []
    var open: [Int] = []
    for (axis, entry) in entries.enumerated() {
      switch entry.constant {
      case -1:
        open.append(axis)
        sizes.append(.unknown)
      case 0 where !allowsZero:
        guard let dimensions = source.dimensions else {
          sizes.append(.unknown)
          continue
        }
        try require(axis < dimensions.count, "entry \(axis) keeps an axis that \(source) does not have")
        sizes.append(dimensions[axis])
      case .some(let size):
        try require(size >= 0, "\(size) is no size")
        sizes.append(entry)
      case nil:
        // What a run computes may be −1, unless it is the size of an axis that is there.
        let isSize = entry.isSizeExpression || source.dimensions?.contains(entry) ?? false
        sizes.append(isSize ? entry : .unknown)
      }
    }
    try require(open.count <= 1, "only one entry of the shape may be -1")
    // An entry that is not known is what the others leave, whatever computes it.
    if open.isEmpty { open = sizes.indices.filter { sizes[$0].isUnknown } }
    guard let dimensions = source.dimensions else { return sizes }
    let known = sizes.filter { !$0.isUnknown }
    guard open.count == 1, known.count == sizes.count - 1 else {
      if open.isEmpty, let all = Reshape.number(of: dimensions), let asked = Reshape.number(of: known) {
        try require(all == asked, "\(all) elements of shape \(source) can't take the shape \(Shape(sizes))")
      }
      return sizes
    }
    sizes[open[0]] = try Reshape.exactQuotient(dimensions, known) ?? quotient(source, known)
    return sizes
  }

  /// The product of `sizes`, where it is a number.
  private static func number(of sizes: [Dimension]) -> Int? {
    guard sizes.contains(0) || sizes.allSatisfy({ $0.constant != nil }) else { return nil }
    return sizes.reduce(Dimension(1)) { $0 * $1 }.constant
  }

  /// What the sizes `known` leave of `all`, where sizes that are in both leave something that can be divided; that takes less
  /// time than to divide the products. Nil where it can't, or a product may be 0.
  private static func exactQuotient(_ all: [Dimension], _ known: [Dimension]) -> Dimension? {
    guard !all.contains(0), !known.contains(0) else { return nil }
    var (rest, divisors) = (all, [] as [Dimension])
    for size in known {
      if size.constant == nil, let index = rest.firstIndex(of: size) {
        rest.remove(at: index)
      } else {
        divisors.append(size)
      }
    }
    guard rest.count < all.count else { return nil }
    let size = rest.reduce(1) { $0 * $1 }.dividedExactly(by: divisors.reduce(1) { $0 * $1 })
    return size.map { $0.isSizeExpression ? $0 : .unknown }
  }

  private func quotient(_ source: Shape, _ sizes: [Dimension]) throws -> Dimension {
    let total = source.elementCount ?? .unknown
    let known = sizes.reduce(Dimension(1)) { $0 * $1 }
    if let all = total.constant, let taken = known.constant {
      if taken == 0 { return .unknown }
      try require(all % taken == 0, "\(all) elements of shape \(source) can't be divided by \(taken)")
    }
    let size = Dimension.floorDivision(total, known)
    return size.isSizeExpression ? size : .unknown
  }

  public func evaluate(_ inputs: Operands<Tensor>) throws -> [Tensor] {
    let data = try inputs[0]
    var sizes = try inputs[1].listedIntegers()
    for axis in sizes.indices where sizes[axis] == 0 && !allowsZero {
      try require(axis < data.rank, "entry \(axis) keeps an axis that \(data.shape) does not have")
      sizes[axis] = data.shape[axis]
    }
    let open = sizes.indices.filter { sizes[$0] == -1 }
    try require(open.count <= 1, "only one entry of the shape may be -1")
    if let axis = open.first {
      sizes[axis] = 1
      let known = try checkedProduct(sizes)
      try require(
        known == 0 ? data.count == 0 : data.count % known == 0,
        "\(data.count) elements of shape \(data.shape) can't be divided by \(known)")
      sizes[axis] = known == 0 ? 0 : data.count / known
    }
    return [try data.reshaped(to: sizes)]
  }
}

/// The elements as a matrix: the axes before `axis` become the rows, the others the columns.
public struct Flatten: GraphOperation {
  public var axis = 1

  public init() {}

  public static let schema = Schema<Self>(
    "Flatten", inputs: ["input"], attributes: [.init("axis", \.axis)], spellings: [.onnx("Flatten")])

  public func infer(_ inputs: Operands<ValueInfo>) throws -> [ValueInfo] {
    let input = try inputs[0]
    guard let dimensions = input.shape.dimensions else { return [ValueInfo(input.element, [.unknown, .unknown])] }
    let split = try splitPosition(rank: dimensions.count)
    let rows = dimensions[..<split].reduce(Dimension(1)) { $0 * $1 }
    let columns = dimensions[split...].reduce(Dimension(1)) { $0 * $1 }
    return [ValueInfo(TensorType(input.element, [rows, columns]), contents: input.contents)]
  }

  public func evaluate(_ inputs: Operands<Tensor>) throws -> [Tensor] {
    let input = try inputs[0]
    let split = try splitPosition(rank: input.rank)
    return [
      try input.reshaped(to: [
        try checkedProduct(Array(input.shape[..<split])), try checkedProduct(Array(input.shape[split...])),
      ])
    ]
  }

  private func splitPosition(rank: Int) throws -> Int {
    try require(axis >= -rank && axis <= rank, "axis \(axis) is out of range for rank \(rank)")
    return axis < 0 ? axis + rank : axis
  }
}
