import Tensors

/// Reads the text form character by character; every failure says where it is and what was expected there.
struct TextScanner {
  private let bytes: [UInt8]
  private(set) var position = 0

  init(_ text: String) { bytes = Array(text.utf8) }

  /// The failure that at `position` something else than `expected` stands.
  func failure(expected: String, at position: Int? = nil) -> ModelError {
    let start = position ?? self.position
    let end = bytes[start...].prefix(24).firstIndex { $0 == UInt8(ascii: "\n") } ?? min(start + 24, bytes.count)
    let found = start >= bytes.count ? "the end" : "'\(text(start..<end))'"
    return failure("expected \(expected), found \(found)", at: start)
  }

  /// The failure `message`, located at `position`.
  func failure(_ message: String, at position: Int) -> ModelError {
    let before = bytes[..<min(position, bytes.count)]
    let line = before.count { $0 == UInt8(ascii: "\n") } + 1
    let lineStart = before.lastIndex(of: UInt8(ascii: "\n")).map { $0 + 1 } ?? 0
    let column = text(lineStart..<before.endIndex).count + 1
    return .invalid("line \(line), column \(column): \(message)")
  }

  private func text(_ range: Range<Int>) -> String { String(decoding: bytes[range], as: UTF8.self) }

  private var next: UInt8? { position < bytes.count ? bytes[position] : nil }

  /// Skips spaces, line ends and `// comments`, and returns where the next thing starts.
  @discardableResult
  mutating func skipSpaces() -> Int {
    while let byte = next {
      if byte == UInt8(ascii: "/"), position + 1 < bytes.count, bytes[position + 1] == byte {
        while let byte = next, byte != UInt8(ascii: "\n") { position += 1 }
      } else if byte == UInt8(ascii: " ") || (9...13).contains(byte) {
        position += 1
      } else {
        break
      }
    }
    return position
  }

  /// Whether nothing but spaces and comments is left.
  mutating func isAtEnd() -> Bool { skipSpaces() == bytes.count }

  /// Whether `symbol` comes next; if so, it is taken.
  mutating func take(_ symbol: String) -> Bool {
    skipSpaces()
    guard bytes[position...].starts(with: symbol.utf8) else { return false }
    position += symbol.utf8.count
    return true
  }

  /// Whether `symbol` comes next.
  mutating func peek(_ symbol: String) -> Bool {
    skipSpaces()
    return bytes[position...].starts(with: symbol.utf8)
  }

  mutating func expect(_ symbol: String) throws {
    guard take(symbol) else { throw failure(expected: "'\(symbol)'") }
  }

  /// The letters, digits, underscores and other `punctuation` that come next; empty where something else does.
  mutating func word(_ punctuation: String = "_", skippingSpaces: Bool = true) -> String {
    if skippingSpaces { skipSpaces() }
    let start = position
    while let byte = next, Self.isAlphanumeric(byte) || punctuation.utf8.contains(byte) { position += 1 }
    return text(start..<position)
  }

  private static func isAlphanumeric(_ byte: UInt8) -> Bool {
    (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte | 0x20)
      || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
  }

  /// A number or a word that stands for one.
  mutating func number() -> String { word("_.+-") }

  /// The contents of the string that comes next.
  mutating func string() throws -> String {
    let start = skipSpaces()
    guard take("\"") else { throw failure(expected: "a string in double quotes") }
    var contents: [UInt8] = []
    while let byte = next {
      position += 1
      switch byte {
      case UInt8(ascii: "\""): return String(decoding: contents, as: UTF8.self)
      case UInt8(ascii: "\\"): contents += try escape()
      default: contents.append(byte)
      }
    }
    throw failure("this string has no end", at: start)
  }

  private mutating func escape() throws -> [UInt8] {
    let start = position - 1
    let character = next
    position += 1
    switch character {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"): return character.map { [$0] } ?? []
    case UInt8(ascii: "n"): return [10]
    case UInt8(ascii: "t"): return [9]
    case UInt8(ascii: "u"):
      guard next == UInt8(ascii: "{") else { break }
      position += 1
      guard let code = UInt32(word(skippingSpaces: false), radix: 16), let scalar = Unicode.Scalar(code),
        next == UInt8(ascii: "}")
      else { break }
      position += 1
      return Array(String(Character(scalar)).utf8)
    default: break
    }
    throw failure("this is no escape; those known are \\\" \\\\ \\n \\t \\u{…}", at: start)
  }

  /// What stands before the next comma or closing bracket that is not inside parentheses or backquotes: a dimension.
  mutating func dimensionText() -> String {
    let start = skipSpaces()
    var depth = 0
    var isQuoted = false
    while let byte = next, byte != UInt8(ascii: "\n") {
      switch byte {
      case UInt8(ascii: "\\") where isQuoted && position + 1 < bytes.count: position += 1
      case UInt8(ascii: "`"): isQuoted.toggle()
      case _ where isQuoted: break
      case UInt8(ascii: "("): depth += 1
      case UInt8(ascii: ")"): depth -= 1
      case UInt8(ascii: ",") where depth <= 0, UInt8(ascii: "]"): return text(start..<position)
      default: break
      }
      position += 1
    }
    return text(start..<position)
  }
}
