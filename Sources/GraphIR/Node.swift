import Tensors

/// A node's place in its graph. It stays valid, and is never used again, when nodes are removed.
public struct NodeID: Hashable, Sendable, Comparable {
  package let index: Int

  package init(_ index: Int) { self.index = index }

  public static func < (left: NodeID, right: NodeID) -> Bool { left.index < right.index }
}

/// One of the results of a node.
public struct Value: Hashable, Sendable, Comparable {
  public let node: NodeID
  public let output: Int

  public init(_ node: NodeID, _ output: Int = 0) {
    self.node = node
    self.output = output
  }

  public static func < (left: Value, right: Value) -> Bool { (left.node, left.output) < (right.node, right.output) }
}

/// A place where a value is used: an input of a node, or a result of the graph.
public enum Use: Hashable, Sendable {
  case node(NodeID, input: Int)
  case output(Int)

  /// The node that uses it, where one does.
  public var node: NodeID? {
    if case .node(let id, _) = self { id } else { nil }
  }
}

/// A node of the file that a graph was read from.
public struct SourceNode: Hashable, Sendable {
  /// Its position in the file; a document finds its node by it.
  public let index: Int
  /// Its name there, or its first output where it has none.
  public let name: String
  /// Its type as the file spells it.
  public let type: String
  /// What the file says of it where an earlier fusion made it.
  public let history: FusionHistory?

  public init(index: Int, name: String, type: String, history: FusionHistory? = nil) {
    self.index = index
    self.name = name
    self.type = type
    self.history = history
  }
}

/// What a fusion replaced: names and types of the nodes, in the same order, and the passes that did, the latest last.
public struct FusionHistory: Hashable, Sendable {
  public let names: [String]
  public let types: [String]
  public let passes: [String]

  public init(names: [String], types: [String], passes: [String]) {
    self.names = names
    self.types = types
    self.passes = passes
  }
}

/// Where a node comes from.
public struct Origin: Hashable, Sendable {
  /// The nodes of the file that it stands for; one for an imported node, the union of all it replaced for a fused one.
  public var sources: [SourceNode]
  /// The passes that made it, the latest last; empty for an imported node.
  public var passes: [String]

  public init(sources: [SourceNode] = [], passes: [String] = []) {
    self.sources = sources
    self.passes = passes
  }

  public static let none = Origin()
}

/// An operation applied to values.
///
/// Copies share what they hold: those who walk a graph make one for every step. A change makes new contents.
public struct Node: Sendable {
  public let id: NodeID
  private var contents: Contents

  private final class Contents: Sendable {
    let operation: any GraphOperation
    let kind: ObjectIdentifier
    let inputs: [Value?]
    let outputs: [ValueInfo]
    let name: String
    let origin: Origin

    init(operation: any GraphOperation, inputs: [Value?], outputs: [ValueInfo], name: String, origin: Origin) {
      self.operation = operation
      kind = ObjectIdentifier(type(of: operation))
      self.inputs = inputs
      self.outputs = outputs
      self.name = name
      self.origin = origin
    }
  }

  init(
    id: NodeID, operation: any GraphOperation, inputs: [Value?], outputs: [ValueInfo], name: String, origin: Origin
  ) {
    self.id = id
    contents = Contents(operation: operation, inputs: inputs, outputs: outputs, name: name, origin: origin)
  }

  /// The same node with what is given in the place of what it holds.
  func with(
    operation: (any GraphOperation)? = nil, inputs: [Value?]? = nil, outputs: [ValueInfo]? = nil, name: String? = nil,
    origin: Origin? = nil
  ) -> Node {
    Node(
      id: id, operation: operation ?? self.operation, inputs: inputs ?? self.inputs, outputs: outputs ?? self.outputs,
      name: name ?? self.name, origin: origin ?? self.origin)
  }

  public var operation: any GraphOperation { contents.operation }

  /// The type of its operation.
  package var kind: ObjectIdentifier { contents.kind }

  /// Whether its operation is of the type `Op`.
  package func `is`<Op: GraphOperation>(_ type: Op.Type) -> Bool { kind == ObjectIdentifier(type) }

  /// The values it reads, nil for an optional input that is left out.
  public var inputs: [Value?] { contents.inputs }

  public var outputs: [ValueInfo] { contents.outputs }

  public var name: String { contents.name }

  public var origin: Origin { contents.origin }

  /// Its results as values.
  public var values: [Value] { outputs.indices.map { Value(id, $0) } }
}
