extension Dimension: CustomStringConvertible {
  /// The polynomial as it is written in the text form: `2*batch*seq + 1`.
  public var description: String {
    if let constant { return String(constant) }
    let ordered = terms.sorted { ($1.key.count, $0.key.text) < ($0.key.count, $1.key.text) }
    var text = ""
    for (monomial, coefficient) in ordered {
      let magnitude = coefficient.magnitude
      let sign = coefficient < 0 ? (text.isEmpty ? "-" : " - ") : (text.isEmpty ? "" : " + ")
      let factors = monomial.isEmpty ? String(magnitude) : (magnitude == 1 ? "" : "\(magnitude)*") + monomial.text
      text += sign + factors
    }
    return text
  }

  /// Reads what `description` writes; nil where `text` is no such expression.
  public init?(parsing text: String) {
    var parser = DimensionParser(text)
    guard let dimension = parser.parse() else { return nil }
    self = dimension
  }
}

extension Dimension.Atom: CustomStringConvertible {
  public var description: String {
    switch self {
    case .symbol(let name): DimensionParser.isIdentifier(name) ? name : "`\(name)`"
    case .function(let function, let arguments):
      "\(function.rawValue)(\(arguments.map(\.description).joined(separator: ", ")))"
    }
  }
}

extension [Dimension.Atom] {
  fileprivate var text: String { map(\.description).joined(separator: "*") }
}

/// A recursive-descent parser of sums, products and function calls.
private struct DimensionParser {
  private var rest: Substring
  private var depth = 0

  init(_ text: String) { rest = Substring(text) }

  static func isIdentifier(_ name: String) -> Bool {
    guard let first = name.first, first.isLetter || first == "_" || first == "?" else { return false }
    return name.allSatisfy { $0.isLetter || $0.isNumber || "_.?".contains($0) }
      && Dimension.Function(rawValue: name) == nil
  }

  mutating func parse() -> Dimension? {
    guard let result = sum() else { return nil }
    skipSpaces()
    return rest.isEmpty ? result : nil
  }

  private mutating func sum() -> Dimension? {
    // Deep nesting comes from hostile files only.
    depth += 1
    defer { depth -= 1 }
    guard depth < 32 else { return nil }
    let negative = take("-")
    guard var result = product() else { return nil }
    if negative { result = result * -1 }
    while true {
      if take("+") {
        guard let next = product() else { return nil }
        result = result + next
      } else if take("-") {
        guard let next = product() else { return nil }
        result = result - next
      } else {
        return result
      }
    }
  }

  private mutating func product() -> Dimension? {
    guard var result = factor() else { return nil }
    while take("*") {
      guard let next = factor() else { return nil }
      result = result * next
    }
    return result
  }

  private mutating func factor() -> Dimension? {
    skipSpaces()
    if take("(") {
      guard let inner = sum(), take(")") else { return nil }
      return inner
    }
    if take("`") {
      guard let end = rest.firstIndex(of: "`") else { return nil }
      defer { rest = rest[rest.index(after: end)...] }
      return Dimension(symbol: String(rest[..<end]))
    }
    let word = rest.prefix { $0.isLetter || $0.isNumber || "_.?".contains($0) }
    guard let first = word.first else { return nil }
    rest = rest[word.endIndex...]
    if first.isNumber { return Int(word).map { Dimension($0) } }
    guard let function = Dimension.Function(rawValue: String(word)) else { return Dimension(symbol: String(word)) }
    guard take("(") else { return nil }
    var arguments: [Dimension] = []
    repeat {
      guard let argument = sum() else { return nil }
      arguments.append(argument)
    } while take(",")
    guard take(")"), arguments.count == 2 else { return nil }
    return Dimension.apply(function, arguments)
  }

  private mutating func skipSpaces() { rest = rest.drop { $0 == " " } }

  private mutating func take(_ character: Character) -> Bool {
    skipSpaces()
    guard rest.first == character else { return false }
    rest = rest.dropFirst()
    return true
  }
}
