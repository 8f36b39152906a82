import GraphIR
import Operations
import Runtime
import Tensors

/// A step of a run: what it was, what it took, and what it did by the model of ``OperationWork``.
package struct ProfiledStep: Sendable {
  /// The name of the operation; for a step of several nodes their names in order, joined by `+`.
  package let kind: String
  package let name: String
  /// Its node; for a step inside a node that one.
  package let node: NodeID
  /// The names of the source nodes that it stands for.
  package let sources: [String]
  package let inputs: [TensorType]
  package let outputs: [TensorType]
  /// Seconds since the run began, and seconds that the step took.
  package let start: Double
  package let duration: Double
  package let work: OperationWork
  package let liveBytes: Int
  package let spans: [ThreadSpan]
  /// The index of the decision about the attention that it is part of.
  package let attention: Int?

  init(_ record: StepRecord, regions: AttentionRegions) {
    let node = record.node
    kind = record.nodes.map { OperationDescriptor.of($0.operation).name }.joined(separator: "+")
    name = record.label
    self.node = record.outermost
    sources = record.nodes.flatMap { $0.origin.sources.map { record.path + $0.name } }
    inputs = record.inputs.compactMap { $0 }
    outputs = record.outputs
    start = record.start
    duration = record.duration
    work =
      node.operation is any ViewOperation
      ? .none : OperationWork(of: node.operation, inputs: record.inputs, outputs: record.outputs)
    liveBytes = record.liveBytes
    spans = record.spans
    attention = record.nodes.lazy.compactMap { regions.decision(of: $0, inside: record.path) }.first
  }

  /// Floating-point operations per second.
  package var speed: Double { duration > 0 ? work.operations / duration : 0 }
}
