import Tensors

/// The literals of the text form.
enum TextForm {
  /// `text` in double quotes, with escapes for quotes, backslashes and control characters.
  static func quote(_ text: String) -> String {
    var quoted = "\""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"", "\\": quoted += "\\\(scalar)"
      case "\n": quoted += "\\n"
      case "\t": quoted += "\\t"
      case "\0"..<" ", "\u{7F}": quoted += "\\u{\(String(scalar.value, radix: 16))}"
      default: quoted.unicodeScalars.append(scalar)
      }
    }
    return quoted + "\""
  }

  static func literal(_ value: AttributeValue, limit: Int) -> String {
    switch value {
    case .integer(let integer): String(integer)
    case .float(let float): text(float)
    case .boolean(let flag): String(flag)
    case .string(let string), .text(let string): quote(string)
    case .integers(let integers): list(integers.map { String($0) })
    case .floats(let floats): list(floats.map { text($0) })
    case .strings(let strings): list(strings.map(quote))
    case .element(let element): element.rawValue
    case .tensor(let tensor): literal(tensor, limit: limit)
    case .graph(let graph): graph.text(GraphTextOptions(constantLimit: limit))
    }
  }

  /// The tensor's type and elements: `f32[2, 2] = [[1.0, 2.0], [3.0, 4.0]]`, or `f32[2, 2] = 1.0` where all are equal.
  static func literal(_ tensor: Tensor, limit: Int) -> String {
    let head = "\(tensor.element.rawValue)\(Shape(tensor.shape)) = "
    if let splat = splat(tensor) { return head + splat }
    guard tensor.count <= limit, let elements = try? tensor.words() else { return head + "..." }
    var rows = elements
    for size in tensor.shape.reversed() where size > 0 {
      rows = stride(from: 0, to: rows.count, by: size).map { list(rows[$0..<($0 + size)]) }
    }
    return head + (tensor.count == 0 ? "[]" : rows.joined())
  }

  private static func list(_ parts: some Sequence<String>) -> String { "[\(parts.joined(separator: ", "))]" }

  /// The one element of a scalar, or of a tensor of several equal ones.
  private static func splat(_ tensor: Tensor) -> String? {
    let width = tensor.element.byteCount
    guard width > 0 else { return nil }
    let isSplat = tensor.withBytes { bytes in
      // All elements are equal where each equals the one before.
      tensor.count > 0 && bytes.dropFirst(width).elementsEqual(bytes.dropLast(width))
    }
    guard isSplat, tensor.count > 1 || tensor.rank == 0,
      let first = try? Tensor(element: tensor.element, shape: [1], filledBy: { copyPrefix(of: tensor, to: $0) })
    else { return nil }
    return try? first.words().first
  }

  private static func copyPrefix(of tensor: Tensor, to bytes: UnsafeMutableRawBufferPointer) {
    tensor.withBytes { bytes.copyBytes(from: $0.prefix(bytes.count)) }
  }

  /// The shortest decimal that reads back as the same bits; a NaN other than the usual one with all its bits.
  static func text<Float: BinaryFloatingPoint & LosslessStringConvertible & FloatBits>(_ value: Float) -> String {
    guard value.isNaN, value.bits != Float.nan.bits else { return value.description }
    return "nan(0x\(String(value.bits, radix: 16)))"
  }
}
