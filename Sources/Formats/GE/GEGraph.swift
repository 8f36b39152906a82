import GraphIR
import Tensors

/// The main graph of a model of Ascend's graph engine, as its JSON says it. Defaults are left out there, and empty lists may be null.
struct GEGraph {
  let name: String
  let operations: [Operation]
  let positions: [String: Int]

  struct Operation {
    let name: String
    let type: String
    /// The data inputs in their order, nil for one that is not connected.
    let inputs: [Input?]
    /// The names of operations that must come before.
    let controls: [String]
    let attributes: [String: JSONField]
    /// Stated types by position; nil where nothing is stated.
    let inputTypes: [TensorType?]
    let outputTypes: [TensorType?]
  }

  struct Input: Hashable {
    let name: String
    let output: Int
  }

  init(_ graph: JSONField) throws {
    name = try graph.optional("name")?.string() ?? ""
    operations = try graph.optional("op")?.list().map { try Operation($0) } ?? []
    var positions: [String: Int] = [:]
    for (index, operation) in operations.enumerated() {
      guard positions.updateValue(index, forKey: operation.name) == nil else {
        throw ModelError.invalid("two operations are called '\(operation.name.prefix(80))'")
      }
    }
    self.positions = positions
  }
}

extension GEGraph.Operation {
  init(_ field: JSONField) throws {
    name = try field.required("name").string()
    type = try field.required("type").string()
    try require(!name.isEmpty && !type.isEmpty, "an operation has no name or no type")
    var inputs: [GEGraph.Input?] = []
    var controls: [String] = []
    for text in try field.optional("input")?.list() ?? [] {
      guard let input = try GEGraph.Input(text) else {
        inputs.append(nil)
        continue
      }
      if input.output == -1 { controls.append(input.name) } else { inputs.append(input) }
    }
    self.inputs = inputs
    self.controls = controls
    var attributes: [String: JSONField] = [:]
    for entry in try field.optional("attr")?.list() ?? [] {
      if let value = try entry.optional("value") { attributes[try entry.required("key").string()] = value }
    }
    self.attributes = attributes
    inputTypes = try field.optional("input_desc")?.list().map { try TensorType(ge: $0) } ?? []
    outputTypes = try field.optional("output_desc")?.list().map { try TensorType(ge: $0) } ?? []
  }
}

extension GEGraph.Input {
  /// `name:index`, cut at the last colon; nil for the empty text of an input that is not connected.
  init?(_ field: JSONField) throws {
    let text = try field.string()
    if text.isEmpty { return nil }
    guard let colon = text.lastIndex(of: ":"), colon > text.startIndex,
      let output = Int(text[text.index(after: colon)...]), output >= -1, output < 1 << 16
    else { throw field.failure("'\(text.prefix(80))' is no input such as 'name:0'") }
    name = String(text[..<colon])
    self.output = output
  }

  var text: String { "\(name):\(output)" }
}

/// Reading attributes, each an object with one key that says its kind.
extension GEGraph.Operation {
  private func value<Result>(_ name: String, _ read: (JSONField) throws -> Result?) throws -> Result? {
    guard let field = attributes[name] else { return nil }
    return try locating("attribute '\(name)'") { try read(field) }
  }

  func flag(_ name: String) throws -> Bool? {
    try value(name) { field in
      switch try field.optional("b")?.value {
      case .boolean(let flag): flag
      case nil: false
      default: throw field.failure("true or false was expected")
      }
    }
  }

  func integer(_ name: String) throws -> Int? {
    try value(name) { try $0.optional("i")?.geInteger() ?? 0 }
  }

  /// A number that may be written as a text.
  func number(_ name: String) throws -> Double? {
    try value(name) { field in
      guard let content = try field.optional("f") else { return Double(try field.optional("i")?.geInteger() ?? 0) }
      guard case .string(let text) = content.value else { return try content.number() }
      guard let number = Double(text) else { throw content.failure("'\(text.prefix(40))' is no number") }
      return number
    }
  }

  func string(_ name: String) throws -> String? {
    try value(name) { try $0.optional("s")?.string() ?? "" }
  }

  func integers(_ name: String) throws -> [Int]? {
    try value(name) { field in
      guard let list = try field.optional("list") else { return try field.optional("i").map { [try $0.geInteger()] } }
      return try list.optional("i")?.list().map { try $0.geInteger() } ?? []
    }
  }

  func strings(_ name: String) throws -> [String]? {
    try value(name) { try $0.optional("list")?.optional("s")?.list().map { try $0.string() } ?? [] }
  }
}

extension JSONField {
  /// An integer, which protobuf's JSON may write as a text.
  fileprivate func geInteger() throws -> Int {
    guard case .string(let text) = value else { return try integer() }
    guard let number = Int(text) else { throw failure("'\(text.prefix(40))' is no integer") }
    return number
  }
}

extension TensorType {
  /// A tensor's description; nil where it is null or says no element type.
  fileprivate init?(ge field: JSONField) throws {
    guard field.value != .null, let name = try field.optional("dtype")?.string(), name != "DT_UNDEFINED" else {
      return nil
    }
    let dimensions = try field.optional("shape")?.optional("dim")?.list().map { try $0.geInteger() } ?? []
    for size in dimensions where size < -2 {
      throw field.failure("\(size) is no size; unknown ones are -1, or -2 for an unknown rank")
    }
    let shape = dimensions.contains(-2) ? nil : dimensions.map { $0 < 0 ? Dimension.unknown : Dimension($0) }
    self.init(ElementType(geName: name), Shape(shape))
  }
}

extension ElementType {
  private static let geTypes: [(element: ElementType, name: String, code: Int)] = [
    (.float32, "DT_FLOAT", 0), (.float16, "DT_FLOAT16", 1), (.int8, "DT_INT8", 2), (.int32, "DT_INT32", 3),
    (.uint8, "DT_UINT8", 4), (.int16, "DT_INT16", 6), (.uint16, "DT_UINT16", 7), (.uint32, "DT_UINT32", 8),
    (.int64, "DT_INT64", 9), (.uint64, "DT_UINT64", 10), (.float64, "DT_DOUBLE", 11), (.bool, "DT_BOOL", 12),
    (.bfloat16, "DT_BF16", 27),
  ]

  /// The element type called `geName`; unknown for others.
  init(geName: String) { self = Self.geTypes.first { $0.name == geName }?.element ?? .unknown }

  init(geCode: Int) { self = Self.geTypes.first { $0.code == geCode }?.element ?? .unknown }

  var geName: String { Self.geTypes.first { $0.element == self }?.name ?? "DT_UNDEFINED" }

  var geCode: Int? { Self.geTypes.first { $0.element == self }?.code }
}
