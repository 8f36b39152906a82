import GraphIR
import Operations
import Tensors

/// Builds the graph of a spelling: inputs q, k, v as the layout has them, mask inputs as needed, output y.
struct AttentionBuilder {
  let spelling: AttentionSpelling
  var graph = Graph(name: "attention")
  private let batch = 2
  private let heads = 4
  private let queries = 5
  private let keyCount = 7
  private let size = 8
  private(set) var shapes: [String: [Int]] = [:]
  /// What kept scores, for the weights to be kept by the same.
  private var keptMask: Value?
  /// What the product with the values is divided by.
  private var divisor: Value?

  init(_ spelling: AttentionSpelling) throws {
    self.spelling = spelling
    try build()
  }

  /// The type of all numbers.
  var element: ElementType { spelling.isWide ? .float64 : .float32 }

  private var keyHeads: Int {
    switch spelling.layout {
    case .grouped, .groupedBroadcast: 2
    case .multiQuery: 1
    default: heads
    }
  }

  private mutating func input(
    _ name: String, _ sizes: [Int], _ symbols: [String?], _ element: ElementType? = nil
  ) throws -> Value {
    shapes[name] = sizes
    let dimensions = zip(sizes, symbols).map { size, symbol in
      spelling.dynamic ? symbol.map { Dimension(symbol: $0) } ?? Dimension(size) : Dimension(size)
    }
    return try graph.addInput([name], TensorType(element ?? self.element, Shape(dimensions)))
  }

  mutating func op(_ operation: any GraphOperation, _ inputs: Value...) throws -> Value {
    try graph.insert(operation, inputs)
  }

  mutating func number(_ value: Double) throws -> Value {
    try graph.addConstant(Tensor(doubles: [value], element: element, shape: []))
  }

  /// The lowest number of the type.
  private mutating func lowest() throws -> Value {
    try number(spelling.isWide ? -Double.greatestFiniteMagnitude : -Double(Float.greatestFiniteMagnitude))
  }

  private mutating func integers(_ values: [Int]) throws -> Value {
    try graph.addConstant(try Tensor(integers: values, shape: [values.count]))
  }

  private mutating func transpose(_ value: Value, _ order: [Int]) throws -> Value {
    var operation = Transpose()
    operation.permutation = order
    return try op(operation, value)
  }

  private mutating func times(_ value: Value, _ factor: Double) throws -> Value { try op(Mul(), value, number(factor)) }

  /// The products with queries and with values.
  private func products() -> (scores: any GraphOperation, output: any GraphOperation) {
    guard spelling.layout == .einsum else { return (MatMul(), MatMul()) }
    var (scores, output) = (Einsum(), Einsum())
    scores.equation = "bihd,bjhd->bhij"
    output.equation = "bhij,bjhd->bihd"
    return (scores, output)
  }

  /// Query, transposed key and value as the first product takes them, and the rank of the scores.
  private mutating func operands() throws -> (query: Value, key: Value, value: Value) {
    switch spelling.layout {
    case .single:
      let q = try input("q", [queries, size], ["sq", nil])
      let k = try input("k", [keyCount, size], ["sk", nil])
      return (q, try transpose(k, [1, 0]), try input("v", [keyCount, size], ["sk", nil]))
    case .folded:
      let q = try input("q", [batch * heads, queries, size], ["n", "sq", nil])
      let k = try input("k", [batch * heads, keyCount, size], ["n", "sk", nil])
      return (q, try transpose(k, [0, 2, 1]), try input("v", [batch * heads, keyCount, size], ["n", "sk", nil]))
    case .groupedBroadcast:
      let group = heads / keyHeads
      let q = try input("q", [batch, keyHeads, group, queries, size], ["b", nil, nil, "sq", nil])
      let k = try input("k", [batch, keyHeads, 1, keyCount, size], ["b", nil, nil, "sk", nil])
      return (
        q, try transpose(k, [0, 1, 2, 4, 3]),
        try input("v", [batch, keyHeads, 1, keyCount, size], ["b", nil, nil, "sk", nil])
      )
    case .einsum:
      let q = try input("q", [batch, queries, heads, size], ["b", "sq", nil, nil])
      let k = try input("k", [batch, keyCount, heads, size], ["b", "sk", nil, nil])
      return (q, k, try input("v", [batch, keyCount, heads, size], ["b", "sk", nil, nil]))
    default:
      let q = try transpose(try input("q", [batch, queries, heads, size], ["b", "sq", nil, nil]), [0, 2, 1, 3])
      var k = try input("k", [batch, keyCount, keyHeads, size], ["b", "sk", nil, nil])
      var v = try transpose(try input("v", [batch, keyCount, keyHeads, size], ["b", "sk", nil, nil]), [0, 2, 1, 3])
      if spelling.layout == .grouped {
        k = try expandHeads(try transpose(k, [0, 2, 1, 3]))
        return (q, try transpose(k, [0, 1, 3, 2]), try expandHeads(v))
      }
      if spelling.weights == .identity { v = try op(Identity(), v) }
      if spelling.keys == .permuted { return (q, try transpose(k, [0, 2, 3, 1]), v) }
      return (q, try transpose(try transpose(k, [0, 2, 1, 3]), [0, 1, 3, 2]), v)
    }
  }

