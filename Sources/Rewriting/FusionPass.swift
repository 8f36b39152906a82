import GraphIR
import Logging

/// A pass over a graph that replaces what it recognises and records every decision.
public protocol FusionPass: Sendable {
  /// The name in logs and switch files; ends in `FusionPass`.
  var name: String { get }

  /// Rewrites `graph` and returns one decision for every place it looked at.
  ///
  /// A place that can't be fused is a decision with a reason, not an error; an error leaves `graph` in any state. Graphs inside
  /// operations are not the pass's concern: it is run on each of them, too.
  func run(on graph: inout Graph) throws -> [FusionDecision]

  /// The pass deciding as `policy` says; itself, where it has no model of what a fusion costs.
  func applying(_ policy: FusionPolicy) -> any FusionPass
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
  /// The names of passes that did not run because a switch file turned them off.
  public internal(set) var switchedOff: [String] = []

  public init() {}

  /// Adds to decisions what is to be told of their results, by the names of these.
  public mutating func add(_ remarks: [String: String]) {
    for index in decisions.indices { decisions[index].remark = decisions[index].result.flatMap { remarks[$0] } }
  }
}

/// Passes in the order in which they run.
public struct FusionPipeline: Sendable {
  public var passes: [any FusionPass]
  private var switchedOff: [String] = []

  public init(_ passes: [any FusionPass]) { self.passes = passes }

  /// The passes that `switches` leaves on, in the order of their priorities; passes without one keep their order.
  public func applying(_ switches: FusionSwitches) -> FusionPipeline {
    let running = passes.enumerated().filter { switches.isOn($0.element.name) }
    let ordered = running.sorted { first, second in
      let (one, other) = (switches.rank(of: first.element.name), switches.rank(of: second.element.name))
      return (one.section, one.priority, first.offset) < (other.section, other.priority, second.offset)
    }
    var result = FusionPipeline(ordered.map(\.element))
    result.switchedOff = switchedOff + passes.map(\.name).filter { !switches.isOn($0) }
    return result
  }

  /// Runs every pass on `graph` and the graphs inside it, removes what is no longer used, and returns what was decided.
  ///
  /// Every decision and every pass is also a debug line of the logger `flashfuse.fusion`, worded as people who grep the logs
  /// of Ascend's graph engine know them.
  public func run(on graph: inout Graph) throws -> FusionLog {
    let logger = Logger(label: "flashfuse.fusion")
    var log = FusionLog()
    log.switchedOff = switchedOff
    for pass in passes {
      let decisions = try pass.runThroughout(&graph)
      let fused = decisions.count { $0.verdict == .fused }
      let declined = decisions.count { $0.verdict == .declined }
      log.passes.append(.init(name: pass.name, matched: fused + declined, fused: fused))
      log.decisions += decisions
      for decision in decisions { logger.debug("\(decision.logLine)") }
      logger.debug(
        "GraphId[0], GraphFusionPass[\(pass.name)]: pattern=\(pass.name), matched_times=\(fused + declined), effected_times=\(fused)"
      )
    }
    graph.removeUnused()
    return log
  }
}

extension FusionDecision {
  /// The decision in one line.
  fileprivate var logLine: String {
    switch verdict {
    case .fused: "[REPLACE] \(pass): \(anchor) -> \(result ?? "")"
    case .declined: "[MATCH][FOUND] \(pass): \(anchor): not replaced: \(reason?.code ?? "")"
    case .alreadyFused: "[MATCH][CAPTURED] \(pass): \(anchor): already fused"
    case .notAttention: "[MATCH][MISS] \(pass): \(anchor): \(reason?.code ?? "")"
    }
  }
}
