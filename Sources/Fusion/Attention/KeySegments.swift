import GraphIR
import Operations
import Tensors

/// Attention whose keys come in segments: a product of the queries with each, the scores joined for one softmax, the weights cut
/// apart again, and a product with the values of each segment added up.
///
/// Joining keys and values instead says the same with two products: [q·k₀ᵀ, q·k₁ᵀ] = q·[k₀, k₁]ᵀ and w₀·v₀ + w₁·v₁ = [w₀, w₁]·[v₀, v₁].
struct KeySegments {
  private var graph: Graph
  private let softmax: SoftmaxForm
  private let pass: String

  /// `graph` with the segments around `softmax` joined; nil where its keys come in one piece.
  static func joined(around softmax: SoftmaxForm, in graph: Graph, pass: String) -> Graph? {
    guard softmax.axis == softmax.rank - 1, let concat = concatenation(above: softmax, in: graph) else { return nil }
    var segments = KeySegments(graph: graph, softmax: softmax, pass: pass)
    return (try? segments.join(at: concat)) ?? false ? segments.graph : nil
  }

  /// The node that joins scores, above steps that act on each score alone.
  private static func concatenation(above softmax: SoftmaxForm, in graph: Graph) -> NodeID? {
    var pending = [softmax.row]
    var seen = 0
    while let value = pending.popLast(), seen < 64 {
      seen += 1
      let node = graph[value.node]
      switch node.operation {
      case let concat as Concat:
        guard (try? normalizedAxis(concat.axis, rank: softmax.rank)) == softmax.rank - 1, node.inputs.count > 1,
          node.inputs.allSatisfy({ $0.flatMap { Segment($0, in: graph) } != nil })
        else { continue }
        return node.id
      case is Add, is Sum, is Sub, is Neg, is Mul, is Div, is Where, is Max, is Min, is Clip, is Cast, is Tanh,
        is Identity:
        pending += node.inputs.compactMap { $0 }.filter { graph.info(of: $0).rank == softmax.rank }
      default: continue
      }
    }
    return nil
  }

  /// Joins the scores at `concat`, and the products below the softmax unless there is one only.
  private mutating func join(at concat: NodeID) throws -> Bool {
    let segments = graph[concat].inputs.compactMap { $0.flatMap { Segment($0, in: graph) } }
    guard let first = segments.first,
      segments.allSatisfy({ $0.query == first.query && $0.factor == first.factor && $0.element == first.element })
    else { return false }
    let sizes = segments.map { graph.info(of: $0.key).shape.dimensions?.last ?? .unknown }
    let origin = origin(of: segments.flatMap(\.nodes) + [concat])
    let keys = try insert(Concat(axis: -1), segments.map(\.key), "keys", origin)
    var scores = try insert(MatMul(), [first.query, keys], "scores", origin)
    if first.factor != 1 {
      let factor = try graph.addConstant(
        Tensor(doubles: [first.factor], element: graph.info(of: scores).element, shape: []))
      scores = try insert(Mul(), [scores, factor], "scores", origin)
    }
    if graph.info(of: scores).element != first.element {
      scores = try insert(Cast(to: first.element), [scores], "scores", origin)
    }
    try graph.replaceUses(of: Value(concat), with: scores)
    return try joinValues(sizes)
  }

  private mutating func joinValues(_ sizes: [Dimension]) throws -> Bool {
    guard let (weights, pieces) = cut() else { return true }
    guard pieces.count == sizes.count else { return false }
    var start = Dimension(0)
    for (piece, size) in zip(pieces, sizes) {
      guard piece.start == start, graph.info(of: piece.weights).shape.dimensions?.last == size else { return false }
      start = start + size
    }
    guard let sum = sum(of: Set(pieces.map { Value($0.product) })) else { return false }
    let origin = origin(of: pieces.flatMap { [$0.weights.node, $0.product] } + sum.nodes)
    let values = try insert(Concat(axis: -2), pieces.map(\.value), "values", origin)
    try graph.replaceUses(of: sum.value, with: insert(MatMul(), [weights, values], "output", origin))
    return true
  }

