import Tensors

/// The value of an attribute, whatever its operation.
public enum AttributeValue: Hashable, Sendable {
  case integer(Int)
  case float(Double)
  case boolean(Bool)
  case string(String)
  case integers([Int])
  case floats([Double])
  case strings([String])
  case element(ElementType)
  case tensor(Tensor)
  case graph(Graph)
  /// Text of a format that does not say what it means (XML): each attribute reads it as its own type.
  case text(String)
}

/// A Swift type that attributes can have.
public protocol AttributeConvertible: Sendable {
  /// Throws where `value` is of another kind, saying which was expected.
  init(attribute value: AttributeValue) throws
  /// Nil where the attribute is absent.
  var attributeValue: AttributeValue? { get }
}

/// An attribute of `Op`: a name and a stored property.
public struct Attribute<Op: GraphOperation>: Sendable {
  public let name: String
  let read: @Sendable (Op) -> AttributeValue?
  let write: @Sendable (inout Op, AttributeValue) throws -> Void

  public init<Value: AttributeConvertible>(_ name: String, _ property: any WritableKeyPath<Op, Value> & Sendable) {
    self.name = name
    read = { $0[keyPath: property].attributeValue }
    write = { $0[keyPath: property] = try Value(attribute: $1) }
  }
}

private func mismatch(_ value: AttributeValue, _ expected: String) -> ModelError {
  AttributeValue.mismatch(value, expected)
}

extension AttributeValue {
  /// The error that `value` is of another kind than what was `expected`.
  static func mismatch(_ value: AttributeValue, _ expected: String) -> ModelError {
    .invalid("\(expected) was expected, found \(value.summary)")
  }

  /// The value in a few words, for messages.
  public var summary: String {
    switch self {
    case .integer(let value): String(value)
    case .float(let value): String(value)
    case .boolean(let value): String(value)
    case .string(let value), .text(let value): "'\(value.prefix(60))'"
    case .integers(let values): "\(values.prefix(8))"
    case .floats(let values): "\(values.prefix(8))"
    case .strings(let values): "\(values.prefix(8))"
    case .element(let element): element.rawValue
    case .tensor(let tensor): "a tensor \(tensor.element.rawValue)\(tensor.shape)"
    case .graph(let graph): "a graph of \(graph.nodeCount) nodes"
    }
  }
}

extension String {
  fileprivate var trimmingSpaces: String {
    String(drop { $0 == " " }.reversed().drop { $0 == " " }.reversed())
  }
}

extension Int: AttributeConvertible {
  public init(attribute value: AttributeValue) throws {
    switch value {
    case .integer(let integer): self = integer
    case .boolean(let flag): self = flag ? 1 : 0
    case .text(let text):
      guard let integer = Int(text.trimmingSpaces) else { throw mismatch(value, "an integer") }
      self = integer
    default: throw mismatch(value, "an integer")
    }
  }

  public var attributeValue: AttributeValue? { .integer(self) }
}

extension Double: AttributeConvertible {
  public init(attribute value: AttributeValue) throws {
    switch value {
    case .float(let float): self = float
    case .integer(let integer): self = Double(integer)
    case .text(let text):
      guard let float = Double(text.trimmingSpaces) else { throw mismatch(value, "a number") }
      self = float
    case .tensor(let tensor) where tensor.shape.allSatisfy({ $0 == 1 }) && tensor.element.isFloatingPoint:
      // A format whose attributes have 32 bits says a number of 64 as a tensor.
      self = try tensor.doubles()[0]
    default: throw mismatch(value, "a number")
    }
  }

  public var attributeValue: AttributeValue? { .float(self) }
}

extension Bool: AttributeConvertible {
  public init(attribute value: AttributeValue) throws {
    switch value {
    case .boolean(let flag): self = flag
    case .integer(let integer): self = integer != 0
    case .text("true"), .text("1"), .text("True"): self = true
    case .text("false"), .text("0"), .text("False"): self = false
    default: throw mismatch(value, "true or false")
    }
  }

