import GraphIR
import Tensors

/// Finds a pattern at a value of a graph, and remembers what kept places with an anchor from being one.
struct PatternMatcher {
  /// A place that is like the pattern but for one thing.
  struct NearMiss {
    let match: Match
    let reason: Reason
  }

  /// Where it looks; not handed from step to step, which would copy it into every continuation.
  var graph = Graph()

  /// From where on it is worth looking for parts that have the anchor.
  var reach = AnchorReach()

  /// The nearest miss of every anchor.
  private(set) var misses: [NodeID: NearMiss] = [:]

  /// Nodes that a pattern has replaced already.
  var replaced: Set<NodeID> = []

  /// Patterns are small. What takes longer than this is a graph made for that, and is no match.
  private static let stepLimit = 4000
  private var steps = 0

  typealias Continuation = (inout PatternMatcher, Match) -> Match?

  /// The first way in which `pattern` fits `value` and nothing else reads what lies inside.
  mutating func firstMatch(of pattern: Pattern, at value: Value) -> Match? {
    steps = 0
    return match(pattern, value, Match(root: value)) { matcher, match in
      do {
        try matcher.requireUnused(match)
        return match
      } catch {
        matcher.miss(error, match)
        return nil
      }
    }
  }

  /// Remembers why a match did not come about, where it went further than those before it.
  mutating func miss(_ error: any Error, _ match: Match) {
    guard let anchor = match.anchor else { return }
    let reason = error as? Reason ?? Reason("not-expressible", (error as? ModelError)?.message ?? "\(error)")
    if let known = misses[anchor], known.match.nodes.count >= match.nodes.count { return }
    misses[anchor] = NearMiss(match: match, reason: reason)
  }

  /// Throws where something else reads a value inside of `match`.
  private func requireUnused(_ match: Match) throws {
    for node in match.nodes.sorted() where node != match.root.node {
      for value in graph[node].values {
        for use in graph.uses(of: value) {
          if let user = use.node, match.nodes.contains(user) || replaced.contains(user) { continue }
          let other = use.node.map { "read by '\(graph[$0].label)'" } ?? "an output"
          throw Reason(
            "used-elsewhere", "'\(graph[node].label)' is also \(other)", node: graph.sourceName(of: node))
        }
      }
    }
  }

  /// What `then` makes of the first way in which `pattern` fits `value` that it makes anything of.
  private mutating func match(
    _ pattern: Pattern, _ value: Value, _ match: Match, _ then: Continuation
  ) -> Match? {
    steps += 1
    guard steps < Self.stepLimit else { return nil }
    switch pattern {
    case .value(let capture):
      return match.binding(capture, to: value).flatMap { then(&self, $0) }
    case .number(let capture):
      return graph.info(of: value).scalar.flatMap { match.binding(capture, to: $0) }.flatMap { then(&self, $0) }
    case .constant(let expected):
      guard let found = graph.info(of: value).scalar else { return nil }
      return compare(found, expected, value, match).flatMap { then(&self, $0) }
    case .operation(let operation):
      return self.match(operation, value, match, then)
    case .combination(let combination):
      return self.match(combination, value, match, then)
    case .oneOf(let patterns):
      for alternative in patterns {
        if let found = self.match(alternative, value, match, then) { return found }
      }
      return nil
    case .checked(let inner, let condition):
      return self.match(inner, value, match) { matcher, match in
        do {
          try condition(value, match, matcher.graph)
        } catch {
          matcher.miss(error, match)
          return nil
        }
        return then(&matcher, match)
      }
    case .anchored(let inner):
      var anchored = match
      anchored.anchor = value.node
      return self.match(inner, value, anchored, then)
    case .shared(let inner):
      return self.match(inner, value, match) { matcher, found in
        var found = found
        found.nodes = match.nodes
        return then(&matcher, found)
      }
    case .named(let capture, let inner):
      return self.match(inner, value, match) { matcher, match in
        match.binding(capture, to: value).flatMap { then(&matcher, $0) }
      }
    }
  }

  private mutating func match(
    _ pattern: OperationPattern, _ value: Value, _ match: Match, _ then: Continuation
  ) -> Match? {
    let node = graph[value.node]
    guard node.kind == pattern.type, value.output == pattern.output,
      node.inputs.count >= pattern.inputs.count
    else { return nil }
    return self.match(pattern.inputs[...], node.inputs[...], match.consuming(node.id), then)
  }

  private mutating func match(
    _ patterns: ArraySlice<Pattern>, _ values: ArraySlice<Value?>, _ match: Match,
    _ then: Continuation
  ) -> Match? {
    guard let pattern = patterns.first, let next = values.first else { return then(&self, match) }
    guard let value = next else { return nil }
    return self.match(pattern, value, match) { matcher, match in
      matcher.match(patterns.dropFirst(), values.dropFirst(), match, then)
    }
  }

  private mutating func match(
    _ combination: Combination, _ value: Value, _ match: Match, _ then: Continuation
  ) -> Match? {
    let terms = CombinedTerms(of: value, combination.algebra, in: graph)
    guard terms.leafCount >= combination.parts.count else { return nil }
    return assign(combination.parts[...], of: combination, terms, [], match, then)
  }

  /// Finds the remaining parts among terms that are in none of the `taken` ones.
  private mutating func assign(
    _ parts: ArraySlice<Combination.Part>, of combination: Combination, _ terms: CombinedTerms, _ taken: [Int],
    _ match: Match, _ then: Continuation
  ) -> Match? {
    guard let part = parts.first else {
      guard let (number, joints) = terms.rest(without: taken, combination.algebra, in: graph) else { return nil }
      var match = match
      match.nodes.formUnion(joints)
      if let capture = combination.number {
        let own = combination.algebra.join(number, combination.algebra.invert(combination.constant))
        return match.binding(capture, to: own).flatMap { then(&self, $0) }
      }
      // Where nothing is combined, there is no number to be another one.
      return compare(number, combination.constant, terms.root, match, isMiss: !joints.isEmpty)
        .flatMap { then(&self, $0) }
    }
    for index in terms.indices where terms.isFree(index, beside: taken) && terms[index].isInverted == part.isInverted {
      if part.hasAnchor, !reach.contains(terms[index].value.node) { continue }
      let found = self.match(part.pattern, terms[index].value, match) { matcher, match in
        matcher.assign(parts.dropFirst(), of: combination, terms, taken + [index], match, then)
      }
      if let found { return found }
    }
    return nil
  }

  /// `match`, where `found` is the number that was `expected`, as near as the type of `value` can say it.
  private mutating func compare(
    _ found: Double, _ expected: Double, _ value: Value, _ match: Match, isMiss: Bool = true
  ) -> Match? {
    // Exporters write constants with five digits at least; narrow types hold fewer.
    let tolerance: Double =
      switch graph.info(of: value).element {
      case .float16: 0x1p-10
      case .bfloat16: 0x1p-7
      default: 2e-5
      }
    if abs(found - expected) <= tolerance * abs(expected) { return match }
    guard isMiss else { return nil }
    miss(
      Reason("other-constant", "\(expected) was expected, found \(found)", node: graph.sourceName(of: value.node)),
      match)
    return nil
  }
}

extension Graph {
  /// What the file calls the node `id`.
  func sourceName(of id: NodeID) -> String { self[id].origin.sources.first?.name ?? self[id].label }
}
