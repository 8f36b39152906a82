import GraphIR
import Tensors

/// One step of a run, as an observer sees it: a node, or several that are computed together.
package struct StepRecord: Sendable {
  /// Its place in the plan, and how many steps that has.
  package let index: Int
  package let stepCount: Int
  /// What the step computes, in order; it is named after the first.
  package let nodes: [Node]
  /// Of the first node, then what the others read besides.
  package let inputs: [TensorType?]
  package let outputs: [TensorType]
  /// Seconds since the run began, and seconds that the step took.
  package let start: Double
  package let duration: Double
  /// Bytes of values alive when the step had run, before those it was the last to read were dropped.
  package let liveBytes: Int
  /// What each thread did meanwhile, for observers that ask for it.
  package let spans: [ThreadSpan]

  package var node: Node { nodes[0] }
}

/// A stretch of time in which one thread worked on a step.
package struct ThreadSpan: Hashable, Sendable {
  /// 0 for the thread that runs the plan.
  package let thread: Int
  /// Seconds since the run began, and seconds that it took.
  package let start: Double
  package let duration: Double
  package let taskCount: Int
}

/// Is told of every node that has run, in order, on the thread that runs the plan.
package protocol ExecutionObserver: AnyObject {
  /// Whether records should say what each thread did.
  var observesThreads: Bool { get }

  func executed(_ step: StepRecord)
}

extension ExecutionObserver {
  package var observesThreads: Bool { false }
}