  /// Heads folded into batches for the product, with lengths that a table of positions limits, which it never does.
  private mutating func limitedProduct(_ query: Value, _ key: Value) throws -> Value {
    let (batches, rows, columns) = (try axis(0, of: query), try axis(2, of: query), try axis(3, of: key))
    let limits = (try op(Min(), rows, integers([64])), try op(Min(), columns, integers([64])))
    let (count, features) = (try integers([heads]), try integers([size]))
    let folded = try op(Mul(), batches, count)
    let left = try op(Reshape(), query, op(Concat(axis: 0), folded, limits.0, features))
    let right = try op(Reshape(), key, op(Concat(axis: 0), folded, features, limits.1))
    let sizes = try op(Concat(axis: 0), batches, count, limits.0, limits.1)
    return try op(Reshape(), op(MatMul(), left, right), sizes)
  }

  private mutating func axis(_ index: Int, of value: Value) throws -> Value {
    try op(Gather(), op(ShapeOf(), value), integers([index]))
  }

  /// [b, g, s, d] → [b, g, 1, s, d] → [b, g, 2, s, d] → [b, 2g, s, d]
  private mutating func expandHeads(_ value: Value) throws -> Value {
    let group = heads / keyHeads
    let apart = try op(Unsqueeze(), value, integers([2]))
    let repeated = try op(Expand(), apart, integers([1, 1, group, 1, 1]))
    return try op(Reshape(), repeated, integers([0, heads, -1, size]))
  }

  private var scoreRank: Int {
    switch spelling.layout {
    case .single: 2
    case .folded: 3
    case .groupedBroadcast: 5
    default: 4
    }
  }

  /// A mask of a shape that broadcasts to the scores; `perBatch` where the layout has a batch dimension of its own.
  mutating func maskInput(_ name: String, _ element: ElementType, perBatch: Bool = true) throws -> Value {
    var sizes = Array(repeating: 1, count: scoreRank - 2)
    var symbols = [String?](repeating: nil, count: scoreRank - 2)
    if perBatch, scoreRank > 2 {
      sizes[0] = spelling.layout == .folded ? batch * heads : batch
      symbols[0] = spelling.layout == .folded ? "n" : "b"
    }
    return try input(name, sizes + [queries, keyCount], symbols + ["sq", "sk"], element)
  }

  mutating func oriented(_ mask: Value) throws -> Value {
    guard spelling.order == .transposed else { return mask }
    return try swapLast(mask, rank: graph.info(of: mask).rank ?? 2)
  }

  private mutating func swapLast(_ value: Value, rank: Int) throws -> Value {
    try transpose(value, Array(0..<(rank - 2)) + [rank - 1, rank - 2])
  }

