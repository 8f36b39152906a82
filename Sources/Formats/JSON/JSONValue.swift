import Foundation
import Tensors

/// Any JSON value, integers told apart from other numbers.
enum JSONValue: Decodable, Hashable, Sendable {
  case null
  case boolean(Bool)
  case integer(Int)
  case number(Double)
  case string(String)
  case list([JSONValue])
  case object([String: JSONValue])

  init(from decoder: any Decoder) throws {
    let container = try decoder.singleValueContainer()
    if let integer = try? container.decode(Int.self) {
      self = .integer(integer)
    } else if let number = try? container.decode(Double.self) {
      self = .number(number)
    } else if let string = try? container.decode(String.self) {
      self = .string(string)
    } else if let flag = try? container.decode(Bool.self) {
      self = .boolean(flag)
    } else if container.decodeNil() {
      self = .null
    } else if var list = try? decoder.unkeyedContainer() {
      var values: [JSONValue] = []
      while !list.isAtEnd { values.append(try list.decode(JSONValue.self)) }
      self = .list(values)
    } else {
      self = .object(try container.decode([String: JSONValue].self))
    }
  }

  /// The value in a few words, for messages.
  var summary: String {
    switch self {
    case .null: "null"
    case .boolean(let flag): String(flag)
    case .integer(let integer): String(integer)
    case .number(let number): String(number)
    case .string(let string): "'\(string.prefix(40))'"
    case .list(let values): "a list of \(values.count)"
    case .object: "an object"
    }
  }
}

extension Decodable {
  /// Reads `self` from JSON text; what is wrong with it is one line that says where in the document.
  init(json bytes: some Sequence<UInt8>) throws {
    do {
      self = try JSONDecoder().decode(Self.self, from: Data(bytes))
    } catch let error as DecodingError {
      throw ModelError.invalid(error.line)
    }
  }
}

extension DecodingError {
  fileprivate var line: String {
    switch self {
    case .keyNotFound(let key, let context):
      return Self.place(context) + "'\(key.stringValue)' is missing"
    case .typeMismatch(let type, let context):
      return Self.place(context) + "expected \(Self.words(for: type)), found something else"
    case .valueNotFound(let type, let context):
      return Self.place(context) + "expected \(Self.words(for: type)), found null"
    case .dataCorrupted(let context):
      guard let error = context.underlyingError as NSError? else {
        return Self.place(context) + Self.firstLine(context.debugDescription)
      }
      let cause = error.userInfo["NSDebugDescription"] as? String
      return Self.place(context) + "malformed JSON: \(Self.firstLine(cause ?? context.debugDescription))"
    @unknown default:
      return "malformed JSON"
    }
  }

  private static func firstLine(_ text: String) -> String {
    text.split(whereSeparator: \.isNewline).first.map(String.init) ?? text
  }

  private static func place(_ context: Context) -> String {
    var path = ""
    for key in context.codingPath {
      if let index = key.intValue {
        path += "[\(index)]"
      } else {
        path += path.isEmpty ? key.stringValue : ".\(key.stringValue)"
      }
    }
    return path.isEmpty ? "" : "\(firstLine(String(path.prefix(200)))): "
  }

  private static func words(for type: Any.Type) -> String {
    switch type {
    case is String.Type: "a string"
    case is Int.Type, is UInt64.Type: "an integer"
    case is Double.Type: "a number"
    case is Bool.Type: "true or false"
    default: String(describing: type).hasPrefix("Dictionary") ? "an object" : "a list"
    }
  }
}
