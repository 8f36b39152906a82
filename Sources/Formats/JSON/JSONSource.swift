import Foundation
import GraphIR
import Tensors

/// A graph in flashfuse's JSON as it was read.
struct JSONSource: ModelSource {
  let path: String
  let bytes: [UInt8]
  let layout: JSONLayout
  let description: JSONGraph
  /// What the graph's values are called.
  let names: [Value: String]

  var format: String { "json" }

  func write(_ rewritten: Graph, of original: Graph, to target: String, options: WriteOptions) throws {
    // A node is written anew with the graphs inside it.
    let changed = rewritten.subgraphOwners.filter { owner in
      !original.contains(owner) || original.subgraphs(of: owner) != rewritten.subgraphs(of: owner)
    }
    let sources = Set(changed.compactMap { rewritten[$0].origin.sources.first?.index })
    let difference = RewriteDifference(from: original, to: rewritten, changed: sources) { names[$0] != nil }
    var writer = JSONGraphWriter(self, rewritten: rewritten, difference: difference)
    let text = try difference.isEmpty ? bytes : writer.text()
    let weights = description.weights.enumerated().filter { index, _ in
      !difference.removedSources.contains(description.inputs.count + index)
    }
    var output = AtomicOutput()
    do {
      // The graph comes last: until it is there, nothing refers to what is beside it.
      try SiblingFiles(of: path).copy(weights.compactMap(\.element.contents.file), toFolderOf: target, output: &output)
      try output.add(target, chunks: [Data(text)])
      try output.commit()
    } catch {
      output.discard()
      throw error
    }
  }
}