  private mutating func masked(_ scores: Value, query: Value) throws -> Value {
    switch spelling.mask {
    case .none: return scores
    case .added: return try op(Add(), scores, oriented(maskInput("m", element)))
    case .commutedAdd: return try op(Add(), oriented(maskInput("m", element)), scores)
    case .addedTwice:
      let once = try op(Add(), scores, oriented(maskInput("m", element)))
      return try op(Add(), once, oriented(maskInput("m2", element, perBatch: false)))
    case .subtracted: return try op(Sub(), scores, oriented(maskInput("m", element)))
    case .matrix: return try op(Add(), scores, oriented(input("m", [queries, keyCount], ["sq", "sk"])))
    case .keep:
      let kept = try oriented(maskInput("c", .bool))
      keptMask = kept
      return try op(Where(), kept, scores, number(-.infinity))
    case .hide: return try op(Where(), oriented(maskInput("c", .bool)), number(-1e9), scores)
    case .keepLowest: return try op(Where(), oriented(maskInput("c", .bool)), scores, lowest())
    case .byArithmetic:
      let kept = try oriented(maskInput("c", .bool))
      let hidden = try op(Cast(to: element), op(Not(), kept))
      return try op(Add(), op(Mul(), scores, op(Cast(to: element), kept)), op(Mul(), hidden, lowest()))
    case .keepThenAdd:
      let kept = try op(Where(), oriented(maskInput("c", .bool)), scores, lowest())
      return try op(Add(), kept, oriented(maskInput("m", element, perBatch: false)))
    case .keepThenPad:
      let kept = try op(Where(), oriented(maskInput("c", .bool)), scores, number(-1e4))
      let padding = try op(Where(), oriented(maskInput("cp", .bool, perBatch: false)), number(0), lowest())
      return try op(Add(), kept, padding)
    case .addThenKeep:
      let added = try op(Add(), scores, oriented(maskInput("m", element)))
      return try op(Where(), oriented(maskInput("c", .bool)), added, lowest())
    case .keepThenScale:
      return try times(op(Where(), oriented(maskInput("c", .bool)), scores, lowest()), 2)
    case .scalar: return try op(Add(), scores, number(1.5))
    case .clamped:
      let added = try op(Add(), scores, oriented(maskInput("m", element)))
      return try op(Max(), added, lowest())
    case .causal: return try op(Where(), sees(scores, ahead: 0), scores, number(-.infinity))
    case .causalLowest:
      let hidden = try op(Not(), sees(scores, ahead: 0))
      return try op(Where(), hidden, lowest(), scores)
    case .causalAdded:
      return try op(Add(), scores, op(Where(), sees(scores, ahead: 0), number(0), number(-.infinity)))
    case .causalAndPadding:
      let both = try op(And(), sees(scores, ahead: 0), oriented(maskInput("c", .bool)))
      return try op(Where(), both, scores, number(-.infinity))
    case .lowerRight:
      let difference = try op(Sub(), length(scores, .keys), length(scores, .queries))
      return try op(Where(), sees(scores, ahead: difference), scores, number(-.infinity))
    case .window:
      let ahead = try op(Not(), op(Less(), distance(scores), integer(-2)))
      return try op(Where(), op(And(), sees(scores, ahead: 1), ahead), scores, number(-.infinity))
    case .chunked:
      // As in windows that don't slide: causal within each stretch of three.
      let parts = try positions(scores).map { try op(Div(), $0, integer(3)) }
      let same = try op(Equal(), parts[0], parts[1])
      return try op(Where(), op(And(), same, sees(scores, ahead: 0)), scores, number(-.infinity))
    case .everySecond:
      let parts = try positions(scores).map { try op(Mod(), $0, integer(2)) }
      return try op(Where(), op(Equal(), parts[0], parts[1]), scores, lowest())
    case .table:
      // Relative positions: the queries' product with weights, put first.
      let table = try graph.addConstant(
        Tensor(
          doubles: (0..<(size * keyCount)).map { 0.1 * Double($0 % 5) }, element: element, shape: [size, keyCount]))
      return try op(Add(), op(MatMul(), query, table), scores)
    case .clipped:
      let added = try op(Add(), scores, oriented(maskInput("m", element)))
      return try op(Clip(), added, lowest(), op(Neg(), lowest()))
    case .addedByOneSum:
      return try op(
        Sum(), oriented(maskInput("m", element)), scores, oriented(maskInput("m2", element, perBatch: false)))
    }
  }

  /// The first three along `axis`, and the rest.
  private mutating func segments(of value: Value, axis: Int) throws -> (Value, Value) {
    let (axis, three) = (try integers([axis]), try integers([3]))
    return (
      try op(Slice(), value, integers([0]), three, axis), try op(Slice(), value, three, integers([Int.max]), axis)
    )
  }

  private enum Side { case queries, keys }

  private mutating func integer(_ value: Int64) throws -> Value { try graph.addConstant(Tensor(scalar: value)) }

  private mutating func length(_ scores: Value, _ side: Side) throws -> Value {
    let isLast = (side == .keys) == (spelling.order == .rows)
    return try op(Gather(), op(ShapeOf(), scores), integer(isLast ? -1 : -2))
  }

  /// Positions of queries and of keys, in the order of the scores' last two axes.
  private mutating func positions(_ scores: Value) throws -> [Value] {
    var positions: [Value] = []
    for (side, axis) in [(Side.queries, spelling.order == .rows ? 1 : 0), (.keys, spelling.order == .rows ? 0 : 1)] {
      let range = try op(NumberRange(), integer(0), length(scores, side), integer(1))
      positions.append(try op(Unsqueeze(), range, integers([axis])))
    }
    return positions
  }

  /// Key position minus query position.
  private mutating func distance(_ scores: Value) throws -> Value {
    let positions = try positions(scores)
    return try op(Sub(), positions[1], positions[0])
  }

