import GraphIR
import Tensors

/// A graph as flashfuse's JSON says it; `docs/graph.schema.json` describes it.
struct JSONGraph {
  /// The version of the format.
  static let version = 1

  let name: String
  let inputs: [Input]
  let weights: [Weight]
  let nodes: [Node]
  let outputs: [String]

  struct Input {
    let name: String
    let type: TensorType
  }

  struct Weight {
    let name: String
    let contents: JSONTensor
  }

  struct Node {
    let op: String
    let name: String?
    let inputs: [String?]
    let outputs: [String]
    let attributes: [(key: String, field: JSONField)]
    /// The types of the results, which an operation unknown to flashfuse must state.
    let types: [TensorType]?

    /// What messages and logs call the node.
    var label: String { name ?? outputs.first ?? op }
  }

  init(_ document: JSONField) throws {
    guard let version = try document.optional("flashfuse") else {
      throw ModelError.invalid(
        "no model: this JSON has neither 'flashfuse', as flashfuse's graphs do, nor 'opsetImport', as ONNX does")
    }
    guard version.value == .integer(JSONGraph.version) else {
      throw ModelError.invalid("'flashfuse' is \(version.value.summary); the version read here is \(JSONGraph.version)")
    }
    name = try document.optional("name")?.string() ?? ""
    inputs = try document.required("inputs").list().map { input in
      Input(name: try input.required("name").string(), type: try TensorType(input))
    }
    weights =
      try document.optional("weights")?.list().map { weight in
        Weight(name: try weight.required("name").string(), contents: try JSONTensor(weight))
      } ?? []
    nodes = try document.required("nodes").list().map { try Node($0) }
    outputs = try document.required("outputs").list().map { try $0.string() }
  }
}

extension JSONGraph.Node {
  fileprivate init(_ node: JSONField) throws {
    op = try node.required("op").string()
    name = try node.optional("name")?.string()
    inputs = try node.optional("inputs")?.list().map { $0.value == .null ? nil : try $0.string() } ?? []
    outputs = try node.required("outputs").list().map { try $0.string() }
    attributes = try node.optional("attributes")?.object() ?? []
    types = try node.optional("types")?.list().map { try TensorType($0) }
  }
}

extension TensorType {
  /// The `type` and `shape` of an object; without a shape, the number of axes is unknown.
  fileprivate init(_ field: JSONField) throws {
    let shape = try field.optional("shape")?.list().map { size in
      guard case .string(let text) = size.value else { return Dimension(try size.integer()) }
      guard let dimension = Dimension(parsing: text) else {
        throw size.failure("\(size.value.summary) is no size, such as 8, \"batch\" or \"2*seq + 1\"")
      }
      return dimension
    }
    self.init(try ElementType(field.required("type")), Shape(shape))
  }
}

extension ElementType {
  /// An element type by name; `?` for one that is not known, as only results of unknown operations may be.
  init(_ field: JSONField) throws {
    let name = try field.string()
    guard let element = ElementType(rawValue: name), !element.isStorageOnly else {
      let known = ElementType.allCases.filter { $0 != .unknown && !$0.isStorageOnly }.map(\.rawValue).joined(
        separator: ", ")
      throw field.failure("\(field.value.summary) is no element type; these are: \(known)")
    }
    self = element
  }
}

/// A tensor, its elements written out, made from a seed, or in a file.
struct JSONTensor {
  let element: ElementType?
  let shape: [Int]?
  let data: JSONValue?
  let random: (seed: UInt64, scale: Double)?
  let file: String?
  /// Its name in `file`, where that is not the weight's.
  let tensor: String?

  init(_ field: JSONField) throws {
    element = try field.optional("type").map { try ElementType($0) }
    shape = try field.optional("shape")?.list().map { try $0.integer() }
    data = try field.optional("data")?.value
    random = try field.optional("random").map { random in
      let seed = try random.required("seed")
      guard let bits = UInt64(exactly: try seed.integer()) else { throw seed.failure("a seed is not negative") }
      return (bits, try random.optional("scale")?.number() ?? 1)
    }
    file = try field.optional("file")?.string()
    tensor = try field.optional("tensor")?.string()
  }
}
