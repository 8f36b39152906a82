import GraphIR
import Tensors

/// A graph as flashfuse's JSON says it; `docs/graph.schema.json` describes it.
struct JSONGraph: Decodable {
  /// The version of the format.
  static let version = 1

  let flashfuse: Int
  let name: String?
  let inputs: [Input]
  let weights: [Weight]?
  let nodes: [Node]
  let outputs: [String]

  struct Input: Decodable {
    let name: String
    let type: JSONType

    private enum Key: CodingKey { case name }

    init(from decoder: any Decoder) throws {
      name = try decoder.container(keyedBy: Key.self).decode(String.self, forKey: .name)
      type = try JSONType(from: decoder)
    }
  }

  struct Weight: Decodable {
    let name: String
    let contents: JSONTensor

    private enum Key: CodingKey { case name }

    init(from decoder: any Decoder) throws {
      name = try decoder.container(keyedBy: Key.self).decode(String.self, forKey: .name)
      contents = try JSONTensor(from: decoder)
    }
  }

  struct Node: Decodable {
    let op: String
    let name: String?
    let inputs: [String?]?
    let outputs: [String]
    let attributes: [String: JSONValue]?
    /// The types of the results, which an operation unknown to flashfuse must state.
    let types: [JSONType]?

    /// What messages and logs call the node.
    var label: String { name ?? outputs.first ?? op }
  }
}

/// An element type and a shape; without a shape, the number of axes is unknown.
struct JSONType: Decodable {
  let type: TensorType

  private enum Key: CodingKey { case type, shape }

  init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: Key.self)
    let element = try container.decode(JSONElementType.self, forKey: .type).element
    let sizes = try container.decodeIfPresent([Size].self, forKey: .shape)
    type = TensorType(element, Shape(sizes.map { $0.map(\.dimension) }))
  }

  /// A number, or an expression over symbols as text.
  private struct Size: Decodable {
    let dimension: Dimension

    init(from decoder: any Decoder) throws {
      let container = try decoder.singleValueContainer()
      if let text = try? container.decode(String.self) {
        guard let dimension = Dimension(parsing: text) else {
          throw DecodingError.dataCorruptedError(
            in: container,
            debugDescription: "'\(text.prefix(40))' is no size, such as 8, \"batch\" or \"2*seq + 1\"")
        }
        self.dimension = dimension
      } else {
        dimension = Dimension(try container.decode(Int.self))
      }
    }
  }
}

/// The name of an element type.
struct JSONElementType: Decodable {
  let element: ElementType

  init(_ name: String) throws {
    guard let element = ElementType(rawValue: name), element != .unknown else {
      let known = ElementType.allCases.filter { $0 != .unknown }.map(\.rawValue).joined(separator: ", ")
      throw ModelError.invalid("'\(name.prefix(40))' is no element type; these are: \(known)")
    }
    self.element = element
  }

  init(from decoder: any Decoder) throws {
    let container = try decoder.singleValueContainer()
    do {
      try self.init(try container.decode(String.self))
    } catch let error as ModelError {
      throw DecodingError.dataCorruptedError(in: container, debugDescription: error.message)
    }
  }
}

/// A tensor, its elements written out, made from a seed, or in a file.
struct JSONTensor: Decodable {
  let type: JSONElementType?
  let shape: [Int]?
  let data: JSONValue?
  let random: Random?
  let file: String?
  /// Its name in `file`, where that is not the weight's.
  let tensor: String?

  struct Random: Decodable {
    let seed: UInt64
    let scale: Double?
  }
}
