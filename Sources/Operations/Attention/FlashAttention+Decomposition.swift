import GraphIR
import Tensors

/// `FlashAttention` in simple operations: what a format writes that has no such operation.
extension FlashAttention: CompositeOperation {
  public func decompose(_ inputs: [Value?], in graph: inout Graph) throws -> [Value] {
    var numbers = ConstantNumbers()
    return [try decompose(inputs, in: &graph, numbers: &numbers)]
  }

  /// The same with the attributes' numbers taken from `numbers`, so that a format can leave them open.
  package func decompose(
    _ inputs: [Value?], in graph: inout Graph, numbers: inout some AttributeNumbers
  ) throws -> Value {
    guard inputs.count > 2, let query = inputs[0], let value = inputs[2] else {
      throw ModelError.invalid("query, key and value must be there")
    }
    let element = graph.type(of: query).element
    let weights = try scores(inputs, upTo: .weights, in: &graph, numbers: &numbers)
    let values = try repeatingHeads(of: value, for: query, in: &graph)
    let result = try graph.insert(MatMul(), [weights, cast(values, to: graph.type(of: weights).element, in: &graph)])
    return try cast(result, to: element, in: &graph)
  }

  /// How far the scores have come.
  package enum Stage: Int, Comparable {
    /// The scaled product.
    case product
    case capped
    /// With all that is added or hidden.
    case masked
    /// After the softmax.
    case weights

    package static func < (left: Stage, right: Stage) -> Bool { left.rawValue < right.rawValue }
  }

  /// The scores `[batch, queryHeads, queryLength, keyLength]` at `stage`, in 32 bits or more.
  package func scores(
    _ inputs: [Value?], upTo stage: Stage, in graph: inout Graph, numbers: inout some AttributeNumbers
  ) throws -> Value {
    func input(_ index: Int) -> Value? { inputs.indices.contains(index) ? inputs[index] : nil }
    guard let query = input(0), let key = input(1) else {
      throw ModelError.invalid("query, key and value must be there")
    }
    // Half precision holds the operands, not the scores.
    let wide: ElementType = graph.type(of: query).element == .float64 ? .float64 : .float32
    let keys = try repeatingHeads(of: key, for: query, in: &graph)
    let transposed = try graph.insert(Transpose([0, 1, 3, 2]), [cast(keys, to: wide, in: &graph)])
    var scores = try graph.insert(MatMul(), [cast(query, to: wide, in: &graph), transposed])
    scores = try graph.insert(Mul(), [scores, numbers.number("scale", scale, wide, in: &graph)])
    if softcap > 0, stage >= .capped {
      let cap = try numbers.number("softcap", softcap, wide, in: &graph)
      let bounded = try graph.insert(Tanh(), [graph.insert(Div(), [scores, cap])])
      scores = try graph.insert(Mul(), [bounded, cap])
    }
    guard stage >= .masked else { return scores }
    if let bias = input(3) { scores = try graph.insert(Add(), [scores, cast(bias, to: wide, in: &graph)]) }
    if let mask = input(4) {
      let hidden = try numbers.number("maskedScore", maskedScore, wide, in: &graph)
      scores = try graph.insert(Where(), [mask, scores, hidden])
    }
    let queryLength = try Self.size(ofAxis: 2, of: query, in: &graph)
    let keyLength = try Self.size(ofAxis: 2, of: key, in: &graph)
    if let visible = try visibility(
      queryLength: queryLength, keyLength: keyLength, lengths: input(6), in: &graph, numbers: &numbers)
    {
      let hidden = try graph.addConstant(Tensor(doubles: [-.infinity], element: wide, shape: []))
      scores = try graph.insert(Where(), [visible, scores, hidden])
    }
    guard stage == .weights else { return scores }
    let weights = try normalize(scores, query: query, sinks: input(5), wide, in: &graph)
    guard guardsNaN else { return weights }
    let zero = try graph.addConstant(Tensor(doubles: [0], element: wide, shape: []))
    return try graph.insert(Where(), [graph.insert(IsNaN(), [weights]), zero, weights])
  }

