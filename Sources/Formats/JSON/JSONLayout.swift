import Tensors

/// Where the lists of a JSON document's top object are in its text, so that elements can be taken out and put in without
/// touching what surrounds them.
struct JSONLayout {
  struct List {
    /// What is between the brackets.
    var contents: Range<Int>
    /// Each element without the white space and commas around it.
    var elements: [Range<Int>]
  }

  private(set) var lists: [String: List] = [:]

  /// - Parameter bytes: a valid JSON document. Throws where a key of its top object is there twice.
  init(of bytes: [UInt8]) throws {
    var keys: Set<String> = []
    var key: String?
    var depth = 0
    var list: List?
    var element: Range<Int>?
    var index = 0
    while index < bytes.count {
      let start = index
      let byte = bytes[index]
      index += 1
      if byte == UInt8(ascii: "\"") { index = Self.endOfString(bytes, from: index) }
      let isSpace = byte == 0x20 || byte == 0x09 || byte == 0x0A || byte == 0x0D
      switch byte {
      case UInt8(ascii: "\"") where depth == 1 && key == nil:
        guard case .string(let name) = try JSONValue(parsing: Array(bytes[start..<index])) else { break }
        guard keys.insert(name).inserted else {
          throw ModelError.invalid("the key '\(name.prefix(80))' is there twice")
        }
        key = name
      case UInt8(ascii: "["), UInt8(ascii: "{"):
        depth += 1
        if depth == 2 && byte == UInt8(ascii: "[") {
          list = List(contents: index..<index, elements: [])
          continue
        }
      case UInt8(ascii: "]"), UInt8(ascii: "}"):
        depth -= 1
        if depth == 1, var finished = list, let name = key {
          if let element { finished.elements.append(element) }
          finished.contents = finished.contents.lowerBound..<start
          lists[name] = finished
          (list, element) = (nil, nil)
        }
      case UInt8(ascii: ",") where depth == 1: key = nil
      case UInt8(ascii: ",") where depth == 2 && list != nil:
        if let element { list?.elements.append(element) }
        element = nil
        continue
      default: break
      }
      if list != nil && !isSpace { element = (element?.lowerBound ?? start)..<index }
    }
  }

  private static func endOfString(_ bytes: [UInt8], from start: Int) -> Int {
    var index = start
    while index < bytes.count, bytes[index] != UInt8(ascii: "\"") {
      index += bytes[index] == UInt8(ascii: "\\") ? 2 : 1
    }
    return min(index + 1, bytes.count)
  }

  /// An element of a list to be written: one that is there already, or new text.
  enum Item {
    case kept(Int)
    case new(String)
  }

  /// The contents of `list` with other elements: new ones are set apart like those that were there.
  static func contents(of list: List, in bytes: [UInt8], items: [Item]) -> [UInt8] {
    /// The white space before an element.
    func space(before index: Int) -> [UInt8] {
      let from = index == 0 ? list.contents.lowerBound : list.elements[index - 1].upperBound
      return Array(bytes[from..<list.elements[index].lowerBound].filter { $0 != UInt8(ascii: ",") })
    }
    let last = list.elements.last?.upperBound ?? list.contents.lowerBound
    let usual = list.elements.isEmpty ? Array("\n    ".utf8) : space(before: 0)
    let end = list.elements.isEmpty ? Array("\n  ".utf8) : Array(bytes[last..<list.contents.upperBound])
    var result: [UInt8] = []
    for (place, item) in items.enumerated() {
      if place > 0 { result.append(UInt8(ascii: ",")) }
      switch item {
      case .kept(let index): result += space(before: index) + bytes[list.elements[index]]
      case .new(let text): result += usual + Array(text.utf8)
      }
    }
    return result + end
  }
}
