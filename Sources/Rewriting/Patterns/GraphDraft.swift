import GraphIR
import Tensors

/// A graph to which the replacement of a match is being added; what is added goes again if the match is refused.
public struct GraphDraft {
  public internal(set) var graph = Graph()
  /// The name of the fused node.
  private(set) var result: String?
  private(set) var names: TakenNames
  private let prefix: String
  private let pass: String
  private let origin: Origin

  init(_ match: Match, anchor: String, pass: String, in graph: Graph, avoiding names: TakenNames) {
    self.pass = pass
    self.names = names
    prefix = anchor.lastIndex(of: "/").map { String(anchor[...$0]) } ?? anchor + "/"
    var origin = Origin(of: match.nodes, in: graph)
    origin.passes.append(pass)
    self.origin = origin
  }

  /// Adds the operation that stands for the match, in the place and under the names of all that it replaces.
  public mutating func fuse(_ operation: any GraphOperation, _ inputs: [Value?]) throws -> Value {
    let name = unusedName(for: operation)
    result = name
    return Value(try graph.add(operation, inputs, name: name, origin: origin, outputs: 1))
  }

  /// Adds an operation that the fused one needs beside it.
  public mutating func insert(_ operation: any GraphOperation, _ inputs: [Value?]) throws -> Value {
    try graph.insert(operation, inputs, name: unusedName(for: operation), origin: Origin(passes: [pass]))
  }

  /// Adds a constant that the fused operation reads.
  public mutating func constant(_ tensor: Tensor) throws -> Value { try insert(Constant(tensor), []) }

  private mutating func unusedName(for operation: any GraphOperation) -> String {
    names.unused(prefix + OperationDescriptor.of(operation).name)
  }
}
