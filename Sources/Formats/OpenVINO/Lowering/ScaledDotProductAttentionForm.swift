import GraphIR
import Operations
import Tensors

/// Gives attention the form that OpenVINO's `ScaledDotProductAttention` can say: scale, and one mask or plain causality.
///
/// The operation has one mask, added where it is of numbers and hiding where it is of booleans, and forgets it where it is causal.
/// A row of which it sees nothing becomes NaN. Everything else is said by what is put around it.
struct ScaledDotProductAttentionForm {
  /// A hidden score as low as this absorbs whatever score it is added to, in 32 bits: adding it is as good as putting it in its place.
  private static let absorbing = -1e30

  /// A hidden score as low as this weighs nothing beside one that is seen, where no bias lowers that one as far.
  private static let negligible = -1000.0

  private let attention: FlashAttention
  private let node: Node
  private var query: Value
  private var key: Value
  private var value: Value
  private var bias: Value?
  private var mask: Value?
  /// The mask as it was given.
  private let filling: Value?
  private let sinks: Value?
  private let lengths: Value?

  /// Replaces the attention among `nodes` that `ScaledDotProductAttention` can't say as it is.
  static func run(on graph: inout Graph, nodes: [NodeID]) throws {
    for id in nodes {
      guard let attention = graph[id].operation as? FlashAttention else { continue }
      try locating(graph[id].label) {
        guard var form = ScaledDotProductAttentionForm(attention, graph[id]) else { return }
        let result = try form.result(in: &graph)
        if result.node != id { try graph.replaceUses(of: Value(id), with: result) }
      }
    }
  }

  /// Why the attention `node` is written as its parts; nil where it isn't, and for any other node.
  static func objection(to id: NodeID, in graph: Graph) -> String? {
    let node = graph[id]
    guard node.is(FlashAttention.self), let attention = node.operation as? FlashAttention,
      let missing = ScaledDotProductAttentionForm(attention, node)?.missing(in: graph)
    else { return nil }
    return "written as its parts: OpenVINO's ScaledDotProductAttention has no \(missing)"
  }

  /// What the attention has and no `ScaledDotProductAttention` can be given, whatever is put around it.
  private func missing(in graph: Graph) -> String? {
    if attention.softcap != 0 { return "soft-cap" }
    guard hasFiniteFill, !canFill(in: graph) else { return nil }
    return "mask that leaves hidden keys a score of \(attention.maskedScore)"
  }

  private init?(_ attention: FlashAttention, _ node: Node) {
    func input(_ index: Int) -> Value? { node.inputs.indices.contains(index) ? node.inputs[index] : nil }
    guard let query = input(0), let key = input(1), let value = input(2) else { return nil }
    self.attention = attention
    self.node = node
    self.query = query
    self.key = key
    self.value = value
    bias = input(3)
    mask = input(4)
    filling = input(4)
    sinks = input(5)
    lengths = input(6)
  }

  private var hidesByPosition: Bool {
    attention.causal != .none || attention.leftWindow != nil || attention.rightWindow != nil || lengths != nil
  }

  private var hasFiniteFill: Bool { filling != nil && attention.maskedScore.isFinite }

  private mutating func result(in graph: inout Graph) throws -> Value {
    guard missing(in: graph) == nil else {
      return try attention.decompose(node.inputs, in: &graph)[0]
    }
    let element = graph.type(of: query).element
    try widen(element, in: &graph)
    if sharesHeads(in: graph) {
      key = try attention.repeatingHeads(of: key, for: query, in: &graph)
      value = try attention.repeatingHeads(of: value, for: query, in: &graph)
    }
    var plain = FlashAttention()
    plain.scale = attention.scale
    if isUpperLeftOnly(in: graph) {
      plain.causal = .upperLeft
    } else {
      try combineMasks(in: &graph)
    }
    var result = try graph.insert(
      plain, FlashAttention.trimmed([query, key, value, bias, mask, sinks]), name: node.name, origin: node.origin)
    if attention.guardsNaN, let seen = try rowsThatSee(mask: mask, bias: bias, in: &graph) {
      let zero = try graph.addConstant(Tensor(doubles: [0], element: graph.type(of: result).element, shape: []))
      result = try graph.insert(Where(), [seen, result, zero])
    }
    if hasFiniteFill, attention.maskedScore > Self.absorbing,
      let seen = try rowsThatSee(mask: filling, bias: nil, in: &graph)
    {
      // Where all scores are the same, the values weigh the same.
      var mean = ReduceMean()
      mean.keepsAxes = true
      let average = try graph.insert(mean, [value, graph.addConstant(Tensor([2] as [Int64]))])
      result = try graph.insert(Where(), [seen, result, average])
    }
    return graph.type(of: result).element == element ? result : try graph.insert(Cast(to: element), [result])
  }

  /// Whether rows of which the mask hides all can be told from the others, or are the same as when the hidden score is added.
  private func canFill(in graph: Graph) -> Bool {
    if attention.maskedScore <= Self.absorbing { return true }
    guard attention.maskedScore <= Self.negligible, !hidesByPosition, sinks == nil, !attention.guardsNaN else {
      return false
    }
    return bias.map { graph.stays($0, farAbove: attention.maskedScore) } ?? true
  }

