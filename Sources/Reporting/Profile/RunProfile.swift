import GraphIR
import Operations
import Runtime
import Tensors

/// All steps of one run of a graph.
package struct RunProfile: Sendable {
  /// What all steps of one kind took together.
  package struct Kind: Sendable {
    package let name: String
    package var count = 0
    package var seconds = 0.0
    package var work = OperationWork.none
  }

  package let steps: [ProfiledStep]
  package let statistics: RunStatistics
  package let outputs: [Tensor]

  /// Runs `graph` once to warm up and then up to `repeats` times, and keeps the fastest run.
  ///
  /// A run of a second or more is not repeated, and one of ten seconds serves as it is, cold.
  ///
  /// `progress` is told of every step as well.
  package init(
    _ graph: Graph, in session: Session, inputs: [String: Tensor], regions: AttentionRegions, repeats: Int = 5,
    progress: (any ExecutionObserver)? = nil
  ) throws {
    var best: (recorder: StepRecorder, result: Session.Result)?
    for attempt in 0...max(repeats, 1) {
      let recorder = StepRecorder(regions: regions, progress: progress)
      let result = try session.run(inputs, observer: recorder)
      // The first run also starts threads and touches memory for the first time.
      if attempt <= 1 || result.statistics.seconds < best?.result.statistics.seconds ?? .infinity {
        best = (recorder, result)
      }
      if result.statistics.seconds >= (attempt == 0 ? 10 : 1) { break }
    }
    guard let best else { throw InternalError("nothing was run") }
    steps = best.recorder.steps
    statistics = best.result.statistics
    outputs = best.result.outputs
  }

  /// The sums over all steps of each kind, the one that took longest first.
  package var kinds: [Kind] {
    var kinds: [String: Kind] = [:]
    for step in steps {
      kinds[step.kind, default: Kind(name: step.kind)].count += 1
      kinds[step.kind]?.seconds += step.duration
      kinds[step.kind]?.work += step.work
    }
    return kinds.values.sorted { ($1.seconds, $0.name) < ($0.seconds, $1.name) }
  }

  /// The work of all steps.
  package var work: OperationWork { steps.reduce(.none) { $0 + $1.work } }

  /// Seconds spent in attention, fused or not.
  package var attentionSeconds: Double { steps.reduce(0) { $0 + ($1.attention == nil ? 0 : $1.duration) } }

  /// The work of the steps that are part of attention.
  package var attentionWork: OperationWork { steps.reduce(.none) { $1.attention == nil ? $0 : $0 + $1.work } }
}

/// Keeps what it is told of a run.
private final class StepRecorder: ExecutionObserver {
  private(set) var steps: [ProfiledStep] = []
  private let regions: AttentionRegions
  private let progress: (any ExecutionObserver)?

  var observesThreads: Bool { true }

  init(regions: AttentionRegions, progress: (any ExecutionObserver)?) {
    self.regions = regions
    self.progress = progress
  }

  func prepared(_ done: Int, of count: Int) { progress?.prepared(done, of: count) }

  func executed(_ step: StepRecord) {
    steps.append(ProfiledStep(step, regions: regions))
    progress?.executed(step)
  }
}
