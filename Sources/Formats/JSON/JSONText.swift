import Foundation
import GraphIR
import Tensors

/// JSON text of the kinds of values that a graph has, each on one line.
enum JSONText {
  static func object(_ fields: [(String, String)]) -> String {
    "{\(fields.map { "\(json($0.0)): \($0.1)" }.joined(separator: ", "))}"
  }

  static func json(_ text: String) -> String {
    // Names hardly ever hold what must be escaped.
    if text.utf8.allSatisfy({ (0x20..<0x7F).contains($0) && $0 != UInt8(ascii: "\"") && $0 != UInt8(ascii: "\\") }) {
      return "\"\(text)\""
    }
    let encoder = JSONEncoder()
    encoder.outputFormatting = .withoutEscapingSlashes
    return (try? encoder.encode(text)).map { String(decoding: $0, as: UTF8.self) } ?? "\"\""
  }

  static func json(_ texts: [String]) -> String { "[\(texts.map { json($0) }.joined(separator: ", "))]" }

  static func type(_ type: TensorType) -> String {
    let shape = type.shape.dimensions.map { dimensions in
      "[\(dimensions.map { $0.constant.map(String.init) ?? json($0.description) }.joined(separator: ", "))]"
    }
    return object([("type", json(type.element.rawValue))] + (shape.map { [("shape", $0)] } ?? []))
  }

  /// A number as JSON has it, or as text where JSON has none.
  static func number(_ word: String) -> String { word.contains("inf") || word.contains("nan") ? json(word) : word }

  static func json(_ value: AttributeValue) throws -> String {
    switch value {
    case .integer(let integer): String(integer)
    case .float(let float): number(float.description)
    case .boolean(let flag): String(flag)
    case .string(let text), .text(let text): json(text)
    case .integers(let integers): "[\(integers.map { String($0) }.joined(separator: ", "))]"
    case .floats(let floats): "[\(floats.map { number($0.description) }.joined(separator: ", "))]"
    case .strings(let strings): json(strings)
    case .element(let element): json(element.rawValue)
    case .tensor(let tensor):
      object([
        ("type", json(tensor.element.rawValue)),
        ("shape", "[\(tensor.shape.map { String($0) }.joined(separator: ", "))]"),
        ("data", "[\(try tensor.words().map { number($0) }.joined(separator: ", "))]"),
      ])
    case .graph(let graph): json(graph.text(.complete))
    }
  }
}
