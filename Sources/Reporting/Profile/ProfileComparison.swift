import Operations
import Rewriting
import Runtime
import Tensors

/// A model's run as it is beside its run fused: what `profile.json` holds, whose keys follow from these names.
package struct ProfileComparison: Encodable, Sendable {
  package struct Run: Encodable, Sendable {
    package let seconds: Double
    /// The most bytes of values that were alive at once, and of scratch beside them.
    package let activationBytes: Int
    package let scratchBytes: Int
    package let steps: Int
    /// By the model of `OperationWork`.
    package let bytesMoved: Double
    package let operations: Double
    package let attention: Attention
    package let kinds: [Kind]

    init(_ profile: RunProfile) {
      seconds = profile.statistics.seconds
      activationBytes = profile.statistics.activationBytes
      scratchBytes = profile.statistics.scratchBytes
      steps = profile.steps.count
      (bytesMoved, operations) = (profile.work.bytes, profile.work.operations)
      attention = Attention(
        seconds: profile.attentionSeconds, share: profile.attentionSeconds / max(profile.statistics.seconds, 1e-12),
        bytesMoved: profile.attentionWork.bytes, operations: profile.attentionWork.operations)
      kinds = profile.kinds.map {
        Kind(
          name: $0.name, count: $0.count, seconds: $0.seconds, bytesMoved: $0.work.bytes, operations: $0.work.operations
        )
      }
    }
  }

  /// All steps that are part of attention.
  package struct Attention: Encodable, Sendable {
    package let seconds: Double
    /// The part of the run's time.
    package let share: Double
    package let bytesMoved: Double
    package let operations: Double
  }

  /// All steps of one kind.
  package struct Kind: Encodable, Sendable {
    package let name: String
    package let count: Int
    package let seconds: Double
    package let bytesMoved: Double
    package let operations: Double
  }

  /// The largest error of a fused output against the native one.
  package struct OutputDifference: Encodable, Sendable {
    package let name: String
    package let absoluteError: Double
    package let relativeError: Double
    package let tolerance: Double
    package let passed: Bool
  }

  package let flashfuse = FlashFuseVersion.current
  package let model: String
  package let threads: Int
  package let instructionSet: String
  /// Floating-point operations per second that the threads reach together, measured.
  package let peakOperationsPerSecond: Double
  package let native: Run
  package let fused: Run
  package let outputs: [OutputDifference]

  /// Whether every output of the fused run is within the tolerance of its type.
  package var passes: Bool { outputs.allSatisfy(\.passed) }

  package init(
    model: String, session: Session, peak: Double, native: RunProfile, fused: RunProfile, outputNames: [String]
  ) throws {
    self.model = model
    threads = session.threads
    instructionSet = session.instructionSet
    peakOperationsPerSecond = peak
    self.native = Run(native)
    self.fused = Run(fused)
    outputs = try zip(outputNames, zip(fused.outputs, native.outputs)).map { name, tensors in
      let error = try locating("output '\(name)'") { try OutputError(of: tensors.0, expected: tensors.1) }
      let tolerance = OutputError.tolerance(for: tensors.0.element)
      return OutputDifference(
        name: name, absoluteError: error.absolute, relativeError: error.relative, tolerance: tolerance,
        passed: error.scaled <= tolerance)
    }
  }
}
