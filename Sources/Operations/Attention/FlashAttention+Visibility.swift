import GraphIR
import Tensors

extension FlashAttention {
  /// A boolean tensor that broadcasts to the scores, false where position or length hides a key; nil where nothing is hidden so.
  package func visibility(
    query: Value, key: Value, lengths: Value?, in graph: inout Graph, numbers: inout some AttributeNumbers
  ) throws -> Value? {
    guard causal != .none || leftWindow != nil || rightWindow != nil || lengths != nil else { return nil }
    let zero = try graph.addConstant(Tensor(scalar: Int64(0)))
    let one = try graph.addConstant(Tensor(scalar: Int64(1)))
    func positions(of value: Value) throws -> (length: Value, values: Value) {
      let axis = try graph.addConstant(Tensor(scalar: Int64(2)))
      let length = try graph.insert(Gather(), [graph.insert(ShapeOf(), [value]), axis])
      return (length, try graph.insert(NumberRange(), [zero, length, one]))
    }
    let keys = try positions(of: key)
    var conditions: [Value] = []
    if causal != .none || leftWindow != nil || rightWindow != nil {
      let queries = try positions(of: query)
      var rows = try graph.insert(Unsqueeze(), [queries.values, graph.addConstant(Tensor([1] as [Int64]))])
      if causal == .lowerRight {
        rows = try graph.insert(Add(), [rows, graph.insert(Sub(), [keys.length, queries.length])])
      }
      if causal != .none { conditions.append(try graph.insert(Greater(), [keys.values, rows])) }
      if let leftWindow {
        let width = try numbers.number("leftWindow", Double(leftWindow), .int64, in: &graph)
        conditions.append(try graph.insert(Less(), [keys.values, graph.insert(Sub(), [rows, width])]))
      }
      if let rightWindow {
        let width = try numbers.number("rightWindow", Double(rightWindow), .int64, in: &graph)
        conditions.append(try graph.insert(Greater(), [keys.values, graph.insert(Add(), [rows, width])]))
      }
    }
    if let lengths {
      let perEntry = try graph.insert(Reshape(), [lengths, graph.addConstant(Tensor([-1, 1, 1, 1] as [Int64]))])
      let valid =
        graph.type(of: lengths).element == .int64 ? perEntry : try graph.insert(Cast(to: .int64), [perEntry])
      // ≥ as not <, which is older.
      let before = try graph.insert(Less(), [keys.values, valid])
      conditions.append(try graph.insert(Not(), [before]))
    }
    guard var hidden = conditions.first else { return nil }
    for condition in conditions.dropFirst() { hidden = try graph.insert(Or(), [hidden, condition]) }
    return try graph.insert(Not(), [hidden])
  }
}
