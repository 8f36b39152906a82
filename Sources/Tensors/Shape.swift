/// The sizes of a tensor's axes, outermost first, or not even their number.
public struct Shape: Hashable, Sendable, ExpressibleByArrayLiteral {
  /// The sizes; nil where the rank is unknown.
  public var dimensions: [Dimension]?

  public init(_ dimensions: [Dimension]?) { self.dimensions = dimensions }

  public init(_ sizes: [Int]) { dimensions = sizes.map { Dimension($0) } }

  public init(arrayLiteral elements: Dimension...) { dimensions = elements }

  /// A shape of unknown rank.
  public static let unranked = Shape(nil as [Dimension]?)

  public static let scalar = Shape([] as [Dimension])

  public var rank: Int? { dimensions?.count }

  /// The sizes, where all are numbers.
  public var sizes: [Int]? {
    guard let dimensions else { return nil }
    var sizes: [Int] = []
    sizes.reserveCapacity(dimensions.count)
    for dimension in dimensions {
      guard let size = dimension.constant else { return nil }
      sizes.append(size)
    }
    return sizes
  }

  /// The product of all sizes.
  public var elementCount: Dimension? { dimensions.map { $0.reduce(Dimension(1)) { $0 * $1 } } }

  /// Throws where `broadcast` does, and does not find out what the result would be.
  package static func requireBroadcast(_ left: Shape, _ right: Shape) throws {
    guard let first = left.dimensions, let second = right.dimensions else { return }
    for case (let a?, let b?) in zip(first.reversed(), second.reversed()).map({ ($0.constant, $1.constant) }) {
      guard a == b || a == 1 || b == 1 else { throw ModelError.invalid("shapes \(left) and \(right) don't broadcast") }
    }
  }

  /// The result shape of a right-aligned (NumPy) broadcast.
  public static func broadcast(_ left: Shape, _ right: Shape) throws -> Shape {
    guard let first = left.dimensions, let second = right.dimensions else { return .unranked }
    let rank = max(first.count, second.count)
    let one = Dimension(1)
    return Shape(
      try (0..<rank).map { axis in
        let a = axis - (rank - first.count)
        let b = axis - (rank - second.count)
        guard let result = Dimension.broadcast(a >= 0 ? first[a] : one, b >= 0 ? second[b] : one) else {
          throw ModelError.invalid("shapes \(left) and \(right) don't broadcast")
        }
        return result
      })
  }
}

extension Shape: CustomStringConvertible {
  public var description: String {
    guard let dimensions else { return "[*]" }
    return "[" + dimensions.map(\.description).joined(separator: ", ") + "]"
  }
}

/// What is known of a value before the model runs: element type and shape.
public struct TensorType: Hashable, Sendable, CustomStringConvertible {
  public var element: ElementType
  public var shape: Shape

  public init(_ element: ElementType, _ shape: Shape) {
    self.element = element
    self.shape = shape
  }

  public static let unknown = TensorType(.unknown, .unranked)

  public var rank: Int? { shape.rank }

  public var description: String { element.rawValue + shape.description }

  /// Whether this type, stated in a text, can be what `other` says, sizes that either does not know aside.
  package func agrees(with other: TensorType) -> Bool {
    guard element == other.element, rank == other.rank else { return false }
    let isUnknown = { (dimension: Dimension) in dimension.symbols.contains { $0.hasPrefix("?") } }
    return zip(shape.dimensions ?? [], other.shape.dimensions ?? []).allSatisfy {
      $0 == $1 || isUnknown($0) || isUnknown($1)
    }
  }
}
