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
  private(set) var assumptions: [String] = []
  /// A further logit of every row: the scores' shape with size 1 along `axis`, or one number.
  private(set) var sink: Sink?
  /// What weights are put to 0 by before they are normalised, or normalised again.
  private(set) var mask: WeightMask?
  /// Whether a row of which all weights are 0 stays one.
  private(set) var keepsZeroRows = false
  /// The product of the weights before they are normalised, where that is what is divided: the anchor does it then.
  let product: Value?
  /// What the scores are multiplied with before they are normalised.
  private(set) var scale = 1.0

  enum Sink {
    case value(Value)
    case number(Double)
  }

  /// The softmax that ends in `node`, if one does and the rank of its input is known.
  init?(endingIn node: Node, in graph: Graph) {
    guard let core = SoftmaxCore(endingIn: node, in: graph), let rank = graph.info(of: core.input).rank,
      let axis = try? normalizedAxis(core.axis, rank: rank)
    else { return nil }
    anchor = node.id
    product = core.product?.value
    (input, output) = (core.input, core.product?.weights ?? Value(node.id))
    (self.axis, self.rank) = (axis, rank)
    nodes = core.nodes
    switch core.shift {
    case .rowMaximum: break
    case .none, .other: isStable = false
    case .logarithm: assumptions.append("no row holds nothing but finite masked scores")
    }
    mask = core.mask
    keepsZeroRows = core.isFloored && (mask != nil || !isStable)
    row = core.input
    takeShift(in: graph)
    if scale == 1, product == nil { takeSink(in: graph) }
    takeShift(in: graph)
    if sink == nil, mask == nil, product == nil { takeNormalization(in: graph) }
    if mask != nil { assumptions.append("scores hidden after their exponentials were taken are not far above others") }
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
      reduction.axes.contains(axis)
    else { return }
    input = data
    scale *= factor
    if reduction.axes == [axis] {
      isStable = true
    } else {
      assumptions.append(
        "the largest score of several rows, which is subtracted, is no NaN and not far above those of any row")
    }
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
    let columns = columns(of: graph[joined.node], in: graph)
    guard !columns.isEmpty else { return }
    var below: [NodeID] = []
    var weights = output
    while true {
      let readers = graph.uses(of: weights).compactMap(\.node)
      for reader in readers {
        for index in graph[reader].outputs.indices {
          guard let stretch = graph.stretch(Value(reader, index), along: axis), stretch.source == weights else {
            continue
          }
          guard let found = columns.first(where: { $0.start == stretch.start && $0.size == stretch.size }) else {
            continue
          }
          (input, sink, output) = (found.scores, found.sink, Value(reader, index))
          nodes += above + [joined.node] + below + [reader]
          return
        }
      }
      guard readers.count == 1, graph.floatingCastSource(Value(readers[0])) == weights else { return }
      weights = Value(readers[0])
      below.append(readers[0])
    }
  }

  /// Where `node` puts one more column before or after scores: the scores, where they start, their number, and the column.
  private func columns(
    of node: Node, in graph: Graph
  ) -> [(scores: Value, start: Dimension, size: Dimension, sink: Sink)] {
    func size(_ value: Value) -> Dimension? { graph.info(of: value).shape.dimensions?[axis] }
    switch node.operation {
    case let concat as Concat:
      guard (try? normalizedAxis(concat.axis, rank: rank)) == axis, node.inputs.count == 2, let first = node.inputs[0],
        let second = node.inputs[1], let firstSize = size(first), let secondSize = size(second)
      else { return [] }
      return (secondSize == 1 ? [(first, 0, firstSize, .value(second))] : [])
        + (firstSize == 1 ? [(second, 1, secondSize, .value(first))] : [])
    case let pad as Pad:
      guard pad.mode == .constant, let data = node.inputs[0], let count = size(data),
        let (before, after) = pads(node, graph)
      else { return [] }
      let fill = node.inputs.count > 2 ? node.inputs[2] : nil
      guard before + after == 1, before >= 0, after >= 0, let number = fill.map(graph.uniformValue) ?? 0,
        number.isFinite
      else { return [] }
      return [(data, Dimension(before), count, .number(number))]
    default: return []
    }
  }

  /// How many columns a padding adds before and after the scores; nil where it adds anything else, or that can't be seen.
  private func pads(_ node: Node, _ graph: Graph) -> (before: Int, after: Int)? {
    guard let pads = node.inputs[1].flatMap({ graph.info(of: $0).integers }) else { return nil }
    var axes = Array(0..<rank)
    if node.inputs.count > 3, let named = node.inputs[3] {
      guard let integers = graph.info(of: named).integers, let normalized = try? normalizedAxes(integers, rank: rank)
      else { return nil }
      axes = normalized
    }
    guard pads.count == 2 * axes.count, let place = axes.firstIndex(of: axis) else { return nil }
    let (before, after) = (pads[place], pads[place + axes.count])
    let others = pads.indices.filter { $0 % axes.count != place }
    return others.allSatisfy { pads[$0] == 0 } ? (before, after) : nil
  }

  /// Takes in a division of the weights by their sum, which is 1 but where a mask put some of them to 0.
  private mutating func takeNormalization(in graph: Graph) {
    let readers = graph.uses(of: output).compactMap(\.node)
    let masks = readers.compactMap { WeightMask(endingIn: Value($0), in: graph) }.filter { $0.weights == output }
    for mask in [nil] + masks.map(Optional.some) {
      let weights = mask.map { Value($0.node) } ?? output
      for reader in graph.uses(of: weights).compactMap(\.node) {
        guard let normalized = Normalized(graph[reader], in: graph), normalized.dividend == weights,
          normalized.summed == weights, normalized.axis == axis,
          normalized.floor <= (mask == nil ? Normalized.floorBesideOne : Normalized.floorLimit)
        else { continue }
        self.mask = mask
        keepsZeroRows = keepsZeroRows || normalized.floor > 0 && mask != nil
        output = Value(reader)
        nodes += (mask.map { [$0.node] } ?? []) + normalized.nodes
        return
      }
    }
  }
}

extension Graph {
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
