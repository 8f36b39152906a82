import Foundation
import Tensors

/// How often each pass matched and took effect, in the form of the `fusion_result.json` of Ascend's graph engine.
///
/// Its object has one entry a graph, `session_and_graph_id_<session>_<graph>`, with the passes that matched something; counts
/// are texts.
public struct FusionStatistics: Sendable {
  private var graphs: [String: Entry] = [:]

  public init() {}

  /// Reads what an earlier run has written.
  public init(parsing data: Data) throws {
    do {
      graphs = try JSONDecoder().decode([String: Entry].self, from: data)
    } catch {
      throw ModelError.invalid("an object of objects with texts in them was expected, as earlier fusions write it")
    }
  }

  /// Adds an entry for another graph, under the first number of session 0 that is free.
  ///
  /// Its counts are those of `log`: `match_times` are the places matched, `effect_times` those fused. Passes that matched
  /// nothing are left out.
  public mutating func add(_ log: FusionLog) {
    var passes: [String: Entry] = [:]
    for pass in log.passes where pass.matched > 0 {
      passes[pass.name] = .object([
        "match_times": .text(String(pass.matched)), "effect_times": .text(String(pass.fused)),
      ])
    }
    // One more number than there are entries: one of them is free.
    for number in 0...graphs.count {
      let key = "session_and_graph_id_0_\(number)"
      guard graphs[key] == nil else { continue }
      graphs[key] = .object(passes.isEmpty ? [:] : ["graph_fusion": .object(passes)])
      return
    }
  }

  /// The object as JSON with sorted keys and an indent of four spaces, ending in a line break.
  public func json() throws -> Data { Data((try Entry.object(graphs).json(indent: "") + "\n").utf8) }
}

/// What `fusion_result.json` consists of.
private indirect enum Entry: Decodable, Sendable {
  case object([String: Entry])
  case text(String)

  init(from decoder: any Decoder) throws {
    let container = try decoder.singleValueContainer()
    if let text = try? container.decode(String.self) {
      self = .text(text)
    } else {
      self = .object(try container.decode([String: Entry].self))
    }
  }

  /// JSON as other programs print it; `JSONEncoder` can't be told its indent.
  func json(indent: String) throws -> String {
    switch self {
    case .text(let text): return try Self.quoted(text)
    case .object(let fields) where fields.isEmpty: return "{}"
    case .object(let fields):
      let inner = indent + "    "
      let lines = try fields.sorted { $0.key < $1.key }.map { key, value in
        "\(inner)\(try Self.quoted(key)): \(try value.json(indent: inner))"
      }
      return "{\n\(lines.joined(separator: ",\n"))\n\(indent)}"
    }
  }

  private static func quoted(_ text: String) throws -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = .withoutEscapingSlashes
    return String(decoding: try encoder.encode(text), as: UTF8.self)
  }
}