  public var attributeValue: AttributeValue? { .boolean(self) }
}

extension String: AttributeConvertible {
  public init(attribute value: AttributeValue) throws {
    switch value {
    case .string(let string), .text(let string): self = string
    default: throw mismatch(value, "a string")
    }
  }

  public var attributeValue: AttributeValue? { .string(self) }
}

extension ElementType: AttributeConvertible {
  public init(attribute value: AttributeValue) throws {
    switch value {
    case .element(let element): self = element
    case .string(let name), .text(let name):
      // OpenVINO says "boolean" where the text form says "bool".
      guard let element = ElementType(rawValue: name == "boolean" ? "bool" : name), element != .unknown else {
        throw ModelError.unsupported("the element type '\(name)'")
      }
      self = element
    default: throw mismatch(value, "an element type")
    }
  }

  public var attributeValue: AttributeValue? { .element(self) }
}

extension Tensor: AttributeConvertible {
  public init(attribute value: AttributeValue) throws {
    guard case .tensor(let tensor) = value else { throw mismatch(value, "a tensor") }
    self = tensor
  }

  public var attributeValue: AttributeValue? { .tensor(self) }
}

/// An element of list attributes.
public protocol AttributeElement: Sendable {
  /// The elements that `value` holds, nil where it is of another kind.
  static func list(from value: AttributeValue) -> [Self]?
  static func value(of list: [Self]) -> AttributeValue
}

extension AttributeElement {
  fileprivate static func list(in text: String, _ convert: (String) -> Self?) -> [Self]? {
    let parts = text.split(separator: ",").map { String($0).trimmingSpaces }
    let elements = parts.compactMap(convert)
    return elements.count == parts.count ? elements : nil
  }
}

extension Int: AttributeElement {
  public static func list(from value: AttributeValue) -> [Int]? {
    switch value {
    case .integers(let values): values
    case .integer(let value): [value]
    case .text(let text): list(in: text) { Int($0) }
    case .floats(let values) where values.isEmpty: []
    default: nil
    }
  }

  public static func value(of list: [Int]) -> AttributeValue { .integers(list) }
}

extension Double: AttributeElement {
  public static func list(from value: AttributeValue) -> [Double]? {
    switch value {
    case .floats(let values): values
    case .float(let value): [value]
    case .integers(let values): values.map { Double($0) }
    case .text(let text): list(in: text) { Double($0) }
    default: nil
    }
  }

  public static func value(of list: [Double]) -> AttributeValue { .floats(list) }
}

extension String: AttributeElement {
  public static func list(from value: AttributeValue) -> [String]? {
    switch value {
    case .strings(let values): values
    case .text(let text): list(in: text) { $0 }
    case .integers(let values) where values.isEmpty: []
    default: nil
    }
  }

  public static func value(of list: [String]) -> AttributeValue { .strings(list) }
}

extension Array: AttributeConvertible where Element: AttributeElement {
  public init(attribute value: AttributeValue) throws {
    guard let list = Element.list(from: value) else { throw mismatch(value, "a list of \(Element.self)s") }
    self = list
  }

  public var attributeValue: AttributeValue? { Element.value(of: self) }
}

/// An enumeration of names is an attribute as it stands.
extension AttributeConvertible where Self: RawRepresentable & CaseIterable, RawValue == String {
  public init(attribute value: AttributeValue) throws {
    let name = try String(attribute: value)
    guard let found = Self(rawValue: name) else {
      throw mismatch(value, "one of \(Self.allCases.map(\.rawValue).joined(separator: ", "))")
    }
    self = found
  }

  public var attributeValue: AttributeValue? { .string(rawValue) }
}

extension Optional: AttributeConvertible where Wrapped: AttributeConvertible {
  public init(attribute value: AttributeValue) throws { self = try Wrapped(attribute: value) }

  public var attributeValue: AttributeValue? { flatMap(\.attributeValue) }
}
