import Foundation
import Tensors

/// Any JSON value, integers told apart from other numbers.
enum JSONValue: Hashable, Sendable {
  case null
  case boolean(Bool)
  case integer(Int)
  case number(Double)
  case string(String)
  case list([JSONValue])
  case object([String: JSONValue])

  /// Reads JSON text; what is wrong with it is one line that says where.
  init(parsing bytes: [UInt8]) throws {
    guard String(validating: bytes, as: UTF8.self) != nil else {
      throw ModelError.invalid("malformed JSON: it is not UTF-8")
    }
    do {
      self.init(try JSONSerialization.jsonObject(with: Data(bytes), options: .fragmentsAllowed))
    } catch {
      let cause = (error as NSError).userInfo["NSDebugDescription"] as? String ?? "it can't be read"
      throw ModelError.invalid(Self.message(cause.firstLine, in: bytes))
    }
  }

  /// What `JSONSerialization` makes of a value.
  private init(_ object: Any) {
    switch object {
    // Numbers come last: to see that a dictionary is none, Foundation would convert it to one of its own.
    case let string as String: self = .string(string)
    case let fields as [String: Any]: self = .object(fields.mapValues { JSONValue($0) })
    case let list as [Any]: self = .list(list.map { JSONValue($0) })
    case let number as NSNumber: self.init(number)
    default: self = .null
    }
  }

  private init(_ number: NSNumber) {
    // The type code of a C character is that of a boolean; nothing else in JSON has it.
    switch String(cString: number.objCType) {
    case "c", "B": self = .boolean(number.boolValue)
    case "d", "f": self = .number(number.doubleValue)
    default: self = Int(exactly: number).map { .integer($0) } ?? .number(number.doubleValue)
    }
  }

  /// Turns Foundation's "… around character 7." into a line and a column.
  private static func message(_ cause: String, in bytes: [UInt8]) -> String {
    let words = cause.drop(while: { $0 == " " }).split(separator: " around character ")
    let text = words.first.map { $0.hasSuffix(".") ? String($0.dropLast()) : String($0) } ?? cause
    guard words.count == 2, let offset = Int(words[1].prefix { $0.isNumber }), offset <= bytes.count else {
      return "malformed JSON: \(text)"
    }
    let before = String(decoding: bytes[..<offset], as: UTF8.self)
    let line = before.utf8.count { $0 == UInt8(ascii: "\n") } + 1
    let column = before.unicodeScalars.reversed().prefix { $0 != "\n" }.count + 1
    return "malformed JSON at line \(line), column \(column): \(text)"
  }

  /// The value in a few words, for messages.
  var summary: String {
    switch self {
    case .null: "null"
    case .boolean(let flag): String(flag)
    case .integer(let integer): String(integer)
    case .number(let number): String(number)
    case .string(let string): "'\(string.firstLine.prefix(40))'"
    case .list(let values): "a list of \(values.count)"
    case .object: "an object"
    }
  }
}

extension String {
  fileprivate var firstLine: String { split(whereSeparator: \.isNewline).first.map(String.init) ?? "" }
}

/// A value in a JSON document, and where it is there.
struct JSONField {
  let value: JSONValue
  private let path: String

  init(_ value: JSONValue, path: String = "") {
    self.value = value
    self.path = path
  }

  /// The failure `message`, said to be about this value.
  func failure(_ message: String) -> ModelError { .invalid(path.isEmpty ? message : "\(path): \(message)") }

  private func failure(expected: String) -> ModelError {
    failure("\(expected) was expected, found \(value.summary)")
  }

  /// The value of `key`; nil where the key is absent or its value null.
  func optional(_ key: String) throws -> JSONField? {
    guard case .object(let fields) = value else { throw failure(expected: "an object") }
    guard let field = fields[key], field != .null else { return nil }
    return JSONField(field, path: path.isEmpty ? key : "\(path).\(key)")
  }

  /// The value of `key`, which must be there.
  func required(_ key: String) throws -> JSONField {
    guard let field = try optional(key) else {
      throw failure("'\(key)' is missing")
    }
    return field
  }

  func string() throws -> String {
    guard case .string(let string) = value else { throw failure(expected: "a string") }
    return string
  }

  func integer() throws -> Int {
    guard case .integer(let integer) = value else { throw failure(expected: "an integer") }
    return integer
  }

  func number() throws -> Double {
    switch value {
    case .integer(let integer): return Double(integer)
    case .number(let number): return number
    default: throw failure(expected: "a number")
    }
  }

  func list() throws -> [JSONField] {
    guard case .list(let values) = value else { throw failure(expected: "a list") }
    return values.enumerated().map { JSONField($1, path: "\(path)[\($0)]") }
  }

  /// Keys and values in the order of the keys.
  func object() throws -> [(key: String, field: JSONField)] {
    guard case .object(let fields) = value else { throw failure(expected: "an object") }
    return fields.sorted { $0.key < $1.key }.map { ($0, JSONField($1, path: "\(path.isEmpty ? "" : "\(path).")\($0)")) }
  }
}
