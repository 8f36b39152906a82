import GraphIR

/// From which nodes on a pattern can come to its anchor: only there is it worth looking for.
///
/// Found for all nodes in one go, so that large graphs with few places are not searched everywhere.
struct AnchorReach {
  /// For every node by its number; nil where the pattern needs no anchor.
  private var reaches: [Bool]?

  /// Everywhere.
  init() {}

  /// Whether `graph` has a node that can be the pattern's anchor, or the pattern needs none.
  static func hasAnchor(_ pattern: Pattern, in graph: Graph) -> Bool {
    guard let anchors = pattern.anchorTypes.map(Array.init) else { return true }
    return graph.nodes.contains { anchors.contains($0.kind) }
  }

  /// - Parameter order: all nodes of `graph`, each after those it reads.
  init(of pattern: Pattern, in graph: Graph, _ order: [NodeID]) {
    guard let anchors = pattern.anchorTypes.map(Array.init) else { return }
    let types = Array(pattern.types)
    var reaches = Array(repeating: false, count: graph.mark)
    for id in order {
      let node = graph[id]
      reaches[id.index] =
        anchors.contains(node.kind)
        || types.contains(node.kind) && node.inputs.contains { $0.map { reaches[$0.node.index] } ?? false }
    }
    self.reaches = reaches
  }

  func contains(_ id: NodeID) -> Bool {
    guard let reaches else { return true }
    // What was added since then was not looked for.
    return reaches.indices.contains(id.index) && reaches[id.index]
  }
}

extension Pattern {
  /// The types of operations that a match can consist of.
  fileprivate var types: Set<ObjectIdentifier> {
    switch self {
    case .value, .number, .constant: []
    case .operation(let pattern): pattern.inputs.reduce(into: [pattern.type]) { $0.formUnion($1.types) }
    case .combination(let combination):
      combination.parts.reduce(into: combination.algebra.types) { $0.formUnion($1.pattern.types) }
    case .oneOf(let patterns): patterns.reduce(into: []) { $0.formUnion($1.types) }
    case .checked(let inner, _), .anchored(let inner), .shared(let inner), .named(_, let inner): inner.types
    }
  }

  /// Types of which every match has an anchor; nil where one may have none.
  var anchorTypes: Set<ObjectIdentifier>? {
    switch self {
    case .value, .number, .constant: return nil
    case .operation(let pattern): return pattern.inputs.lazy.compactMap(\.anchorTypes).first
    case .combination(let combination): return combination.parts.lazy.compactMap(\.pattern.anchorTypes).first
    case .oneOf(let patterns):
      let types = patterns.map(\.anchorTypes)
      return types.contains(nil) ? nil : types.reduce(into: []) { $0.formUnion($1 ?? []) }
    case .anchored(.operation(let pattern)): return [pattern.type]
    // What is combined may be one part alone, of whatever type.
    case .anchored(let inner), .checked(let inner, _), .shared(let inner), .named(_, let inner):
      return inner.anchorTypes
    }
  }
}
