import GraphIR

/// A pass over a graph that replaces what it recognises and records every decision.
public protocol FusionPass: Sendable {
  /// The name in logs and switch files; ends in `FusionPass`.
  var name: String { get }

  /// Rewrites `graph` and returns one decision for every place it looked at.
  ///
  /// A place that can't be fused is a decision with a reason, not an error; an error leaves `graph` in any state.
  func run(on graph: inout Graph) throws -> [FusionDecision]
}

/// What all passes decided about a model.
public struct FusionLog: Sendable {
  public struct PassSummary: Hashable, Sendable {
    public var name: String
    /// Places that have the right structure, fused or not.
    public var matched: Int
    public var fused: Int
  }

  public internal(set) var passes: [PassSummary] = []
  public internal(set) var decisions: [FusionDecision] = []

  public init() {}
}

/// Passes in the order in which they run.
public struct FusionPipeline: Sendable {
  public var passes: [any FusionPass]

  public init(_ passes: [any FusionPass]) { self.passes = passes }

  /// Runs every pass on `graph`, removes what is no longer used, and returns what was decided.
  public func run(on graph: inout Graph) throws -> FusionLog {
    var log = FusionLog()
    for pass in passes {
      var draft = graph
      let decisions = try pass.run(on: &draft)
      graph = draft
      let fused = decisions.count { $0.verdict == .fused }
      let declined = decisions.count { $0.verdict == .declined }
      log.passes.append(.init(name: pass.name, matched: fused + declined, fused: fused))
      log.decisions += decisions
    }
    graph.removeUnused()
    return log
  }
}
