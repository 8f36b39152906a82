import Tensors

import struct Foundation.Data
import class Foundation.JSONEncoder

/// The version of flashfuse, as logs and `--version` give it.
public enum FlashFuseVersion {
  public static let current = "0.1.0"
}

extension FusionLog {
  /// The decision log as JSON with keys in alphabetical order, ending in a line break: equal logs give equal bytes.
  ///
  /// - Parameters:
  ///   - model: the name of the model's file
  ///   - format: the name of its format, as `Document.format` gives it
  public func json(model: String, format: String) throws -> Data {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    encoder.nonConformingFloatEncodingStrategy = .convertToString(
      positiveInfinity: "inf", negativeInfinity: "-inf", nan: "nan")
    let log = EncodedLog(
      flashfuse: FlashFuseVersion.current, model: model, format: format, passes: passes, decisions: decisions,
      switchedOff: switchedOff.isEmpty ? nil : switchedOff)
    return try encoder.encode(log) + Data("\n".utf8)
  }
}

private struct EncodedLog: Encodable {
  let flashfuse: String
  let model: String
  let format: String
  let passes: [FusionLog.PassSummary]
  let decisions: [FusionDecision]
  let switchedOff: [String]?

  private enum CodingKeys: String, CodingKey {
    case flashfuse, model, format, passes, decisions
    case switchedOff = "switched_off"
  }
}

extension FusionLog.PassSummary: Encodable {
  private enum CodingKeys: String, CodingKey {
    case name, matched, fused
  }

  public func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: CodingKeys.self)
    try container.encode(name, forKey: .name)
    try container.encode(matched, forKey: .matched)
    try container.encode(fused, forKey: .fused)
  }
}

extension FusionDecision: Encodable {
  private enum CodingKeys: String, CodingKey {
    case pass, verdict, anchor, nodes, result, reason, attention, cost, assumptions, remark
  }

  public func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: CodingKeys.self)
    try container.encode(pass, forKey: .pass)
    try container.encode(verdict.rawValue, forKey: .verdict)
    try container.encode(anchor, forKey: .anchor)
    try container.encode(nodes, forKey: .nodes)
    try container.encodeIfPresent(result, forKey: .result)
    try container.encodeIfPresent(reason, forKey: .reason)
    try container.encodeIfPresent(attention, forKey: .attention)
    try container.encodeIfPresent(cost, forKey: .cost)
    if !assumptions.isEmpty { try container.encode(assumptions, forKey: .assumptions) }
    try container.encodeIfPresent(remark, forKey: .remark)
  }
}

extension Reason: Encodable {
  private enum CodingKeys: String, CodingKey {
    case code, message, node, hint, nearest
  }

  public func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: CodingKeys.self)
    try container.encode(code, forKey: .code)
    try container.encode(message, forKey: .message)
    try container.encodeIfPresent(node, forKey: .node)
    try container.encodeIfPresent(hint, forKey: .hint)
    if !nearest.isEmpty { try container.encode(nearest, forKey: .nearest) }
  }
}

extension Reason.Step: Encodable {
  private enum CodingKeys: String, CodingKey {
    case kind, node
  }

  public func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: CodingKeys.self)
    try container.encode(kind, forKey: .kind)
    try container.encode(node, forKey: .node)
  }
}

extension AttentionSummary: Encodable {
  private enum CodingKeys: String, CodingKey {
    case query, key, value, heads, scale, causal, mask, softcap, window, sinks
    case keyHeads = "kv_heads"
  }

  public func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: CodingKeys.self)
    try container.encode(query.dimensions?.map(EncodedDimension.init), forKey: .query)
    try container.encode(key.dimensions?.map(EncodedDimension.init), forKey: .key)
    try container.encode(value.dimensions?.map(EncodedDimension.init), forKey: .value)
    try container.encode(EncodedDimension(heads), forKey: .heads)
    try container.encode(EncodedDimension(keyHeads), forKey: .keyHeads)
    try container.encode(scale, forKey: .scale)
    try container.encode(Self.causalNames[causal] ?? causal, forKey: .causal)
    try container.encode(mask, forKey: .mask)
    try container.encode(softcap, forKey: .softcap)
    try container.encode(window, forKey: .window)
    try container.encode(sinks, forKey: .sinks)
  }

  private static let causalNames = ["upperLeft": "upper-left", "lowerRight": "lower-right"]
}

/// A size as a number, or as the text of its expression.
private struct EncodedDimension: Encodable {
  let dimension: Dimension

  init(_ dimension: Dimension) { self.dimension = dimension }

  func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    if let size = dimension.constant {
      try container.encode(size)
    } else {
      try container.encode(dimension.description)
    }
  }
}

extension Cost: Encodable {
  private enum CodingKeys: String, CodingKey {
    case tile, example
    case bytesUnfused = "bytes_unfused"
    case bytesFused = "bytes_fused"
  }

  private enum TileKeys: String, CodingKey {
    case query, key
  }

  public func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: CodingKeys.self)
    try container.encode(bytesUnfused, forKey: .bytesUnfused)
    try container.encode(bytesFused, forKey: .bytesFused)
    var tile = container.nestedContainer(keyedBy: TileKeys.self, forKey: .tile)
    try tile.encode(queryTile, forKey: .query)
    try tile.encode(keyTile, forKey: .key)
    try container.encodeIfPresent(example, forKey: .example)
  }
}

extension Cost.Example: Encodable {
  private enum CodingKeys: String, CodingKey {
    case sizes
    case bytesUnfused = "bytes_unfused"
    case bytesFused = "bytes_fused"
  }

  public func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: CodingKeys.self)
    try container.encode(sizes, forKey: .sizes)
    try container.encode(bytesUnfused, forKey: .bytesUnfused)
    try container.encode(bytesFused, forKey: .bytesFused)
  }
}
