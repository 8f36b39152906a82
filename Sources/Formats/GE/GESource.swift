import Foundation
import GraphIR
import Operations
import Tensors

/// A model of Ascend's graph engine as it was read.
struct GESource: ModelSource {
  let bytes: [UInt8]
  let description: GEGraph
  /// Where values are in the file.
  let names: [Value: GEGraph.Input]
  let missingWeights: Set<String>
  /// Where the main graph is in the text.
  private let place: Range<Int>

  var format: String { "ge" }

  init(bytes: [UInt8], description: GEGraph, names: [Value: GEGraph.Input], weights: Set<String>) throws {
    self.bytes = bytes
    self.description = description
    self.names = names
    missingWeights = weights
    guard let main = try JSONLayout(of: bytes).lists["graph"]?.elements.first else {
      throw ModelError.invalid("'graph' is no list")
    }
    place = main
  }

  func write(_ rewritten: Graph, of original: Graph, to target: String, options: WriteOptions) throws {
    var lowered = rewritten
    let isNamed = { (value: Value) in names[value] != nil }
    let fused = RewriteDifference(from: original, to: rewritten, isNamed: isNamed).additions.map(\.node.id)
    try lowered.lowerToFlashAttentionScore(fused)
    let difference = RewriteDifference(from: original, to: lowered, isNamed: isNamed)
    var text = bytes
    if !difference.isEmpty {
      var writer = GEWriter(self, rewritten: lowered, difference: difference)
      text.replaceSubrange(place, with: try writer.text(of: Array(bytes[place])))
    }
    var output = AtomicOutput()
    do {
      try output.add(target, chunks: [Data(text)])
      try output.commit()
    } catch {
      output.discard()
      throw error
    }
  }
}
