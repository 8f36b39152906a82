import Foundation

/// Figures as JSON on standard output, keys in alphabetical order.
enum JSONOutput {
  static func print(_ value: some Encodable) throws { try write(encode(value)) }

  static func encode(_ value: some Encodable) throws -> Data {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    encoder.keyEncodingStrategy = .convertToSnakeCase
    encoder.nonConformingFloatEncodingStrategy = .convertToString(
      positiveInfinity: "inf", negativeInfinity: "-inf", nan: "nan")
    return try encoder.encode(value) + Data("\n".utf8)
  }

  static func write(_ data: Data) throws { try StandardStreams.write(data) }
}
