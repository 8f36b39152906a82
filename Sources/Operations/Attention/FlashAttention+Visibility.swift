import GraphIR
import Tensors

extension FlashAttention {
  /// A boolean tensor that broadcasts to the scores, false where position or length hides a key; nil where nothing is hidden so.
  ///
  /// - Parameters:
  ///   - queryLength: a tensor of one 64-bit integer and no axes; `keyLength` too.
  ///   - lengths: the input of that name.
  package func visibility(
    queryLength: Value, keyLength: Value, lengths: Value?, in graph: inout Graph,
    numbers: inout some AttributeNumbers
  ) throws -> Value? {
    let isPositional = causal != .none || leftWindow != nil || rightWindow != nil
    guard isPositional || lengths != nil else { return nil }
    let zero = try graph.addConstant(Tensor(scalar: Int64(0)))
    let one = try graph.addConstant(Tensor(scalar: Int64(1)))
    let keys = try graph.insert(NumberRange(), [zero, keyLength, one])
    var conditions: [Value] = []
    if isPositional {
      let positions = try graph.insert(NumberRange(), [zero, queryLength, one])
      var rows = try graph.insert(Unsqueeze(), [positions, graph.addConstant(Tensor([1] as [Int64]))])
      if causal == .lowerRight {
        rows = try graph.insert(Add(), [rows, graph.insert(Sub(), [keyLength, queryLength])])
      }
      if causal != .none { conditions.append(try graph.insert(Greater(), [keys, rows])) }
      if let leftWindow {
        let width = try numbers.number("leftWindow", Double(leftWindow), .int64, in: &graph)
        conditions.append(try graph.insert(Less(), [keys, graph.insert(Sub(), [rows, width])]))
      }
      if let rightWindow {
        let width = try numbers.number("rightWindow", Double(rightWindow), .int64, in: &graph)
        conditions.append(try graph.insert(Greater(), [keys, graph.insert(Add(), [rows, width])]))
      }
    }
    if let lengths {
      let perEntry = try graph.insert(Reshape(), [lengths, graph.addConstant(Tensor([-1, 1, 1, 1] as [Int64]))])
      let isWide = graph.type(of: lengths).element == .int64
      let valid = isWide ? perEntry : try graph.insert(Cast(to: .int64), [perEntry])
      conditions.append(try graph.insert(Not(), [graph.insert(Less(), [keys, valid])]))
    }
    guard var hidden = conditions.first else { return nil }
    for condition in conditions.dropFirst() { hidden = try graph.insert(Or(), [hidden, condition]) }
    return try graph.insert(Not(), [hidden])
  }

  /// The size of an axis of `value` as a tensor of one 64-bit integer and no axes.
  package static func size(ofAxis axis: Int, of value: Value, in graph: inout Graph) throws -> Value {
    if let sizes = graph.type(of: value).shape.dimensions {
      try require(axis < sizes.count, "attention of an operand of \(sizes.count) axes, of which \(axis + 1) are needed")
      if let size = sizes[axis].constant { return try graph.addConstant(Tensor(scalar: Int64(size))) }
    }
    let index = try graph.addConstant(Tensor(scalar: Int64(axis)))
    return try graph.insert(Gather(), [graph.insert(ShapeOf(), [value]), index])
  }
}