  private mutating func sees(_ scores: Value, ahead: Int64) throws -> Value { try sees(scores, ahead: integer(ahead)) }

  private mutating func sees(_ scores: Value, ahead: Value) throws -> Value {
    try op(LessOrEqual(), distance(scores), ahead)
  }

  /// Weights of `scores` along `axis`, one way or another.
  private mutating func normalized(_ scores: Value, axis: Int) throws -> Value {
    let last = try integers([axis])
    func shifted() throws -> Value { try op(Sub(), scores, op(ReduceMax(), scores, last)) }
    switch spelling.normalization {
    case .softmax:
      var softmax = Softmax()
      softmax.axis = axis
      return try op(softmax, scores)
    case .logarithm:
      var logarithm = LogSoftmax()
      logarithm.axis = axis
      return try op(Exp(), op(logarithm, scores))
    case .logSumExp: return try op(Exp(), op(Sub(), scores, op(ReduceLogSumExp(), scores, last)))
    case .quotient:
      let powers = try op(Exp(), shifted())
      return try op(Div(), powers, op(ReduceSum(), powers, last))
    case .reciprocal:
      let powers = try op(Exp(), shifted())
      return try op(Mul(), op(Reciprocal(), op(ReduceSum(), powers, last)), powers)
    case .unshifted:
      let powers = try op(Exp(), scores)
      return try op(Div(), powers, op(ReduceSum(), powers, last))
    case .shiftedLogSum:
      let maximum = try op(ReduceMax(), scores, last)
      let sum = try op(ReduceSum(), op(Exp(), op(Sub(), scores, maximum)), last)
      return try op(Exp(), op(Sub(), scores, op(Add(), op(Log(), sum), maximum)))
    case .floored:
      let powers = try op(Exp(), shifted())
      return try op(Div(), powers, op(Add(), op(ReduceSum(), powers, last), number(1e-7)))
    case .wholeMaximum:
      var softmax = Softmax()
      softmax.axis = axis
      return try op(softmax, op(Sub(), scores, op(ReduceMax(), scores, integers([-1, -2]))))
    case .again, .keptAgain:
      var softmax = Softmax()
      softmax.axis = axis
      let weights = try kept(op(softmax, scores))
      return try op(Div(), weights, op(ReduceSum(), weights, last))
    case .keptPowers:
      let powers = try kept(op(Exp(), shifted()))
      return try op(Div(), powers, op(ReduceSum(), powers, last))
    case .afterProduct:
      let powers = try op(Exp(), shifted())
      divisor = try op(ReduceSum(), powers, last)
      return powers
    }
  }

  /// `weights`, those put to 0 that a further mask hides.
  private mutating func kept(_ weights: Value) throws -> Value {
    switch spelling.normalization {
    case .keptPowers: try op(Mul(), op(Cast(to: element), oriented(maskInput("seen", .bool))), weights)
    case .keptAgain: try op(Where(), oriented(maskInput("seen", .bool)), weights, number(0))
    default: weights
    }
  }

  /// The weights of `scores` beside one further logit a head, which is dropped again.
  private mutating func normalizedWithSink(_ scores: Value) throws -> Value {
    if spelling.columns == .padded {
      let pads = try integers((1...2 * scoreRank).map { $0 == 2 * scoreRank ? 1 : 0 })
      let weights = try normalized(op(Pad(), scores, pads, number(0.25)), axis: scoreRank - 1)
      return try op(Slice(), weights, integers([0]), integers([-1]), integers([-1]))
    }
    let isPerQuery = spelling.flaw == .sinkOfQueries
    let heads = scoreRank == 4 ? self.heads : 1
    var column = try input(
      "logit", isPerQuery ? [queries, 1] : scoreRank == 4 ? [heads, 1, 1] : [1], Array(repeating: nil, count: 3))
    let sizes = try op(ShapeOf(), scores)
    let rows = try op(Slice(), sizes, integers([0]), integers([-1]))
    column = try op(Expand(), column, op(Concat(axis: 0), rows, integers([1])))
    let weights = try normalized(op(Concat(axis: -1), scores, column), axis: scoreRank - 1)
    let bounds = spelling.flaw == .misplacedSink ? (1, Int.max) : (0, -1)
    return try op(Slice(), weights, integers([bounds.0]), integers([bounds.1]), integers([-1]))
  }

