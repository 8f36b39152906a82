import GraphIR
import Tensors

/// What the parts of a pattern turned out to be at one place of a graph.
public struct Match: Sendable {
  // Few, and copied at every step: lists are smaller than dictionaries.
  private var values: [(name: String, found: Value)] = []
  private var numbers: [(name: String, found: Double)] = []
  /// The nodes that the pattern replaces.
  public internal(set) var nodes: Set<NodeID> = []
  /// The node that makes the place worth a decision.
  public internal(set) var anchor: NodeID?
  /// The value that the whole pattern stands for.
  public let root: Value

  init(root: Value) { self.root = root }

  /// The value that was found, nil where the alternative that fitted has none.
  public func value(_ capture: Capture<Value>) -> Value? { values.first { $0.name == capture.name }?.found }

  /// The number that was found, nil where the alternative that fitted has none.
  public func number(_ capture: Capture<Double>) -> Double? {
    numbers.first { $0.name == capture.name }?.found
  }

  /// The value that was found, which every alternative has.
  public subscript(capture: Capture<Value>) -> Value {
    get throws {
      guard let value = value(capture) else { throw ModelError.invalid("nothing was found for \(capture.name)") }
      return value
    }
  }

  /// The number that was found, which every alternative has.
  public subscript(capture: Capture<Double>) -> Double {
    get throws {
      guard let number = number(capture) else {
        throw ModelError.invalid("nothing was found for \(capture.name)")
      }
      return number
    }
  }

  /// The match with `capture` bound; nil where it is bound to something else.
  func binding(_ capture: Capture<Value>, to value: Value) -> Match? {
    if let known = self.value(capture) { return known == value ? self : nil }
    var match = self
    match.values.append((capture.name, value))
    return match
  }

  func binding(_ capture: Capture<Double>, to number: Double) -> Match? {
    if let known = self.number(capture) { return known == number ? self : nil }
    var match = self
    match.numbers.append((capture.name, number))
    return match
  }

  func consuming(_ node: NodeID) -> Match {
    var match = self
    match.nodes.insert(node)
    return match
  }
}
