import GraphIR
import Operations
import Tensors

extension AttentionBuilder {
  /// Runtimes take the lowest number there is for −∞, and give a row of those 0 where the sum would be the mean of all values.
  private static let lowestBias = -3e38

  /// Replaces the attention with the standard operator in its form with four axes.
  ///
  /// Throws `unsupported` where the operator can't say it: sinks, masks that no sum can say.
  mutating func addStandardAttention() throws {
    guard optionalInput(5) == nil else { throw ModelError.unsupported("Attention has no sinks") }
    var query = try input(0)
    let (key, value) = (try input(1), try input(2))
    let element = type(of: query).element
    let queryLength = try length(ofAxis: 2, of: query)
    let keyLength = try length(ofAxis: 2, of: key)
    var operation = StandardAttention()
    operation.scale = attention.scale
    operation.softcap = attention.softcap
    if element.byteCount == 2 { operation.softmaxType = .float32 }
    if attention.scale <= 0 {
      operation.scale = 1
      query = try insert(Mul(), [query, scalar(attention.scale, element)])
    }

    operation.isCausal = try isStandardCausal()
    let visible = operation.isCausal ? nil : try visibility(queryLength: queryLength, keyLength: keyLength)
    var emptyRows: Value?
    var bias: Value?
    if optionalInput(3) == nil && optionalInput(4) == nil {
      bias = visible
      emptyRows = optionalInput(6) == nil && isSeeingItself ? nil : try rowIsVisible(visible)
    } else if let mask = optionalInput(4), optionalInput(3) == nil, attention.maskedScore == -.infinity {
      bias = try visible.map { try insert(And(), [mask, $0]) } ?? mask
      emptyRows = try rowIsVisible(visible)
    } else {
      if needsUniformRows, let isVisible = try rowIsVisible(visible) {
        query = try insert(Where(), [isVisible, query, scalar(0, element)])
      }
      let total = try totalBias(visible: visible)
      if let total {
        let hidden = try scalar(-.infinity, element)
        let lowest = try scalar(element == .float16 ? -65000 : Self.lowestBias, element)
        let raised = try insert(Max(), [total, lowest])
        bias = try folded(try insert(Where(), [insert(Greater(), [total, hidden]), raised, hidden]))
        let most = try insert(ReduceMax(), [total, constant([-1])])
        emptyRows = try folded(try insert(Greater(), [most, hidden]))
      }
    }
    if let found = bias { bias = try expanded(found, queryLength: queryLength, keyLength: keyLength) }
    var result = try insertReplacement(operation, [query, key, value, bias].trimmed)
    if let emptyRows {
      // The operator gives a query without keys 0, whatever the graph gave.
      let other = try scalar(attention.guardsNaN ? 0 : .nan, element)
      result = try insert(Where(), [emptyRows, result, other])
    }
    try replaceUses(of: Value(node.id), with: result)
  }

  /// Whether every query sees at least the key at its own position.
  private var isSeeingItself: Bool {
    attention.causal == .upperLeft && attention.leftWindow == nil && attention.rightWindow == nil
  }

  /// Whether causality is all that hides keys, and the operator's own flag says it: that counts from the upper left.
  private func isStandardCausal() throws -> Bool {
    guard attention.leftWindow == nil, attention.rightWindow == nil else { return false }
    guard [3, 4, 6].allSatisfy({ optionalInput($0) == nil }) else { return false }
    switch attention.causal {
    case .none: return false
    case .upperLeft: return true
    case .lowerRight: return try sizes(of: input(0))[2] == sizes(of: input(1))[2]
    }
  }
}