  /// The weights that are cut apart, below steps that act on each weight alone, and their pieces.
  private func cut() -> (weights: Value, pieces: [Piece])? {
    var pending = [Value(softmax.anchor)]
    var seen: Set<Value> = []
    while let weights = pending.popLast(), seen.count < 32 {
      guard seen.insert(weights).inserted else { continue }
      let pieces = pieces(of: weights)
      if !pieces.isEmpty { return (weights, pieces) }
      for reader in graph.uses(of: weights).compactMap(\.node) {
        switch graph[reader].operation {
        case is Cast, is Identity, is Dropout, is Where, is Mul, is Div: pending.append(Value(reader))
        default: continue
        }
      }
    }
    return nil
  }

  /// A stretch of the weights, where it begins, and the product that reads it.
  private typealias Piece = (start: Dimension, weights: Value, value: Value, product: NodeID)

  /// Stretches of `weights` along the keys, in order, each with the product that reads it.
  private func pieces(of weights: Value) -> [Piece] {
    var pieces: [Piece] = []
    for reader in Set(graph.uses(of: weights).compactMap(\.node)).sorted() {
      for index in graph[reader].outputs.indices {
        let part = Value(reader, index)
        guard let stretch = graph.stretch(part, along: softmax.rank - 1), stretch.source == weights,
          let product = graph.uses(of: part).first?.node, graph.hasSingleUse(part),
          graph[product].operation is MatMul, graph[product].inputs[0] == part, let value = graph[product].inputs[1]
        else { continue }
        let place = pieces.firstIndex { $0.start != stretch.start && $0.start.isAtLeast(stretch.start) }
        pieces.insert((stretch.start, part, value, product), at: place ?? pieces.endIndex)
      }
    }
    return pieces
  }

  /// The value that adds up all `terms`, and the nodes that do it.
  private func sum(of terms: Set<Value>) -> (value: Value, nodes: [NodeID])? {
    var terms = terms
    var nodes: [NodeID] = []
    while terms.count > 1 {
      let adders = terms.compactMap { graph.uses(of: $0).first?.node }.filter { graph[$0].operation is Add }
      guard let adder = adders.first(where: { graph[$0].inputs.allSatisfy { $0.map(terms.contains) ?? false } }) else {
        return nil
      }
      terms.subtract(graph[adder].inputs.compactMap { $0 })
      terms.insert(Value(adder))
      nodes.append(adder)
    }
    return terms.first.map { ($0, nodes) }
  }

  private func origin(of nodes: [NodeID]) -> Origin { Origin(sources: graph.sources(nodes), passes: [pass]) }

  private mutating func insert(
    _ operation: any GraphOperation, _ inputs: [Value], _ purpose: String, _ origin: Origin
  ) throws -> Value {
    try graph.insert(operation, inputs, name: "\(graph[softmax.anchor].name)/\(purpose)", origin: origin)
  }
}

/// One segment's scores: a product of queries and transposed keys, times a number.
private struct Segment {
  let query: Value
  let key: Value
  private(set) var factor = 1.0
  let element: ElementType
  private(set) var nodes: [NodeID] = []

  init?(_ scores: Value, in graph: Graph) {
    element = graph.info(of: scores).element
    var current = scores
    while true {
      let node = graph[current.node]
      let inputs = node.inputs.compactMap { $0 }
      nodes.append(node.id)
      switch node.operation {
      case is MatMul where inputs.count == 2:
        (query, key) = (inputs[0], inputs[1])
        return
      case let cast as Cast where cast.to.isFloatingPoint && graph.info(of: inputs[0]).element.isFloatingPoint:
        current = inputs[0]
      case is Mul where inputs.count == 2:
        if let number = graph.info(of: inputs[1]).scalar {
          (current, factor) = (inputs[0], factor * number)
        } else if let number = graph.info(of: inputs[0]).scalar {
          (current, factor) = (inputs[1], factor * number)
        } else {
          return nil
        }
      case is Div where inputs.count == 2:
        guard let number = graph.info(of: inputs[1]).scalar, number != 0 else { return nil }
        (current, factor) = (inputs[0], factor / number)
      case is Identity where inputs.count == 1: current = inputs[0]
      default: return nil
      }
    }
  }
}
