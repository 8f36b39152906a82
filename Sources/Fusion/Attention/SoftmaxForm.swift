import GraphIR
import Operations
import Tensors

/// A softmax, as one node or spelled out, perhaps with a column beside the scores that takes weight and gives no value.
struct SoftmaxForm {
  /// The node that the decision is about: the one that gives the result of the softmax itself.
  let anchor: NodeID
  /// The scores it normalises.
  private(set) var input: Value
  /// Their weights.
  private(set) var output: Value
  /// What the softmax itself reads, a sink's column included.
  let row: Value
  let axis: Int
  let rank: Int
  /// All its nodes, the anchor included.
  private(set) var nodes: [NodeID]
  /// The largest score subtracted before exponentials are taken, as in the softmax of every format; otherwise they may overflow or vanish.
  private(set) var isStable = true
  /// What its being a softmax rests on.
  private(set) var assumption: String?
  /// A further logit of every row: the scores' shape with size 1 along `axis`.
  private(set) var sink: Value?
  /// What the scores are multiplied with before they are normalised.
  private(set) var scale = 1.0

  /// The softmax that ends in `node`, if one does and the rank of its input is known.
  init?(endingIn node: Node, in graph: Graph) {
    guard let core = SoftmaxCore(endingIn: node, in: graph), let rank = graph.info(of: core.input).rank,
      let axis = try? normalizedAxis(core.axis, rank: rank)
    else { return nil }
    anchor = node.id
    (input, output) = (core.input, Value(node.id))
    (self.axis, self.rank) = (axis, rank)
    nodes = core.nodes
    switch core.shift {
    case .rowMaximum: break
    case .none, .other: isStable = false
    case .logarithm: assumption = "no row holds nothing but finite masked scores"
    }
    row = core.input
    takeShift(in: graph)
    if scale == 1 { takeSink(in: graph) }
    takeShift(in: graph)
  }

  /// Leaves out a subtraction of the largest score, which changes no softmax, nor does it where a positive number scales the difference.
  private mutating func takeShift(in graph: Graph) {
    var node = graph[input.node]
    var above: [NodeID] = []
    var factor = 1.0
    // The scale would be the sink's, too.
    if sink == nil, let (source, scale) = graph.positiveScale(node) {
      above = [node.id]
      factor = scale
      node = graph[source.node]
    }
    guard node.operation is Sub, let data = node.inputs[0], let maximum = node.inputs[1],
      let reduction = graph.rowReduction(maximum, as: ReduceMax.self), reduction.source == data,
      reduction.axes == [axis]
    else { return }
    input = data
    scale *= factor
    isStable = true
    nodes += reduction.nodes + [node.id] + above
  }

  /// Takes apart a concatenation of scores and one more column above, where the weights of that column are dropped below.
  private mutating func takeSink(in graph: Graph) {
    var above: [NodeID] = []
    var joined = input
    while let source = graph.floatingCastSource(joined) {
      above.append(joined.node)
      joined = source
    }
    let concat = graph[joined.node]
    guard let operation = concat.operation as? Concat, (try? normalizedAxis(operation.axis, rank: rank)) == axis,
      concat.inputs.count == 2, let first = concat.inputs[0], let second = concat.inputs[1],
      let firstSize = graph.info(of: first).shape.dimensions?[axis],
      let secondSize = graph.info(of: second).shape.dimensions?[axis]
    else { return }
    var below: [NodeID] = []
    var weights = output
    while true {
      let readers = graph.uses(of: weights).compactMap(\.node)
      for reader in readers {
        for index in graph[reader].outputs.indices {
          guard let stretch = graph.stretch(Value(reader, index), along: axis), stretch.source == weights else {
            continue
          }
          let isFirst = secondSize == 1 && stretch.start == 0 && stretch.size == firstSize
          let isSecond = firstSize == 1 && stretch.start == 1 && stretch.size == secondSize
          guard isFirst || isSecond else { continue }
          (input, sink) = isFirst ? (first, second) : (second, first)
          output = Value(reader, index)
          nodes += above + [concat.id] + below + [reader]
          return
        }
      }
      guard readers.count == 1, graph.floatingCastSource(Value(readers[0])) == weights else { return }
      weights = Value(readers[0])
      below.append(readers[0])
    }
  }
}

/// The softmax itself: exp(x − shift) / Σ exp(x − shift), where the shift is the same for a whole row and cancels.
private struct SoftmaxCore {
  enum Shift { case none, rowMaximum, logarithm, other }

