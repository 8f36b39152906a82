import GraphIR
import Tensors

extension JSONTensor {
  /// More bytes than this are not made from a number or a seed.
  private static let madeByteLimit = 1 << 28

  /// The tensor itself.
  ///
  /// - Parameter name: its name in a file that says no other.
  func contents(name: String, files: inout SafetensorsFiles) throws -> Tensor {
    guard [data != nil, random != nil, file != nil].count(where: { $0 }) == 1 else {
      throw ModelError.invalid("one of 'data', 'random' and 'file' must say what the elements are")
    }
    if let file {
      let found = try locating("'\(file.prefix(80))'") { try files.tensor(tensor ?? name, in: file) }
      if (element ?? found.element, shape ?? found.shape) != (found.element, found.shape) {
        throw ModelError.invalid(
          "\((element ?? found.element).rawValue)\(shape ?? found.shape) was expected, the file has \(found.element.rawValue)\(found.shape)"
        )
      }
      return found
    }
    if let random, let element {
      guard let shape else { throw ModelError.invalid("'shape' is missing") }
      try requireSmall(shape, element)
      return try Tensor(randomOf: element, shape: shape, seed: random.seed, scale: random.scale)
    }
    return try written()
  }

  /// The tensor whose elements are written out.
  func written() throws -> Tensor {
    guard let element else { throw ModelError.invalid("'type' is missing") }
    guard let data else { throw ModelError.invalid("'data' is missing") }
    return try written(data, element)
  }

  private func requireSmall(_ shape: [Int], _ element: ElementType) throws {
    let count = try Tensor.elementCount(of: shape, element: element)
    guard count <= Self.madeByteLimit / max(element.byteCount, 1) else {
      throw ModelError.invalid(
        "\(element.rawValue)\(shape) has more than \(Self.madeByteLimit) bytes; put it into a file")
    }
  }

  private func written(_ data: JSONValue, _ element: ElementType) throws -> Tensor {
    guard case .list = data else {
      // One value stands for all elements.
      let shape = shape ?? []
      try requireSmall(shape, element)
      let word = try data.word()
      return try Tensor(
        words: Array(repeating: word, count: Tensor.elementCount(of: shape, element: element)), element: element,
        shape: shape)
    }
    var words: [String] = []
    let nested = try data.flatten(into: &words)
    let shape = shape ?? nested
    // A flat list may stand for any shape of as many elements.
    let count = try Tensor.elementCount(of: shape, element: element)
    guard nested == shape || (nested.count == 1 && words.count == count) || (count == 0 && words.isEmpty) else {
      throw ModelError.invalid("the elements are of shape \(nested), not \(shape)")
    }
    return try Tensor(words: words, element: element, shape: shape)
  }
}

extension JSONValue {
  /// An element as the text form writes it. What JSON has no number for is a string: `"inf"`, `"-inf"`, `"nan"`.
  fileprivate func word() throws -> String {
    switch self {
    case .integer(let integer): return String(integer)
    case .number(let number): return String(number)
    case .boolean(let flag): return String(flag)
    case .string(let text) where ["inf", "-inf"].contains(text) || text.hasPrefix("nan"): return text
    default: throw ModelError.invalid("\(summary) is no element of a tensor")
    }
  }

  /// Appends the elements of nested lists, which must all be of one shape, and returns that.
  fileprivate func flatten(into words: inout [String], depth: Int = 0) throws -> [Int] {
    guard depth <= 64 else { throw ModelError.invalid("'data' has more than 64 axes") }
    guard case .list(let values) = self else {
      words.append(try word())
      return []
    }
    var inner: [Int] = []
    for (index, value) in values.enumerated() {
      let shape = try value.flatten(into: &words, depth: depth + 1)
      guard index == 0 || shape == inner else { throw ModelError.invalid("the rows of 'data' differ in shape") }
      inner = shape
    }
    return [values.count] + inner
  }
}
