import GraphIR
import Operations
import Tensors

/// Attention whose node holds graphs that change the scores and the weights.
extension ONNXImporter {
  /// The results of a `FlexAttention` with such graphs, spelled out with them in their places; nil where the node is none.
  mutating func flexAttention(
    _ node: Onnx_NodeProto, _ lifted: LiftedNode, source: SourceNode, in scope: ONNXScope
  ) throws -> [Value?]? {
    guard lifted.domain == "ai.onnx.preview", lifted.type == "FlexAttention" else { return nil }
    var lifted = lifted
    for attribute in node.attribute where !attribute.hasG {
      lifted.attributes[attribute.name] = try attribute.value(&tensors)
    }
    let (query, value) = (try lifted.required(0), try lifted.required(2))
    let element = graph.type(of: query).element
    guard let sizes = graph.type(of: query).shape.dimensions, sizes.count == 4, let headSize = sizes[3].constant,
      headSize > 0
    else { throw ModelError.unsupported("FlexAttention of heads of an unknown size") }
    func cast(_ value: Value, to element: ElementType) throws -> Value {
      graph.type(of: value).element == element
        ? value : try lifted.insert("Cast", [value], ["to": .element(element)], in: &graph)
    }
    let wide =
      try lifted.integer("softmax_precision").map { try ElementType(onnx: $0) }
      ?? (element.byteCount == 2 ? .float32 : element)
    let scale = try lifted.number("scale") ?? 1 / Double(headSize).squareRoot()
    let half = try lifted.scalar(scale.magnitude.squareRoot(), like: query, in: &graph)
    let left = try lifted.insert("Mul", [query, half], in: &graph)
    let keys = try FlashAttention().repeatingHeads(of: lifted.required(1), for: query, in: &graph)
    let right = try lifted.insert(
      "Mul", [lifted.insert("Transpose", [keys], ["perm": .integers([0, 1, 3, 2])], in: &graph), half], in: &graph)
    var scores = try cast(lifted.insert("MatMul", [left, right], in: &graph), to: wide)
    if scale < 0 { scores = try lifted.insert("Neg", [scores], in: &graph) }
    scores = try modified(scores, by: "score_mod", of: node, source: source, in: scope)
    var weights = try lifted.insert("Softmax", [scores], ["axis": .integer(-1)], in: &graph)
    weights = try modified(weights, by: "prob_mod", of: node, source: source, in: scope)
    let values = try FlashAttention().repeatingHeads(of: value, for: query, in: &graph)
    let result = try lifted.insert("MatMul", [weights, cast(values, to: wide)], in: &graph)
    return [try cast(result, to: element)]
  }

  /// What the graph in `attribute` makes of its one input.
  private mutating func modified(
    _ value: Value, by attribute: String, of node: Onnx_NodeProto, source: SourceNode, in scope: ONNXScope
  ) throws -> Value {
    guard let body = node.attribute.first(where: { $0.name == attribute && $0.hasG })?.g else { return value }
    return try locating(attribute) {
      try require(body.input.count == 1 && body.output.count == 1, "one input and one output were expected")
      let results = try inline(
        body, of: node, source: source, from: scope, resultCount: 1, inputs: [body.input[0].name: value])
      guard let result = results.first ?? nil else { throw ModelError.invalid("the result has no value") }
      return result
    }
  }
}