  /// Softmax over the keys; a sink is one more of them for the sum, and none for the result.
  private func normalize(
    _ scores: Value, query: Value, sinks: Value?, _ element: ElementType, in graph: inout Graph
  ) throws -> Value {
    guard let sinks else { return try graph.insert(Softmax(axis: -1), [scores]) }
    let sizes = try graph.insert(ShapeOf(), [query])
    let rows = try graph.insert(Gather(), [sizes, graph.addConstant(Tensor([0, 1, 2] as [Int64]))])
    let shape = try graph.insert(Concat(axis: 0), [rows, graph.addConstant(Tensor([1] as [Int64]))])
    let perHead = try graph.insert(Reshape(), [sinks, graph.addConstant(Tensor([1, -1, 1, 1] as [Int64]))])
    let column = try graph.insert(Expand(), [cast(perHead, to: element, in: &graph), shape])
    let extended = try graph.insert(Concat(axis: -1), [scores, column])
    let weights = try graph.insert(Softmax(axis: -1), [extended])
    let bounds = try [0, -1, -1].map { try graph.addConstant(Tensor([Int64($0)])) }
    return try graph.insert(Slice(), [weights] + bounds)
  }

  /// The heads of `value` repeated, one after the other, so that there are as many as the query has.
  package func repeatingHeads(of value: Value, for query: Value, in graph: inout Graph) throws -> Value {
    guard let own = graph.type(of: value).shape.dimensions, let wanted = graph.type(of: query).shape.dimensions,
      own.count == 4, wanted.count == 4
    else { throw ModelError.unsupported("attention of unknown rank") }
    guard own[1] != wanted[1] else { return value }
    func constant(_ integers: [Int]) throws -> Value {
      try graph.addConstant(Tensor(integers: integers, shape: [integers.count]))
    }
    let groups: Value
    let shape: Value
    if let heads = wanted[1].constant, let keyHeads = own[1].constant, let size = own[3].constant, keyHeads > 0 {
      groups = try constant([1, 1, heads / keyHeads, 1, 1])
      shape = try constant([0, heads, -1, size])
    } else {
      let sizes = try graph.insert(ShapeOf(), [value])
      let heads = try graph.insert(Gather(), [graph.insert(ShapeOf(), [query]), constant([1])])
      let times = try graph.insert(Div(), [heads, graph.insert(Gather(), [sizes, constant([1])])])
      groups = try graph.insert(Concat(axis: 0), [constant([1, 1]), times, constant([1, 1])])
      shape = try graph.insert(
        Concat(axis: 0), [constant([0]), heads, graph.insert(Gather(), [sizes, constant([2, 3])])])
    }
    let apart = try graph.insert(Unsqueeze(), [value, constant([2])])
    return try graph.insert(Reshape(), [graph.insert(Expand(), [apart, groups]), shape])
  }

  private func cast(_ value: Value, to element: ElementType, in graph: inout Graph) throws -> Value {
    graph.type(of: value).element == element ? value : try graph.insert(Cast(to: element), [value])
  }
}

/// Where a decomposition takes the numbers of attributes from.
package protocol AttributeNumbers {
  /// A tensor without axes that holds `value`, which is that of `attribute`.
  mutating func number(
    _ attribute: String, _ value: Double, _ element: ElementType, in graph: inout Graph
  ) throws -> Value
}

/// Numbers as constants of the graph.
package struct ConstantNumbers: AttributeNumbers {
  package init() {}

  package mutating func number(
    _ attribute: String, _ value: Double, _ element: ElementType, in graph: inout Graph
  ) throws -> Value {
    try graph.addConstant(Tensor(doubles: [value], element: element, shape: []))
  }
}
