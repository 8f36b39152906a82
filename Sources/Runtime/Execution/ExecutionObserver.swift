import Foundation
import GraphIR
import Tensors

/// One step of a run, as an observer sees it: a node, or several that are computed together.
package struct StepRecord: Sendable {
  /// Its place in the plan, and how many steps that has.
  package let index: Int
  package let stepCount: Int
  /// What the step computes, in order; it is named after the first.
  package let nodes: [Node]
  /// For a node inside others their names, each with a `/` behind it; else empty.
  package var path = ""
  /// The node of the graph that was run which this is, or is inside of.
  package var outermost: NodeID
  /// Of the first node, then what the others read besides.
  package let inputs: [TensorType?]
  package let outputs: [TensorType]
  /// Whether the first output took the memory of an input.
  package let overwritesInput: Bool
  /// Seconds since the run began, and seconds that the step took.
  package var start: Double
  package let duration: Double
  /// Bytes of values alive when the step had run, before those it was the last to read were dropped.
  package let liveBytes: Int
  /// What each thread did meanwhile, for observers that ask for it.
  package var spans: [ThreadSpan]

  package var node: Node { nodes[0] }

  /// The first node's name; that of a node inside another is `outer/inner`.
  package var label: String { path + node.label }
}

/// A stretch of time in which one thread worked on a step.
package struct ThreadSpan: Hashable, Sendable {
  /// 0 for the thread that runs the plan.
  package let thread: Int
  /// Seconds since the run began, and seconds that it took.
  package var start: Double
  package let duration: Double
  package let taskCount: Int
}

/// Is told of every node that has run, in order, on the thread that runs the plan.
package protocol ExecutionObserver: AnyObject {
  /// Whether records should say what each thread did.
  var observesThreads: Bool { get }

  /// So many of the nodes of a graph have been prepared; constants are computed and weights are packed on the way.
  func prepared(_ done: Int, of count: Int)

  func executed(_ step: StepRecord)
}

extension ExecutionObserver {
  package var observesThreads: Bool { false }

  package func prepared(_ done: Int, of count: Int) {}
}

/// Tells an observer of the nodes inside another one.
final class InnerObserver: ExecutionObserver {
  private let observer: any ExecutionObserver
  private let owner: Node
  private let start: Double
  /// When the graph inside began to run, in seconds since its owner did.
  var roundStart = 0.0

  /// - Parameter start: when the owner began to run.
  init(_ observer: any ExecutionObserver, owner: Node, start: Double) {
    self.observer = observer
    self.owner = owner
    self.start = start
  }

  var observesThreads: Bool { observer.observesThreads }

  func prepared(_ done: Int, of count: Int) { observer.prepared(done, of: count) }

  func executed(_ step: StepRecord) {
    var outer = step
    outer.path = "\(owner.label)/\(step.path)"
    outer.outermost = owner.id
    outer.start += start + roundStart
    for index in outer.spans.indices { outer.spans[index].start += start + roundStart }
    observer.executed(outer)
  }
}

/// The time since it was made.
struct RunClock {
  let start = DispatchTime.now()

  /// Seconds.
  var elapsed: Double { Double(DispatchTime.now().uptimeNanoseconds - start.uptimeNanoseconds) * 1e-9 }
}