  /// Half precision can't hold what is added to hide a score, and all operands must have one type.
  private mutating func widen(_ element: ElementType, in graph: inout Graph) throws {
    let other = bias.map { graph.type(of: $0).element }
    let wide: ElementType = element == .float64 || other == .float64 ? .float64 : .float32
    guard (element == .float16 && hasFiniteFill) || (other ?? element) != element else { return }
    func cast(_ value: Value) throws -> Value {
      graph.type(of: value).element == wide ? value : try graph.insert(Cast(to: wide), [value])
    }
    query = try cast(query)
    key = try cast(key)
    value = try cast(value)
    bias = try bias.map(cast)
  }

  /// Whether there are more query heads than key heads. A single key head is broadcast anyway, and numbers that are not known are
  /// equal: sharing is only ever said in numbers.
  private func sharesHeads(in graph: Graph) -> Bool {
    guard let heads = graph.type(of: query).shape.dimensions?[1].constant,
      let keyHeads = graph.type(of: key).shape.dimensions?[1].constant
    else { return false }
    return keyHeads != 1 && keyHeads != heads
  }

  /// Whether causality is all that hides anything, counted from the upper left.
  private func isUpperLeftOnly(in graph: Graph) -> Bool {
    guard bias == nil, mask == nil, lengths == nil, attention.leftWindow == nil, attention.rightWindow == nil else {
      return false
    }
    let queries = graph.type(of: query).shape.dimensions?[2]
    return attention.causal == .upperLeft
      || attention.causal == .lowerRight && queries == graph.type(of: key).shape.dimensions?[2]
  }

  /// Puts bias, mask, position and lengths into one mask.
  private mutating func combineMasks(in graph: inout Graph) throws {
    let element = graph.type(of: query).element
    func number(_ value: Double) throws -> Value {
      try graph.addConstant(Tensor(doubles: [value], element: element, shape: []))
    }
    var numbers = ConstantNumbers()
    var visible: Value?
    if hidesByPosition {
      visible = try attention.visibility(
        queryLength: scalarLength(of: query, in: &graph), keyLength: scalarLength(of: key, in: &graph),
        lengths: lengths, in: &graph, numbers: &numbers)
    }
    let fill = attention.maskedScore <= Self.absorbing ? attention.maskedScore : -.infinity
    if let given = mask, bias != nil || fill.isFinite {
      bias = try graph.insert(Where(), [given, bias ?? number(0), number(fill)])
      mask = nil
    }
    if let visible {
      if let given = bias {
        bias = try graph.insert(Where(), [visible, given, number(-.infinity)])
      } else {
        mask = try mask.map { try graph.insert(And(), [$0, visible]) } ?? visible
      }
    }
    bias = try bias.map { try fitted($0, in: &graph) }
    mask = try mask.map { try fitted($0, in: &graph) }
  }

  private func scalarLength(of value: Value, in graph: inout Graph) throws -> Value {
    try graph.insert(Gather(axis: 0), [graph.insert(ShapeOf(), [value]), graph.addConstant(Tensor(scalar: Int64(2)))])
  }

  /// The mask with at least two axes, of which the last is as long as the keys.
  private func fitted(_ mask: Value, in graph: inout Graph) throws -> Value {
    var mask = mask
    guard let sizes = graph.type(of: mask).shape.dimensions else {
      throw ModelError.unsupported("a mask of unknown rank")
    }
    if sizes.count < 2 {
      let axes = Array(0..<(2 - sizes.count))
      mask = try graph.insert(Unsqueeze(), [mask, graph.addConstant(Tensor(integers: axes, shape: [axes.count]))])
    }
    if sizes.last.map({ $0.constant == 1 }) ?? true, graph.type(of: key).shape.dimensions?[2].constant != 1 {
      let length = try graph.insert(
        Gather(axis: 0), [graph.insert(ShapeOf(), [key]), graph.addConstant(Tensor([2] as [Int64]))])
      mask = try graph.insert(Expand(), [mask, length])
    }
    return mask
  }

  /// Of every row, whether something in it is not hidden; nil where no mask hides anything.
  private func rowsThatSee(mask: Value?, bias: Value?, in graph: inout Graph) throws -> Value? {
    var visible = mask
    if let bias {
      // Compared one by one: the largest of nothing but −∞ is a finite number in some of OpenVINO's plugins.
      let lowest = try graph.addConstant(
        Tensor(doubles: [-.infinity], element: graph.type(of: bias).element, shape: []))
      visible = try graph.insert(Greater(), [bias, lowest])
    }
    guard let visible else { return nil }
    var maximum = ReduceMax()
    maximum.keepsAxes = true
    let axis = try graph.addConstant(Tensor([-1] as [Int64]))
    let numbers = try graph.insert(Cast(to: .int32), [visible])
    return try graph.insert(Cast(to: .bool), [graph.insert(maximum, [numbers, axis])])
  }
}

extension FlashAttention {
  /// Whether `ScaledDotProductAttention` means the same, given which inputs there are.
  func isPlain(hasBias: Bool, hasMask: Bool, hasLengths: Bool) -> Bool {
    let isUnlimited = softcap == 0 && leftWindow == nil && rightWindow == nil && !hasLengths && !guardsNaN
    let hasOneMask = !(hasBias && hasMask) && (!hasMask || maskedScore == -.infinity)
    return isUnlimited && hasOneMask && (causal == .none || (causal == .upperLeft && !hasBias && !hasMask))
  }

  /// `inputs` without optional ones at the end that are left out.
  static func trimmed(_ inputs: [Value?]) -> [Value?] {
    var inputs = inputs
    while inputs.last == .some(nil) { inputs.removeLast() }
    return inputs
  }
}
