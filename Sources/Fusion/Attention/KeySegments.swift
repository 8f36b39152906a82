import GraphIR
import Operations
import Tensors

/// Attention whose keys come in segments: a product of the queries with each, the scores joined for one softmax, the weights cut
/// apart again, and a product with the values of each segment added up. Blocks of a sequence that each see a few global keys
/// beside their own are such.
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
      segments.allSatisfy({
        $0.query == first.query && $0.queryOrder == first.queryOrder && $0.factor == first.factor
          && $0.element == first.element
      })
    else { return false }
    let sizes = segments.map(\.length)
    let origin = origin(of: segments.flatMap(\.nodes) + [concat])
    let query = try matrix(first.query, first.queryLetters, as: first.rows, "query", origin)
    // As rows where they are that already: what follows wants rows.
    let areRows = segments.allSatisfy(\.hasKeysAsRows)
    let parts = try segments.map { segment in
      let wanted = areRows ? segment.wanted.dropLast(2) + segment.wanted.suffix(2).reversed() : segment.wanted
      return try matrix(segment.key, segment.keyLetters, as: wanted, "keys", origin)
    }
    var keys = try insert(
      Concat(axis: areRows ? -2 : -1), broadcast(parts, like: query, "keys", origin), "keys", origin)
    if areRows {
      let rank = graph.info(of: keys).rank ?? 2
      keys = try insert(Transpose(Array(0..<(rank - 2)) + [rank - 1, rank - 2]), [keys], "keys", origin)
    }
    var scores = try insert(MatMul(), [query, keys], "scores", origin)
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
    guard let sum = sum(of: Set(pieces.map { $0.product.output })) else { return false }
    let origin = origin(of: pieces.flatMap { [$0.weights.node, $0.product.node] } + sum.nodes)
    let orders = Set(pieces.map(\.order))
    guard let order = orders.first, orders.count == 1 else { return false }
    let parts = try pieces.map { piece in
      try matrix(piece.product.operand(left: !piece.onLeft), piece.valueLetters, as: piece.wanted, "values", origin)
    }
    let values = try insert(Concat(axis: -2), broadcast(parts, like: weights, "values", origin), "values", origin)
    var output = try insert(MatMul(), [weights, values], "output", origin)
    if order != Array(order.indices) { output = try insert(Transpose(order), [output], "output", origin) }
    try graph.replaceUses(of: sum.value, with: output)
    return true
  }

  /// `value`, whose dimensions have `letters`, as a matrix with its dimensions in the order `wanted`; what it lacks has the size 1.
  private mutating func matrix(
    _ value: Value, _ letters: [Int], as wanted: [Int], _ purpose: String, _ origin: Origin
  ) throws -> Value {
    let order = wanted.compactMap { letters.firstIndex(of: $0) }
    guard order.count == letters.count else { throw ModelError.unsupported("an operand of other dimensions") }
    var result = value
    if order != Array(letters.indices) { result = try insert(Transpose(order), [result], purpose, origin) }
    // Dimensions before the first need not be there.
    let first = wanted.firstIndex { letters.contains($0) } ?? 0
    let lacking = wanted[first...].indices.filter { !letters.contains(wanted[$0]) }.map { $0 - first }
    guard !lacking.isEmpty else { return result }
    return try insert(Unsqueeze(), [result, constant(lacking)], purpose, origin)
  }

  /// `parts` with the batch dimensions of `whole` where they don't agree in theirs.
  private mutating func broadcast(
    _ parts: [Value], like whole: Value, _ purpose: String, _ origin: Origin
  ) throws -> [Value] {
    let batches = parts.map { graph.info(of: $0).shape.dimensions?.dropLast(2) }
    guard Set(batches).count > 1 else { return parts }
    guard let rank = graph.info(of: whole).rank else { throw ModelError.unsupported("operands of unknown rank") }
    let batch = try insert(ShapeOf(start: 0, end: rank - 2), [whole], "shape", origin)
    let shape = try insert(Concat(axis: 0), [batch, constant([1, 1])], "shape", origin)
    let sizes = graph.info(of: whole).shape.dimensions?.dropLast(2)
    return try zip(parts, batches).map { part, batch in
      batch == sizes ? part : try insert(Expand(), [part, shape], purpose, origin)
    }
  }

  private mutating func constant(_ integers: [Int]) throws -> Value {
    try graph.addConstant(Tensor(integers: integers, shape: [integers.count]))
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
        case is Cast, is Identity, is Dropout, is Where, is Mul, is Div, is Neg: pending.append(Value(reader))
        default: continue
        }
      }
    }
    return nil
  }

  /// Stretches of `weights` along the keys, in order, each with the product that reads it.
  private func pieces(of weights: Value) -> [Piece] {
    var pieces: [Piece] = []
    for reader in Set(graph.uses(of: weights).compactMap(\.node)).sorted() {
      for index in graph[reader].outputs.indices {
        let part = Value(reader, index)
        guard let stretch = graph.stretch(part, along: softmax.rank - 1), stretch.source == weights,
          let reader = graph.uses(of: part).first?.node, graph.hasSingleUse(part),
          let product = Contraction(graph[reader], in: graph),
          let piece = Piece(of: product, weights: part, start: stretch.start)
        else { continue }
        let place = pieces.firstIndex { $0.start != stretch.start && $0.start.isAtLeast(stretch.start) }
        pieces.insert(piece, at: place ?? pieces.endIndex)
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

extension Contraction {
  /// Whether it is a sum of products and nothing more.
  fileprivate var isPlain: Bool { scale == 1 && addend == nil }
}

/// A stretch of the weights, where it begins, and the product that reads it.
private struct Piece {
  let start: Dimension
  let weights: Value
  let product: Contraction
  /// Whether the weights are the product's left operand.
  let onLeft: Bool
  let valueLetters: [Int]
  /// The letters that the values' dimensions have in a product of matrices, in order.
  let wanted: [Int]
  /// The order in which the product has the dimensions of such a product.
  let order: [Int]

  init?(of product: Contraction, weights: Value, start: Dimension) {
    guard product.isPlain, product.left != product.right else { return nil }
    onLeft = product.left == weights
    let letters = product.letters(ofLeft: onLeft)
    let own = product.free(ofLeft: !onLeft)
    guard letters.count >= 2, product.summed == letters.suffix(1), own.count == 1 else { return nil }
    valueLetters = product.letters(ofLeft: !onLeft)
    // Values may have batch dimensions beyond those of the weights.
    let output = product.outputLetters
    let isMatrix = output.dropLast().suffix(letters.count - 1) == letters.dropLast() && output.suffix(1) == own[...]
    let plain = isMatrix ? output : letters.dropLast() + own
    guard plain.sorted() == output.sorted() else { return nil }
    order = output.compactMap { plain.firstIndex(of: $0) }
    wanted = plain.dropLast(2) + product.summed + own
    (self.start, self.weights, self.product) = (start, weights, product)
  }
}

/// One segment's scores: a product of queries and keys, times a number.
private struct Segment {
  let query: Value
  let key: Value
  /// The letters of the operands' dimensions, and those that they have in a product of matrices, in order.
  let queryLetters: [Int]
  let rows: [Int]
  let keyLetters: [Int]
  let wanted: [Int]
  /// How many keys there are.
  let length: Dimension
  private(set) var factor = 1.0
  let element: ElementType
  private(set) var nodes: [NodeID] = []

  var hasKeysAsRows: Bool { keyLetters.suffix(2) == wanted.suffix(2).reversed()[...] }

  /// Where each of the queries' dimensions stands in a product of matrices, counted from its end.
  var queryOrder: [Int] { queryLetters.map { rows.count - (rows.firstIndex(of: $0) ?? rows.count) } }

  init?(_ scores: Value, in graph: Graph) {
    element = graph.info(of: scores).element
    var current = scores
    while true {
      let node = graph[current.node]
      let inputs = node.inputs.compactMap { $0 }
      nodes.append(node.id)
      switch node.operation {
      case is MatMul, is Einsum:
        guard let product = Contraction(node, in: graph), product.isPlain, product.summed.count == 1,
          let shape = graph.info(of: current).shape.dimensions, let own = product.outputLetters.last, shape.count >= 2,
          let onLeft = [false, true].first(where: { product.free(ofLeft: $0) == [own] })
        else { return nil }
        (query, key) = (product.operand(left: !onLeft), product.operand(left: onLeft))
        queryLetters = product.letters(ofLeft: !onLeft)
        rows = product.outputLetters.dropLast() + product.summed
        keyLetters = product.letters(ofLeft: onLeft)
        wanted = product.outputLetters.dropLast(2) + product.summed + [own]
        length = shape[shape.count - 1]
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
