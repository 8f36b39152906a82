/// Graphs are equal where they were built alike: the same operations on the same values in the same order.
extension Graph: Hashable {
  public static func == (left: Graph, right: Graph) -> Bool {
    left.name == right.name && left.inputs == right.inputs && left.outputs == right.outputs
      && left.slots.count == right.slots.count
      && zip(left.slots, right.slots).allSatisfy { first, second in
        guard let first, let second else { return first == nil && second == nil }
        return first.name == second.name && first.inputs == second.inputs
          && first.outputs.count == second.outputs.count && first.operation.isEqual(to: second.operation)
      }
  }

  public func hash(into hasher: inout Hasher) {
    hasher.combine(name)
    hasher.combine(inputs)
    hasher.combine(outputs)
    hasher.combine(slots.count)
  }
}

extension GraphOperation {
  /// Whether `other` is the same operation with the same attributes.
  package func isEqual(to other: any GraphOperation) -> Bool { (other as? Self) == self }
}

/// A graph is an attribute like any other: text form and formats find it by its name.
extension Graph: AttributeConvertible {
  public init(attribute value: AttributeValue) throws {
    guard case .graph(let graph) = value else { throw AttributeValue.mismatch(value, "a graph") }
    self = graph
  }

  public var attributeValue: AttributeValue? { .graph(self) }
}
