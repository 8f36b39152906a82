import Formats
import Foundation
import Fusion
import GraphIR
import Rewriting
import Runtime
import Tensors
import TestSupport

@testable import Reporting

/// A model of `graphs/`, fused, and both runs of it on random inputs.
struct ProfiledModel {
  let before: Graph
  let after: Graph
  let log: FusionLog
  let native: RunProfile
  let fused: RunProfile
  let comparison: ProfileComparison
  let peak = 1e9

  /// `attention.json`, an attention of 4 heads of size 16 with a mask.
  init(batch: Int = 1, length: Int = 24) throws {
    before = try Document.read(path: "\(packageDirectory)/graphs/attention.json").graph
    var graph = before
    log = try FusionPipeline.standard.run(on: &graph)
    after = graph
    let inputs = [
      "hidden": try Tensor.random([batch, length, 64], seed: 1),
      "padding": try Tensor.random([batch, 1, 1, length], seed: 2),
    ]
    let regions = AttentionRegions(log)
    let session = Session(before, options: .init(threads: 2))
    native = try RunProfile(before, in: session, inputs: inputs, regions: regions, repeats: 1)
    fused = try RunProfile(
      after, in: Session(after, options: .init(threads: 2)), inputs: inputs, regions: regions, repeats: 1)
    comparison = try ProfileComparison(
      model: "attention.json", session: session, peak: peak, native: native, fused: fused,
      outputNames: before.outputs.map(\.name))
  }
}