  let input: Value
  let axis: Int
  let shift: Shift
  let nodes: [NodeID]

  init?(endingIn node: Node, in graph: Graph) {
    if node.is(Softmax.self), let softmax = node.operation as? Softmax, let data = node.inputs.first.flatMap({ $0 }) {
      (input, axis, shift, nodes) = (data, softmax.axis, .rowMaximum, [node.id])
    } else if node.is(Exp.self), let core = SoftmaxCore(exponentialOfLogarithm: node, in: graph) {
      self = core
    } else if let core = SoftmaxCore(quotient: node, in: graph) {
      self = core
    } else {
      return nil
    }
  }

  /// exp(log softmax x), or exp(x − log Σ exp x).
  private init?(exponentialOfLogarithm node: Node, in graph: Graph) {
    guard let logarithm = node.inputs[0] else { return nil }
    let inner = graph[logarithm.node]
    if let softmax = inner.operation as? LogSoftmax, let data = inner.inputs[0] {
      (input, axis, shift, nodes) = (data, softmax.axis, .rowMaximum, [inner.id, node.id])
      return
    }
    guard inner.operation is Sub, let data = inner.inputs[0], let total = inner.inputs[1] else { return nil }
    if let sum = graph.rowReduction(total, as: ReduceLogSumExp.self), sum.source == data, sum.axes.count == 1 {
      (input, axis, shift, nodes) = (data, sum.axes[0], .logarithm, sum.nodes + [inner.id, node.id])
      return
    }
    var sum = graph.rowReduction(total, as: ReduceLogSum.self)
    if sum == nil, graph[total.node].operation is Log, let argument = graph[total.node].inputs[0] {
      sum = graph.rowReduction(argument, as: ReduceSum.self)
      sum?.nodes.append(total.node)
    }
    guard let sum, sum.axes.count == 1, graph[sum.source.node].operation is Exp,
      graph[sum.source.node].inputs[0] == data
    else { return nil }
    (input, axis, shift, nodes) = (data, sum.axes[0], .none, [sum.source.node] + sum.nodes + [inner.id, node.id])
  }

  /// e / Σ e, or e · (1 / Σ e), where e is exp(x − shift).
  private init?(quotient node: Node, in graph: Graph) {
    guard let (exponential, divisor, between) = SoftmaxCore.quotient(node, in: graph),
      let sum = graph.rowReduction(divisor, as: ReduceSum.self), sum.source == exponential, sum.axes.count == 1,
      graph[exponential.node].operation is Exp, let exponent = graph[exponential.node].inputs[0]
    else { return nil }
    axis = sum.axes[0]
    let outer = [exponential.node] + sum.nodes + between + [node.id]
    let shifted = graph[exponent.node]
    if shifted.operation is Sub, let data = shifted.inputs[0], let maximum = shifted.inputs[1],
      let reduction = graph.rowReduction(maximum, as: ReduceMax.self), reduction.source == data,
      reduction.axes.contains(axis)
    {
      input = data
      shift = reduction.axes == [axis] ? .rowMaximum : .other
      nodes = reduction.nodes + [shifted.id] + outer
    } else {
      input = exponent
      shift = .none
      nodes = outer
    }
  }

  /// The dividend, the divisor, and what lies between, of `a / b` or `a · (1 / b)`.
  private static func quotient(_ node: Node, in graph: Graph) -> (Value, Value, [NodeID])? {
    guard node.is(Div.self) || node.is(Mul.self) else { return nil }
    let inputs = node.inputs.compactMap { $0 }
    guard inputs.count == 2 else { return nil }
    if node.is(Div.self) { return (inputs[0], inputs[1], []) }
    for (dividend, inverse) in [(inputs[0], inputs[1]), (inputs[1], inputs[0])] {
      let reciprocal = graph[inverse.node]
      let operands = reciprocal.inputs.compactMap { $0 }
      switch reciprocal.operation {
      case is Reciprocal where operands.count == 1: return (dividend, operands[0], [reciprocal.id])
      case is Pow where operands.count == 2 && graph.info(of: operands[1]).scalar == -1:
        return (dividend, operands[0], [reciprocal.id])
      case is Div where operands.count == 2 && graph.info(of: operands[0]).scalar == 1:
        return (dividend, operands[1], [reciprocal.id])
      default: break
      }
    }
    return nil
  }
}

