import Tensors

extension TextScanner {
  /// More axes than this are refused; nothing real has as many, and nested lists are read recursively.
  private static let rankLimit = 64

  /// More bytes than this are not allocated for the sake of one number in a text.
  private static let splatByteLimit = 1 << 28

  /// An element type and a shape: `f32[batch, 2*seq]`, `i64[]`, `f32[*]`.
  mutating func type() throws -> TensorType {
    let start = skipSpaces()
    let name = word("?")
    guard let element = ElementType(rawValue: name) else {
      throw failure(expected: "an element type, such as f32", at: start)
    }
    try expect("[")
    if take("*") {
      try expect("]")
      return TensorType(element, .unranked)
    }
    var dimensions: [Dimension] = []
    while !take("]") {
      if !dimensions.isEmpty { try expect(",") }
      let start = skipSpaces()
      let text = dimensionText()
      guard let dimension = Dimension(parsing: text) else {
        throw failure(expected: "a size, such as 8, batch or 2*seq + 1", at: start)
      }
      dimensions.append(dimension)
      guard dimensions.count <= Self.rankLimit else { throw failure("more than \(Self.rankLimit) axes", at: start) }
    }
    return TensorType(element, Shape(dimensions))
  }

  /// A type and elements: `f32[2] = [1.0, 2.0]`, or `f32[2] = 0.0` for all elements at once.
  mutating func tensor() throws -> Tensor {
    let start = skipSpaces()
    let type = try type()
    guard let shape = type.shape.sizes else { throw failure("a constant's sizes must be numbers", at: start) }
    try expect("=")
    let literalStart = skipSpaces()
    if take("...") {
      throw failure(
        "this constant was left out when the graph was printed; print it with all constants", at: literalStart)
    }
    do {
      let count = try Tensor.elementCount(of: shape, element: type.element)
      var words: [String] = []
      if peek("[") && !shape.isEmpty {
        try elements(shape[...], into: &words)
      } else {
        let word = try element()
        guard count <= Self.splatByteLimit / max(type.element.byteCount, 1) else {
          throw failure("a constant of shape \(shape) is too large to be written like this", at: literalStart)
        }
        words = Array(repeating: word, count: count)
      }
      return try Tensor(words: words, element: type.element, shape: shape)
    } catch let error as ModelError where !error.message.hasPrefix("line ") {
      throw failure(error.message, at: literalStart)
    }
  }

  private mutating func element() throws -> String {
    let start = skipSpaces()
    var text = number()
    if text.hasSuffix("nan"), take("(") {
      text += "(" + word() + ")"
      guard take(")") else { throw failure(expected: "')'") }
    }
    guard !text.isEmpty else { throw failure(expected: "a number, true or false", at: start) }
    return text
  }

  /// Nested lists of the sizes `shape`; where it has no elements, `[]` will do.
  private mutating func elements(_ shape: ArraySlice<Int>, into words: inout [String]) throws {
    guard let size = shape.first else {
      words.append(try element())
      return
    }
    try expect("[")
    if shape.contains(0), take("]") { return }
    for index in 0..<size {
      if index > 0 { try expect(",") }
      try elements(shape.dropFirst(), into: &words)
    }
    guard take("]") else { throw failure(expected: "']' after \(size) elements") }
  }

  /// The value of an attribute, as far as the text tells its kind: a number without point or exponent is an integer.
  mutating func attributeValue() throws -> AttributeValue {
    if peek("\"") { return .string(try string()) }
    guard peek("[") else {
      let start = skipSpaces()
      return try scalar(from: start)
    }
    try expect("[")
    var values: [AttributeValue] = []
    while !take("]") {
      if !values.isEmpty { try expect(",") }
      let start = skipSpaces()
      values.append(peek("\"") ? .string(try string()) : try scalar(from: start))
    }
    let lists: [AttributeValue?] = [
      values.converted { if case .integer(let value) = $0 { value } else { nil } }.map { .integers($0) },
      values.converted { try? Double(attribute: $0) }.map { .floats($0) },
      values.converted { if case .string(let value) = $0 { value } else { nil } }.map { .strings($0) },
    ]
    guard let list = lists.lazy.compactMap({ $0 }).first else {
      throw failure(expected: "a list of one kind of values")
    }
    return list
  }

  private mutating func scalar(from start: Int) throws -> AttributeValue {
    let before = self
    let text = try element()
    if let flag = Bool(text) { return .boolean(flag) }
    if let integer = Int(text) { return .integer(integer) }
    if let float = Double(literal: text) { return .float(float) }
    if let element = ElementType(rawValue: text) {
      guard peek("[") else { return .element(element) }
      self = before
      return .tensor(try tensor())
    }
    throw failure(expected: "a value", at: start)
  }
}

extension [AttributeValue] {
  fileprivate func converted<Other>(_ convert: (AttributeValue) -> Other?) -> [Other]? {
    let converted = compactMap(convert)
    return converted.count == count ? converted : nil
  }
}
