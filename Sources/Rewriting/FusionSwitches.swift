import Foundation
import Tensors

/// Which passes run and in which order, as a fusion switch file of Ascend's graph engine says it.
///
/// The file is JSON with the keys `Switch`, `Priority` and `ExceptionalPassOfO1Level`, or has one `PassName:on|off` a line.
/// Names of passes that don't exist here say nothing, and neither do `UBFusion` and `ExceptionalPassOfO1Level`: they are
/// about back ends and levels that flashfuse does not have. They must be well-formed all the same.
public struct FusionSwitches: Hashable, Sendable {
  private var states: [String: Bool] = [:]
  private var priorities: [String: Int] = [:]

  /// Every pass is on, none has a priority.
  public init() {}

  /// Reads the file at `path`; what is wrong with it is one line that names it.
  public init(contentsOfFile path: String) throws {
    let data: Data
    do {
      data = try Data(contentsOf: URL(fileURLWithPath: path))
    } catch {
      throw ModelError.notFound("\(path): the fusion switch file cannot be read")
    }
    self = try locating(path) { try FusionSwitches(parsing: data) }
  }

  /// Reads the contents of a switch file, in either form.
  public init(parsing data: Data) throws {
    guard let text = String(validating: data, as: UTF8.self) else {
      throw ModelError.invalid("a fusion switch file was expected; this is not UTF-8")
    }
    guard let first = text.first(where: { !$0.isWhitespace }) else {
      throw ModelError.invalid("the fusion switch file is empty")
    }
    let object: Any
    do {
      object = try JSONSerialization.jsonObject(with: data)
    } catch {
      guard first != "{" && first != "[" else {
        let cause = (error as NSError).userInfo["NSDebugDescription"] as? String ?? "it can't be read"
        throw ModelError.invalid("malformed JSON: \(cause)")
      }
      try readLines(text)
      return
    }
    if let key = Self.repeatedKey(in: data) { throw ModelError.invalid("'\(key)' is there twice") }
    try readObject(object)
  }

  /// Whether the pass of this name runs: its own switch counts, else that of `ALL`, else it does.
  public func isOn(_ pass: String) -> Bool { states[pass] ?? states["ALL"] ?? true }

  /// Where the pass runs: passes of the sections `Top` and `Main` come first, those of `Down` last, and in each section
  /// lower numbers first.
  func rank(of pass: String) -> (section: Int, priority: Int) {
    guard let priority = priorities[pass] else { return (1, 0) }
    return (priority < Self.firstOfDown ? 0 : 2, priority)
  }

  private static let firstOfDown = 2000
  private static let sections = ["Top": 0...999, "Main": 1000...1999, "Down": firstOfDown...2999]