extension Graph {
  /// A reduction of `Operation` that gives `value`, with the reduced axes left at size 1, if only by a view.
  fileprivate func rowReduction<Operation: GraphOperation>(
    _ value: Value, as type: Operation.Type
  ) -> (source: Value, axes: [Int], nodes: [NodeID])? {
    var nodes = [value.node]
    var reduced = value
    if self[reduced.node].operation is Unsqueeze || self[reduced.node].operation is Reshape,
      let source = self[reduced.node].inputs[0]
    {
      reduced = source
      nodes.insert(source.node, at: 0)
    }
    let node = self[reduced.node]
    guard node.operation is Operation, let source = node.inputs[0], let sizes = info(of: source).shape.dimensions,
      node.inputs.count > 1, let listed = node.inputs[1].flatMap({ info(of: $0).integers }),
      let axes = try? normalizedAxes(listed, rank: sizes.count), !axes.isEmpty
    else { return nil }
    let kept = sizes.indices.map { axes.contains($0) ? 1 : sizes[$0] }
    guard info(of: value).shape.dimensions == kept else { return nil }
    return (source, axes.sorted(), nodes)
  }

  /// What `node` multiplies with one positive number, and that number.
  fileprivate func positiveScale(_ node: Node) -> (source: Value, factor: Double)? {
    let inputs = node.inputs.compactMap { $0 }
    guard inputs.count == 2 else { return nil }
    var result: (source: Value, factor: Double)?
    switch node.operation {
    case is Mul:
      result =
        info(of: inputs[1]).scalar.map { (inputs[0], $0) } ?? info(of: inputs[0]).scalar.map { (inputs[1], $0) }
    case is Div: result = info(of: inputs[1]).scalar.map { (inputs[0], 1 / $0) }
    default: break
    }
    guard let result, result.factor > 0, result.factor.isFinite, uses(of: result.source).count == 1 else { return nil }
    return result
  }

  /// What `value` is a conversion of, from one floating-point type to another.
  fileprivate func floatingCastSource(_ value: Value) -> Value? {
    let node = self[value.node]
    guard let cast = node.operation as? Cast, cast.to.isFloatingPoint, let source = node.inputs[0],
      info(of: source).element.isFloatingPoint
    else { return nil }
    return source
  }

  /// The stretch of `axis` of a source that `value` is, with all other axes whole; nil where it is none or that can't be seen.
  func stretch(_ value: Value, along axis: Int) -> (source: Value, start: Dimension, size: Dimension)? {
    let node = self[value.node]
    guard let source = node.inputs.first.flatMap({ $0 }), let before = info(of: source).shape.dimensions,
      let after = info(of: value).shape.dimensions, before.count == after.count, before.indices.contains(axis)
    else { return nil }
    switch node.operation {
    case let split as Split:
      guard (try? normalizedAxis(split.axis, rank: before.count)) == axis else { return nil }
      let earlier = node.outputs.prefix(value.output).map { $0.shape.dimensions?[axis] ?? .unknown }
      let start = earlier.reduce(Dimension(0), +)
      return start.isUnknown ? nil : (source, start, after[axis])
    case is Slice:
      guard let starts = sliceStarts(node), before.indices.allSatisfy({ $0 == axis || before[$0] == after[$0] }) else {
        return nil
      }
      return (source, starts[axis], after[axis])
    default: return nil
    }
  }

  /// Where a slice without steps begins along every axis of its input; nil where that can't be seen.
  func sliceStarts(_ node: Node) -> [Dimension]? {
    guard node.operation is Slice, let sizes = node.inputs[0].flatMap({ info(of: $0).shape.dimensions }),
      let starts = node.inputs[1].flatMap({ info(of: $0).symbols })
    else { return nil }
    func integers(_ index: Int) -> [Int]? { node.inputs[index].flatMap { info(of: $0).integers } }
    let isGiven = { (index: Int) in node.inputs.count > index && node.inputs[index] != nil }
    guard let named = isGiven(3) ? integers(3) : Array(starts.indices), named.count == starts.count,
      let axes = try? normalizedAxes(named, rank: sizes.count),
      !isGiven(4) || integers(4)?.allSatisfy({ $0 == 1 }) ?? false
    else { return nil }
    var result = Array(repeating: Dimension(0), count: sizes.count)
    for (axis, start) in zip(axes, starts) {
      let isFromEnd = start.constant.map { $0 < 0 } ?? Dimension(0).isAtLeast(start)
      result[axis] = isFromEnd && start != 0 ? sizes[axis] + start : start
    }
    return result
  }
}
