import Tensors

/// The inputs of an operation, some of which may be left out; asking for one that is missing is an error, not a trap.
public struct Operands<Element: Sendable>: Sendable {
  private let elements: [Element?]

  public init(_ elements: [Element?]) { self.elements = elements }

  /// The number of places, empty ones included.
  public var count: Int { elements.count }

  /// The input at `index`, which must be there.
  public subscript(index: Int) -> Element {
    get throws {
      guard let element = optional(index) else { throw ModelError.invalid("input \(index) is missing") }
      return element
    }
  }

  /// The input at `index`, if it is there.
  public func optional(_ index: Int) -> Element? {
    elements.indices.contains(index) ? elements[index] : nil
  }

  /// All inputs that are there, in order.
  public var present: [Element] { elements.compactMap { $0 } }
}
