/// What a `.npy` file says of its array before the elements (NumPy enhancement proposal 1).
struct NumPyHeader: Equatable {
  enum Element: Equatable {
    case known(ElementType)
    /// `V2` and the like: only the width is known, as for types that NumPy does not have.
    case raw(byteCount: Int)

    var byteCount: Int {
      switch self {
      case .known(let element): element.byteCount
      case .raw(let byteCount): byteCount
      }
    }
  }

  var element: Element
  var isBigEndian = false
  var isFortranOrder = false
  var shape: [Int]

  /// NumPy itself makes no more axes; a header that names more is hostile.
  static let rankLimit = 64
  /// Headers are a line of text; 64 KiB are what version 1 can hold.
  static let lengthLimit = 1 << 16

  private static let magic: [UInt8] = [0x93] + Array("NUMPY".utf8)

  /// The number of bytes from the start of the file that say how long the header is.
  static let prefixLength = 12

  /// The offset of the elements, given the first `prefixLength` bytes (fewer where the file is shorter).
  static func dataOffset(prefix: [UInt8]) throws -> Int {
    try require(prefix.count >= 10 && Array(prefix.prefix(6)) == magic, "this is no npy file")
    let start: Int
    let length: Int
    switch prefix[6] {
    case 1:
      start = 10
      length = Int(prefix[8]) | Int(prefix[9]) << 8
    case 2, 3:
      try require(prefix.count >= 12, "the npy header is cut off")
      start = 12
      length = (0..<4).reduce(0) { $0 | Int(prefix[8 + $1]) << (8 * $1) }
    default:
      throw ModelError.unsupported("npy version \(prefix[6]) is not known")
    }
    try require(length <= lengthLimit, "an npy header of \(length) bytes is longer than any real one")
    return start + length
  }

  /// Reads the header from the file's bytes before its elements.
  init(_ bytes: [UInt8]) throws {
    let offset = try Self.dataOffset(prefix: Array(bytes.prefix(Self.prefixLength)))
    try require(bytes.count >= offset, "the npy header is cut off")
    let start = bytes[6] == 1 ? 10 : 12
    var parser = HeaderParser(String(decoding: bytes[start..<offset], as: UTF8.self))
    let fields = try parser.dictionary()
    guard case .string(let descriptor)? = fields["descr"] else {
      throw ModelError.unsupported("an npy array of records, or one without a 'descr'")
    }
    guard case .boolean(let isFortranOrder)? = fields["fortran_order"], case .tuple(let shape)? = fields["shape"] else {
      throw ModelError.invalid("the npy header lacks 'fortran_order' or 'shape'")
    }
    try require(shape.count <= Self.rankLimit, "the npy array has \(shape.count) axes")
    self.shape = shape
    self.isFortranOrder = isFortranOrder
    element = try Self.element(descriptor)
    isBigEndian = descriptor.hasPrefix(">") && element.byteCount > 1
  }

  init(element: ElementType, shape: [Int]) {
    // NumPy has no bfloat16: its users read two raw bytes as one.
    self.element = element == .bfloat16 ? .raw(byteCount: 2) : .known(element)
    self.shape = shape
  }

  /// The bytes of the file up to its elements, padded so that these are aligned to 64.
  var encoded: [UInt8] {
    let sizes = shape.map { String($0) }.joined(separator: ", ") + (shape.count == 1 ? "," : "")
    var text = "{'descr': '\(descriptor)', 'fortran_order': False, 'shape': (\(sizes)), }"
    let unpadded = 10 + text.utf8.count + 1
    text += String(repeating: " ", count: (64 - unpadded % 64) % 64) + "\n"
    let length = text.utf8.count
    return Self.magic + [1, 0, UInt8(length & 0xFF), UInt8(length >> 8 & 0xFF)] + Array(text.utf8)
  }

  private static let codes: [String: ElementType] = [
    "f8": .float64, "f4": .float32, "f2": .float16, "i8": .int64, "i4": .int32, "i2": .int16, "i1": .int8,
    "u8": .uint64, "u4": .uint32, "u2": .uint16, "u1": .uint8, "b1": .bool,
  ]

  private var descriptor: String {
    switch element {
    case .raw(let byteCount): "|V\(byteCount)"
    case .known(let type):
      (type.byteCount > 1 ? "<" : "|") + (Self.codes.first { $0.value == type }?.key ?? "V\(type.byteCount)")
    }
  }

  private static func element(_ descriptor: String) throws -> Element {
    let code = descriptor.drop { "<>|=".contains($0) }
    if let element = codes[String(code)] { return .known(element) }
    if code.first == "V", let byteCount = Int(code.dropFirst()), (1...16).contains(byteCount) {
      return .raw(byteCount: byteCount)
    }
    throw ModelError.unsupported("npy elements of type '\(descriptor.prefix(20))'")
  }
}

/// A parser of the Python literal that the header is: a dictionary of strings, booleans and tuples of sizes.
private struct HeaderParser {
  enum Item {
    case string(String)
    case boolean(Bool)
    case tuple([Int])
  }

  private var rest: Substring

  init(_ text: String) { rest = Substring(text) }

  mutating func dictionary() throws -> [String: Item] {
    var fields: [String: Item] = [:]
    try expect("{")
    while !take("}") {
      let key = try string()
      try expect(":")
      try require(fields[key] == nil, "the npy header names '\(key.prefix(20))' twice")
      fields[key] = try item()
      if !take(",") {
        try expect("}")
        break
      }
    }
    return fields
  }

  private mutating func item() throws -> Item {
    skipSpaces()
    if rest.first == "'" || rest.first == "\"" { return .string(try string()) }
    if rest.hasPrefix("True") || rest.hasPrefix("False") {
      let word = rest.prefix { $0.isLetter }
      rest = rest.dropFirst(word.count)
      return .boolean(word == "True")
    }
    guard take("(") else { throw ModelError.unsupported("an npy header with something else than a simple array") }
    var sizes: [Int] = []
    while !take(")") {
      skipSpaces()
      let digits = rest.prefix { $0.isASCII && $0.isNumber }
      guard let size = Int(digits) else { throw ModelError.invalid("the npy header has a size that is no number") }
      sizes.append(size)
      rest = rest.dropFirst(digits.count)
      // Python 2 wrote long integers with a letter behind them.
      _ = take("L")
      if !take(",") {
        try expect(")")
        break
      }
    }
    return .tuple(sizes)
  }

  private mutating func string() throws -> String {
    skipSpaces()
    guard let quote = rest.first, quote == "'" || quote == "\"" else {
      throw ModelError.invalid("the npy header is malformed")
    }
    let body = rest.dropFirst()
    guard let end = body.firstIndex(of: quote) else { throw ModelError.invalid("the npy header is malformed") }
    rest = body[body.index(after: end)...]
    return String(body[..<end])
  }

  private mutating func expect(_ character: Character) throws {
    guard take(character) else { throw ModelError.invalid("the npy header is malformed: '\(character)' was expected") }
  }

  private mutating func take(_ character: Character) -> Bool {
    skipSpaces()
    guard rest.first == character else { return false }
    rest = rest.dropFirst()
    return true
  }

  private mutating func skipSpaces() { rest = rest.drop { $0 == " " || $0 == "\n" } }
}
