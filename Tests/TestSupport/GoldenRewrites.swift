import Fusion
import GraphIR
import Operations
import Rewriting
import Tensors
import Testing

extension Graph {
  /// The graph that `text` says, of operations of the canonical set.
  public init(parsing text: String) throws {
    self = try GraphParser(registry: StandardOperations.registry).parse(text)
  }

  /// The text in which tests compare graphs: every constant in full, no node names.
  public var goldenText: String { text(GraphTextOptions(constantLimit: .max, showsNodeNames: false)) }
}

/// Expects that `pipeline` turns the graph that `before` says into the one that `after` says, and returns what was decided.
///
/// Labels of values, node names, the order of statements and nodes that no output depends on don't matter; a difference is shown line by line.
@discardableResult
public func expectRewrite(
  _ pipeline: FusionPipeline, _ before: String, to after: String, sourceLocation: SourceLocation = #_sourceLocation
) throws -> FusionLog {
  var graph = try Graph(parsing: before)
  let log = try pipeline.run(on: &graph)
  try graph.verify()
  var expected = try Graph(parsing: after)
  expected.removeUnused()
  expectEqualText(graph.goldenText, expected.goldenText, sourceLocation: sourceLocation)
  return log
}

/// Expects that `pass` alone turns the graph that `before` says into the one that `after` says.
@discardableResult
public func expectRewrite(
  _ pass: some FusionPass, _ before: String, to after: String, sourceLocation: SourceLocation = #_sourceLocation
) throws -> FusionLog {
  try expectRewrite(FusionPipeline([pass]), before, to: after, sourceLocation: sourceLocation)
}

/// Expects that `pipeline` leaves the graph that `text` says as it is.
@discardableResult
public func expectNoRewrite(
  _ pipeline: FusionPipeline, _ text: String, sourceLocation: SourceLocation = #_sourceLocation
) throws -> FusionLog {
  try expectRewrite(pipeline, text, to: text, sourceLocation: sourceLocation)
}

/// Expects that `pass` leaves the graph that `text` says as it is.
@discardableResult
public func expectNoRewrite(
  _ pass: some FusionPass, _ text: String, sourceLocation: SourceLocation = #_sourceLocation
) throws -> FusionLog {
  try expectNoRewrite(FusionPipeline([pass]), text, sourceLocation: sourceLocation)
}

/// Expects the decisions of `log`, or those of one pass, each as `anchor verdict` or `anchor verdict reason-code`, in any order.
///
/// The anchor of a node without a name is its label in the text: `%4 declined scores-used-elsewhere`.
public func expectDecisions(
  _ log: FusionLog, of pass: String? = nil, _ expected: [String], sourceLocation: SourceLocation = #_sourceLocation
) {
  let actual = log.decisions.filter { pass == nil || $0.pass == pass }.map { decision in
    [decision.anchor, decision.verdict.rawValue, decision.reason?.code].compactMap { $0 }.joined(separator: " ")
  }
  expectEqualText(
    actual.sorted().joined(separator: "\n"), expected.sorted().joined(separator: "\n"), sourceLocation: sourceLocation)
}

/// Runs `pipeline` on the graph that `text` says and expects its decisions.
@discardableResult
public func expectDecisions(
  _ pipeline: FusionPipeline, _ text: String, _ expected: [String], sourceLocation: SourceLocation = #_sourceLocation
) throws -> FusionLog {
  var graph = try Graph(parsing: text)
  let log = try pipeline.run(on: &graph)
  try graph.verify()
  expectDecisions(log, expected, sourceLocation: sourceLocation)
  return log
}

/// Expects equal texts; where they differ, shows which lines are missing (`-`) and which were not expected (`+`).
public func expectEqualText(_ actual: String, _ expected: String, sourceLocation: SourceLocation = #_sourceLocation) {
  guard actual != expected else { return }
  Issue.record(
    Comment(rawValue: "expected (-) and actual (+) differ:\n" + lineDifference(actual, expected)),
    sourceLocation: sourceLocation)
}

/// `expected` line by line, with what `actual` lacks marked `-` and what it has beside it marked `+`.
package func lineDifference(_ actual: String, _ expected: String) -> String {
  let (new, old) = (actual.split(separator: "\n"), expected.split(separator: "\n"))
  var removed: Set<Int> = []
  var inserted: Set<Int> = []
  for change in new.difference(from: old) {
    switch change {
    case .remove(let offset, _, _): removed.insert(offset)
    case .insert(let offset, _, _): inserted.insert(offset)
    }
  }
  var lines: [String] = []
  var (before, after) = (0, 0)
  while before < old.count || after < new.count {
    if removed.contains(before) {
      lines.append("- \(old[before])")
      before += 1
    } else if inserted.contains(after) {
      lines.append("+ \(new[after])")
      after += 1
    } else {
      lines.append("  \(old[before])")
      before += 1
      after += 1
    }
  }
  return lines.joined(separator: "\n")
}
