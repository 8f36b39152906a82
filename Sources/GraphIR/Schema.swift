import Tensors

/// What an operation is called, takes and gives, stated once; reading, writing, printing and checking derive from it.
public struct Schema<Op: GraphOperation>: Sendable {
  public let name: String
  public let inputs: [InputSlot]
  /// How many results there may be.
  public let outputs: ClosedRange<Int>
  public let attributes: [Attribute<Op>]
  public let spellings: [Spelling]

  public init(
    _ name: String, inputs: [InputSlot], outputs: ClosedRange<Int> = 1...1, attributes: [Attribute<Op>] = [],
    spellings: [Spelling] = []
  ) {
    self.name = name
    self.inputs = inputs
    self.outputs = outputs
    self.attributes = attributes
    self.spellings = spellings
  }
}

/// A place for an input: `"data"`, `.optional("mask")` or, as the last, `.variadic("inputs")`.
public struct InputSlot: Hashable, Sendable, ExpressibleByStringLiteral {
  public enum Kind: Hashable, Sendable { case required, optional, variadic }

  public let name: String
  public let kind: Kind

  public init(stringLiteral name: String) {
    self.name = name
    kind = .required
  }

  private init(_ name: String, _ kind: Kind) {
    self.name = name
    self.kind = kind
  }

  public static func optional(_ name: String) -> InputSlot { .init(name, .optional) }

  /// Any number of inputs, none included.
  public static func variadic(_ name: String) -> InputSlot { .init(name, .variadic) }
}

/// The formats in which operations have names.
public enum SpellingFormat: String, Hashable, Sendable, CaseIterable {
  case onnx
  case openVINO = "openvino"
}

/// The name of an operation in a format, for those versions in which it has the canonical meaning, inputs and attributes.
public struct Spelling: Hashable, Sendable {
  public let format: SpellingFormat
  /// The ONNX domain (`""` is the standard one); empty for OpenVINO.
  public let domain: String
  public let type: String
  /// The first operator-set version with this meaning.
  public let since: Int
  /// The format's attribute names where they differ from the canonical ones, by canonical name.
  public let attributeNames: [String: String]

  public static func onnx(
    _ type: String, domain: String = "", since: Int = 1, attributes: [String: String] = [:]
  ) -> Spelling {
    .init(format: .onnx, domain: domain, type: type, since: since, attributeNames: attributes)
  }

  public static func openVINO(_ type: String, since: Int = 1, attributes: [String: String] = [:]) -> Spelling {
    .init(format: .openVINO, domain: "", type: type, since: since, attributeNames: attributes)
  }
}