  private mutating func readLines(_ text: String) throws {
    for (index, line) in text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline).enumerated() {
      let line = line.trimmingCharacters(in: .whitespaces)
      if line.isEmpty { continue }
      try locating("line \(index + 1)") {
        guard let colon = line.firstIndex(of: ":") else {
          throw ModelError.invalid("PassName:on or PassName:off was expected, found '\(line.prefix(80))'")
        }
        let name = line[..<colon].trimmingCharacters(in: .whitespaces)
        let value = line[line.index(after: colon)...].trimmingCharacters(in: .whitespaces)
        try require(!name.isEmpty, "the name of a pass was expected before ':'")
        let isRepeated = states.updateValue(try Self.state(value), forKey: name) != nil
        try require(!isRepeated, "'\(name)' is there twice")
      }
    }
  }

  private mutating func readObject(_ object: Any) throws {
    let allowed: Set = ["Switch", "Priority", "ExceptionalPassOfO1Level"]
    let top = Dictionary(uniqueKeysWithValues: try Self.fields(object, allowed: allowed))
    if let switches = top["Switch"] {
      try locating("Switch") {
        for (kind, passes) in try Self.fields(switches, allowed: ["GraphFusion", "UBFusion"]) {
          let read = try locating(kind) {
            try Self.fields(passes).map { name, value in (name, try locating(name) { try Self.state(value) }) }
          }
          if kind == "GraphFusion" { states = Dictionary(uniqueKeysWithValues: read) }
        }
      }
    }
    if let priorities = top["Priority"] {
      try locating("Priority") {
        for (kind, sections) in try Self.fields(priorities, allowed: ["GraphFusion", "UBFusion"]) {
          let read = try locating(kind) { try Self.priorities(sections) }
          if kind == "GraphFusion" { self.priorities = read }
        }
      }
    }
    if let names = top["ExceptionalPassOfO1Level"], !(names is [String]) {
      throw ModelError.invalid("ExceptionalPassOfO1Level: a list of names was expected")
    }
  }

  private static func state(_ value: Any) throws -> Bool {
    switch value as? String {
    case "on": return true
    case "off": return false
    case let other?: throw ModelError.invalid("'on' or 'off' was expected, found '\(other.prefix(80))'")
    case nil: throw ModelError.invalid("the text 'on' or 'off' was expected, found something else")
    }
  }

  private static func priorities(_ object: Any) throws -> [String: Int] {
    var result: [String: Int] = [:]
    for (section, passes) in try fields(object, allowed: Set(sections.keys)) {
      let range = sections[section, default: 0...0]
      var taken: [Int: String] = [:]
      for (name, value) in try locating(section, { try fields(passes) }) {
        try locating("\(section): \(name)") {
          guard let text = value as? String, text.utf8.allSatisfy({ (0x30...0x39).contains($0) }),
            let priority = Int(text), range.contains(priority)
          else {
            let found = (value as? String).map { "'\($0.prefix(80))'" } ?? "no text"
            throw ModelError.invalid(
              "a number from \(range.lowerBound) to \(range.upperBound) as text was expected, found \(found)")
          }
          if let other = taken.updateValue(name, forKey: priority) {
            throw ModelError.invalid("the priority \(priority) is that of '\(other)' too")
          }
          try require(
            result.updateValue(priority, forKey: name) == nil, "the pass has a priority in another section too")
        }
      }
    }
    return result
  }

  /// The fields of an object in the order of their names, so that of several errors always the same is told.
  private static func fields(_ object: Any, allowed: Set<String>? = nil) throws -> [(key: String, value: Any)] {
    guard let fields = object as? [String: Any] else { throw ModelError.invalid("an object {…} was expected") }
    if let allowed, let other = fields.keys.filter({ !allowed.contains($0) }).min() {
      let names = allowed.sorted().map { "'\($0)'" }.joined(separator: ", ")
      throw ModelError.invalid("the key '\(other.prefix(80))' is unknown; only \(names) may be here")
    }
    return fields.sorted { $0.key < $1.key }
  }

  /// A key that an object of valid JSON text has twice; Foundation keeps one of them and does not tell.
  private static func repeatedKey(in data: Data) -> String? {
    let bytes = [UInt8](data)
    var objects: [Set<String>] = []
    var text: Range<Int>?
    var index = 0
    while index < bytes.count {
      switch bytes[index] {
      case UInt8(ascii: "{"), UInt8(ascii: "["): objects.append([])
      case UInt8(ascii: "}"), UInt8(ascii: "]"): _ = objects.popLast()
      case UInt8(ascii: "\""):
        let start = index + 1
        index = start
        while index < bytes.count, bytes[index] != UInt8(ascii: "\"") {
          index += bytes[index] == UInt8(ascii: "\\") ? 2 : 1
        }
        text = start..<min(index, bytes.count)
      case UInt8(ascii: ":"):
        // What comes before a colon outside of texts is a key.
        guard let range = text, let object = objects.indices.last else { break }
        let key = String(decoding: bytes[range], as: UTF8.self)
        if !objects[object].insert(key).inserted { return key }
      default: break
      }
      index += 1
    }
    return nil
  }
}
