import Tensors

/// How an IR spells names, shapes and element types.
enum IRText {
  /// The names in a comma-separated list, in which `\,` is a comma that belongs to a name.
  static func names(_ list: String) -> [String] {
    guard list.utf8.contains(UInt8(ascii: ",")) else { return list.isEmpty ? [] : [list] }
    var names: [String] = []
    var current = ""
    for character in list {
      if character == ",", current.last != "\\" {
        names.append(current)
        current = ""
      } else {
        if character == "," { current.removeLast() }
        current.append(character)
      }
    }
    names.append(current)
    return names.filter { !$0.isEmpty }
  }

  /// What `names` reads.
  static func list(of names: [String]) -> String {
    names.map { $0.split(separator: ",", omittingEmptySubsequences: false).joined(separator: "\\,") }
      .joined(separator: ",")
  }

  /// A shape of numbers: `200, 32`; nothing for a scalar.
  static func sizes(_ text: String) throws -> [Int] {
    try parts(text).map { part in
      guard let size = Int(part), size >= 0 else {
        throw ModelError.invalid("the shape '\(text.prefix(60))' must be a list of sizes")
      }
      return size
    }
  }

  /// A Parameter's shape: numbers, `?` or `-1`, ranges such as `1..5`, or `...` for an unknown rank.
  ///
  /// A size that is no number becomes the symbol `symbol` gives for its axis.
  static func shape(_ text: String, symbol: (Int) -> Dimension) throws -> Shape {
    if text.filter({ !$0.isWhitespace }) == "..." { return .unranked }
    return Shape(
      try parts(text).enumerated().map { axis, part in
        if part == "?" || part == "-1" || isRange(part) { return symbol(axis) }
        guard let size = Int(part), size >= 0 else {
          throw ModelError.invalid("'\(part.prefix(40))' in the shape '\(text.prefix(60))' is no size")
        }
        return Dimension(size)
      })
  }

  private static func parts(_ text: String) -> [String] {
    let trimmed = text.filter { !$0.isWhitespace && $0 != "[" && $0 != "]" && $0 != "{" && $0 != "}" }
    return trimmed.isEmpty ? [] : trimmed.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
  }

  private static func isRange(_ text: String) -> Bool {
    let bounds = text.split(separator: ".", omittingEmptySubsequences: false)
    return bounds.count == 3 && bounds[1].isEmpty && [bounds[0], bounds[2]].allSatisfy { $0.isEmpty || Int($0) != nil }
  }

  /// The element type that an attribute calls `f32` or `boolean` and a port `FP32` or `BOOL`.
  ///
  /// `unknown` for types that OpenVINO has and flashfuse has not (strings, 3-bit numbers, …) and for a type that the file leaves
  /// open; an error for anything else.
  static func element(_ text: String) throws -> ElementType {
    let name = text.lowercased()
    if let known = ElementType(rawValue: name), known != .unknown { return known }
    switch name {
    case "boolean": return .bool
    case "fp64": return .float64
    case "fp32": return .float32
    case "fp16": return .float16
    case _ where foreignTypes.contains(name): return .unknown
    default: throw ModelError.invalid("there is no element type '\(text.prefix(40))'")
    }
  }

  private static let foreignTypes: Set<String> = [
    "undefined", "dynamic", "unspecified", "string", "u1", "u3", "u6", "bin",
  ]

  /// The name of an element type in attributes.
  static func name(of element: ElementType) -> String { element == .bool ? "boolean" : element.rawValue }

  /// The name of an element type at ports.
  static func precision(of element: ElementType) -> String {
    switch element {
    case .float64: "FP64"
    case .float32: "FP32"
    case .float16: "FP16"
    case .unknown: "dynamic"
    default: element.rawValue.uppercased()
    }
  }
}
