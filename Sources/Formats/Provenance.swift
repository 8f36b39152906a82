import Foundation
import GraphIR
import OrderedCollections

/// What a fused node replaced, under the keys by which Ascend's profilers and precision tools find it: the originals' names and
/// types, in the same order, and the passes that made it.
enum Provenance {
  static let names = "_datadump_original_op_names"
  static let types = "_datadump_original_op_types"
  static let passes = "pass_name"
  static let keys: Set<String> = [names, types, passes]

  /// The lists by their keys; empty for a node of the file. What an earlier fusion made counts as what that replaced.
  static func lists(_ origin: Origin) -> [(key: String, list: [String])] {
    let own = origin.passes.filter { $0.hasSuffix("FusionPass") }
    // Views beside a fused node stand for nothing that was there.
    guard !own.isEmpty, !origin.sources.isEmpty else { return [] }
    let histories = origin.sources.map { source in
      source.history ?? FusionHistory(names: [source.name], types: [source.type], passes: [])
    }
    var originals: OrderedDictionary<String, String> = [:]
    for history in histories {
      for (name, type) in zip(history.names, history.types) where originals[name] == nil { originals[name] = type }
    }
    let made = OrderedSet(histories.flatMap(\.passes) + own)
    return [(names, Array(originals.keys)), (types, Array(originals.values)), (passes, Array(made))]
  }

  /// The same with each list as JSON, for formats that have texts there.
  static func texts(_ origin: Origin) -> [(key: String, text: String)] {
    lists(origin).map { ($0.key, "[\($0.list.map { JSONText.json($0) }.joined(separator: ","))]") }
  }

  /// What `list` gives for the keys, where it is what a fusion writes.
  static func history(_ list: (String) -> [String]?) -> FusionHistory? {
    guard let names = list(names), let types = list(types), !names.isEmpty, names.count == types.count else {
      return nil
    }
    return FusionHistory(names: names, types: types, passes: list(passes) ?? [])
  }

  /// The same of JSON texts.
  static func history(texts: [String: String]) -> FusionHistory? {
    texts.isEmpty
      ? nil : history { key in texts[key].flatMap { try? JSONDecoder().decode([String].self, from: Data($0.utf8)) } }
  }
}
