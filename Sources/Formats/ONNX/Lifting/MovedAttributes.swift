import GraphIR
import Tensors

/// What an operator took as attributes before some version of its operator set, and takes as inputs since.
///
/// Reading moves them to the inputs, writing into an older operator set moves them back.
struct MovedAttributes: Sendable {
  enum Content: Sendable {
    /// A list of 64-bit integers.
    case integers
    /// One number of the element type of the first input.
    case scalarLikeData
    /// A list of 32-bit floats.
    case floats
  }

  struct Move: Sendable {
    let attribute: String
    let input: Int
    let content: Content

    init(_ attribute: String, to input: Int, _ content: Content = .integers) {
      self.attribute = attribute
      self.input = input
      self.content = content
    }
  }

  let types: [String]
  let before: Int
  let moves: [Move]

  static let all: [MovedAttributes] = [
    .init(types: ["Reshape"], before: 5, moves: [.init("shape", to: 1)]),
    .init(types: ["Upsample"], before: 9, moves: [.init("scales", to: 1, .floats)]),
    .init(
      types: ["Slice"], before: 10, moves: [.init("starts", to: 1), .init("ends", to: 2), .init("axes", to: 3)]),
    .init(types: ["TopK"], before: 10, moves: [.init("k", to: 1)]),
    .init(
      types: ["Clip"], before: 11,
      moves: [.init("min", to: 1, .scalarLikeData), .init("max", to: 2, .scalarLikeData)]),
    .init(types: ["Pad"], before: 11, moves: [.init("pads", to: 1), .init("value", to: 2, .scalarLikeData)]),
    .init(types: ["Squeeze", "Unsqueeze", "ReduceSum"], before: 13, moves: [.init("axes", to: 1)]),
    .init(types: ["Split"], before: 13, moves: [.init("split", to: 1)]),
    .init(
      types: [
        "ReduceMean", "ReduceMax", "ReduceMin", "ReduceProd", "ReduceL1", "ReduceL2", "ReduceLogSum",
        "ReduceLogSumExp", "ReduceSumSquare",
      ], before: 18, moves: [.init("axes", to: 1)]),
  ]

  private static let byType: [String: MovedAttributes] = Dictionary(
    uniqueKeysWithValues: all.flatMap { entry in entry.types.map { ($0, entry) } })

  static subscript(type: String) -> MovedAttributes? { byType[type] }

  /// Makes inputs of the attributes of `node`.
  func lift(_ node: inout LiftedNode, in graph: inout Graph) throws {
    for move in moves {
      guard let value = node.attributes.removeValue(forKey: move.attribute) else { continue }
      let input = try locating("attribute '\(move.attribute)'") {
        switch move.content {
        case .integers:
          return try node.constant([Int](attribute: value), in: &graph)
        case .floats:
          let floats = try [Double](attribute: value)
          return try graph.addConstant(Tensor(floats.map { Float($0) }), origin: node.origin)
        case .scalarLikeData:
          return try node.scalar(Double(attribute: value), like: node.required(0), in: &graph)
        }
      }
      node.setInput(move.input, input)
    }
  }

  /// The attributes that say what `inputs` from the first moved one on say; throws where one is computed at run time.
  func lower(_ inputs: [ValueInfo?], of type: String) throws -> [String: AttributeValue] {
    var attributes: [String: AttributeValue] = [:]
    for move in moves where inputs.indices.contains(move.input) {
      guard let info = inputs[move.input] else { continue }
      guard let tensor = info.constant else {
        throw ModelError.unsupported(
          "\(type) takes '\(move.attribute)' as an attribute before operator set \(before), but it is computed at run time"
        )
      }
      attributes[move.attribute] =
        switch move.content {
        case .integers: .integers(try tensor.integers())
        case .floats: .floats(try tensor.doubles())
        case .scalarLikeData: .float(try tensor.doubles().first ?? 0)
        }
    }
    return attributes
  }
}