  private mutating func build() throws {
    var (query, key, value) = try operands()
    if spelling.flaw == .linearLayer {
      key = try graph.addConstant(
        Tensor(
          doubles: (0..<(size * keyCount)).map { 0.1 * Double($0 % 7) }, element: element, shape: [size, keyCount]))
    }
    switch spelling.scale {
    case .onQuery: query = try times(query, 0.3)
    case .onKey: key = try times(key, 0.3)
    case .split, .threeTimes: (query, key) = (try times(query, 0.6), try times(key, 0.5))
    default: break
    }
    var scores: Value
    let product = products()
    if spelling.columns == .segments {
      let parts = try segments(of: key, axis: spelling.layout == .einsum ? 1 : -1)
      scores = try op(Concat(axis: -1), op(product.scores, query, parts.0), op(product.scores, query, parts.1))
    } else if spelling.order == .transposed {
      scores = try op(MatMul(), swapLast(key, rank: scoreRank), swapLast(query, rank: scoreRank))
    } else if spelling.layout == .limited {
      scores = try limitedProduct(query, key)
    } else {
      scores = try op(product.scores, query, key)
    }
    let raw = scores
    scores = try flawed(scores: scores)
    switch spelling.scale {
    case .divided: scores = try op(Div(), scores, number(2.5))
    case .multiplied, .threeTimes: scores = try times(scores, 0.4)
    case .commuted: scores = try op(Mul(), number(0.4), scores)
    case .perKey where spelling.order == .rows && spelling.columns == .whole:
      scores = try op(Mul(), scores, input("perKey", [keyCount], ["sk"]))
    case .runtime: scores = try op(Div(), scores, input("temperature", [1], [nil]))
    case .perHead
    where spelling.layout != .single && spelling.layout != .folded && spelling.layout != .groupedBroadcast:
      scores = try op(Mul(), scores, input("perHead", [heads, 1, 1], [nil, nil, nil]))
    default: break
    }
    if spelling.softcap { scores = try times(op(Tanh(), times(scores, 0.25)), 4) }
    scores = try masked(scores, query: query)
    if spelling.flaw == .softcapAfterMask { scores = try op(Tanh(), scores) }
    let axis = spelling.order == .transposed ? scoreRank - 2 : scoreRank - 1
    var weights =
      spelling.columns == .sink || spelling.columns == .padded
      ? try normalizedWithSink(scores)
      : try normalized(scores, axis: spelling.flaw == .otherAxis ? scoreRank - 2 : axis)
    let bare = weights
    switch spelling.weights {
    case .identity: weights = try op(Identity(), weights)
    case .dropout: weights = try op(Dropout(), weights)
    case .guarded: weights = try op(Where(), op(IsNaN(), weights), number(0), weights)
    case .headMask where scoreRank == 4:
      weights = try op(Mul(), weights, input("gate", [heads, 1, 1], [nil, nil, nil]))
    case .guardedByEquality: weights = try op(Where(), op(Equal(), weights, weights), weights, number(0))
    case .scaled: weights = try times(weights, 0.5)
    case .negated: weights = try op(Neg(), weights)
    case .finite:
      weights = try op(Where(), op(IsNaN(), weights), number(0), weights)
      let isLarge = try op(And(), op(IsInf(), weights), op(Greater(), weights, number(0)))
      weights = try op(Where(), isLarge, number(3e38), weights)
    case .kept:
      if let keptMask { weights = try op(Where(), op(Not(), keptMask), number(0), weights) }
    case .keptRows:
      weights = try op(Where(), oriented(input("rows", [queries, 1], ["sq", nil], .bool)), weights, number(0))
    default: break
    }
    weights = try flawed(weights: weights)
    var output: Value
    if spelling.columns == .segments {
      let parts = try segments(of: value, axis: spelling.layout == .einsum ? 1 : -2)
      let pieces = try segments(of: weights, axis: -1)
      output = try op(product.output, pieces.0, parts.0)
      if spelling.flaw != .droppedSegment { output = try op(Add(), op(product.output, pieces.1, parts.1), output) }
    } else if spelling.order == .transposed {
      output = try op(MatMul(), swapLast(value, rank: scoreRank), weights)
    } else {
      output = try op(product.output, weights, value)
    }
    if let divisor { output = try op(Div(), output, divisor) }
    if spelling.flaw == .weightsInTwoProducts {
      graph.addOutput(["z"], try op(MatMul(), weights, op(Neg(), value)))
    }
    if scoreRank == 4, spelling.layout != .einsum { output = try transpose(output, [0, 2, 1, 3]) }
    graph.addOutput(["y"], output)
    if spelling.flaw == .scoresRead { graph.addOutput(["scores"], raw) }
    if spelling.flaw == .weightsRead { graph.addOutput(["weights"], try op(Relu(), bare)) }
  }
}
