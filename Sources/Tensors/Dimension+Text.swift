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
    case .symbol(let name): DimensionParser.isIdentifier(name) ? name : DimensionParser.quote(name)
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
  private var rest: Substring.UnicodeScalarView
  private var depth = 0

  init(_ text: String) { rest = Substring(text).unicodeScalars }

  static func isIdentifier(_ name: String) -> Bool {
    guard let first = name.unicodeScalars.first, first.properties.isAlphabetic || first == "_" || first == "?" else {
      return false
    }
    return name.unicodeScalars.allSatisfy(isInWord) && Dimension.Function(rawValue: name) == nil
  }

  private static func isInWord(_ scalar: Unicode.Scalar) -> Bool {
    scalar.properties.isAlphabetic || ("0"..."9").contains(scalar) || scalar == "_" || scalar == "." || scalar == "?"
  }

  /// `name` in backquotes; those in it, backslashes and control characters are escaped.
  static func quote(_ name: String) -> String {
    var quoted = "`"
    for scalar in name.unicodeScalars {
      switch scalar {
      case "`", "\\": quoted += "\\\(scalar)"
      case "\0"..<" ": quoted += "\\\(String(scalar.value, radix: 16))."
      default: quoted.unicodeScalars.append(scalar)
      }
    }
    return quoted + "`"
  }

  /// What `quote` made, its first backquote already taken.
  private mutating func quotedName() -> String? {
    var name = String.UnicodeScalarView()
    while let scalar = rest.popFirst() {
      if scalar == "`" { return String(name) }
      guard scalar == "\\" else {
        name.append(scalar)
        continue
      }
      guard let next = rest.first else { return nil }
      if next == "`" || next == "\\" {
        name.append(next)
        rest.removeFirst()
      } else {
        let digits = rest.prefix { $0 != "." }
        guard let code = UInt32(String(digits), radix: 16), let control = Unicode.Scalar(code) else { return nil }
        name.append(control)
        rest = rest.dropFirst(digits.count + 1)
      }
    }
    return nil
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
    if take("`") { return quotedName().map { Dimension(symbol: $0) } }
    let word = String(rest.prefix(while: Self.isInWord))
    guard let first = word.unicodeScalars.first else { return nil }
    rest = rest.dropFirst(word.unicodeScalars.count)
    if ("0"..."9").contains(first) { return Int(word).map { Dimension($0) } }
    guard let function = Dimension.Function(rawValue: word) else { return Dimension(symbol: word) }
    guard take("(") else { return nil }
    var arguments: [Dimension] = []
    repeat {
      guard let argument = sum() else { return nil }
      arguments.append(argument)
    } while take(",")
    let count = function == .maximum || function == .minimum ? 2...max(2, arguments.count) : 2...2
    guard take(")"), count.contains(arguments.count) else { return nil }
    return Dimension.apply(function, arguments)
  }

  private mutating func skipSpaces() { rest = rest.drop { $0 == " " } }

  private mutating func take(_ character: Unicode.Scalar) -> Bool {
    skipSpaces()
    guard rest.first == character else { return false }
    rest = rest.dropFirst()
    return true
  }
}
