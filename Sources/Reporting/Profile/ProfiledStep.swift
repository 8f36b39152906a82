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
  /// All nodes of the graph that it computes.
  package let members: [NodeID]
  /// The names of the source nodes that it stands for.
  package let sources: [String]
  package let inputs: [TensorType]
  package let outputs: [TensorType]
  /// Seconds since the run began, and seconds that the step took.
  package let start: Double
  package let duration: Double
  package let work: OperationWork
  /// Bytes of results that were written over what the step had just read.
  package let overwrittenBytes: Double
  package let liveBytes: Int
  package let spans: [ThreadSpan]
  /// The index of the decision about the attention that it is part of.
  package let attention: Int?

  init(_ record: StepRecord, regions: AttentionRegions) {
    let node = record.node
    kind = record.nodes.map { OperationDescriptor.of($0.operation).name }.joined(separator: "+")
    name = record.label
    self.node = record.outermost
    members = record.path.isEmpty ? record.nodes.map(\.id) : []
    sources = record.nodes.flatMap { $0.origin.sources.map { record.path + $0.name } }
    inputs = record.inputs.compactMap { $0 }
    outputs = record.outputs
    start = record.start
    duration = record.duration
    let copiesNothing = record.inputs.first.flatMap { $0 }.map { input in
      (node.operation as? any ViewOperation)?.isView(ValueInfo(input)) ?? false
    }
    var work =
      copiesNothing == true
      ? OperationWork.none : OperationWork(of: node.operation, inputs: record.inputs, outputs: record.outputs)
    // What is computed together with the first node moves nothing of its own.
    for other in record.nodes.dropFirst() {
      let types = other.outputs.map(\.type)
      let inputs = other.inputs.map { $0 == nil ? nil : types.first }
      work.operations += OperationWork(of: other.operation, inputs: inputs, outputs: types).operations
    }
    self.work = work
    overwrittenBytes =
      record.overwritesInput ? record.outputs.first.map { OperationWork.byteCount(of: $0) } ?? 0 : 0
    liveBytes = record.liveBytes
    spans = record.spans
    attention = record.nodes.lazy.compactMap { regions.decision(of: $0, inside: record.path) }.first
  }

  /// Floating-point operations per second.
  package var speed: Double { duration > 0 ? work.operations / duration : 0 }
}
