import GraphIR
import Operations
import Tensors

extension AttentionBuilder {
  /// Replaces the attention with ONNX Runtime's operator for causal attention, where that says it exactly and without repeated heads.
  ///
  /// - Returns: whether it did.
  mutating func addGroupQueryAttention() throws -> Bool {
    let querySizes = try sizes(of: input(0))
    let keySizes = try sizes(of: input(1))
    let valueSizes = try sizes(of: input(2))
    let element = type(of: try input(0)).element
    guard attention.causal != .none, querySizes[2] == keySizes[2], [3, 4, 6].allSatisfy({ optionalInput($0) == nil }),
      attention.rightWindow ?? 0 >= 0, attention.leftWindow ?? 0 >= 0, attention.scale != 0, !attention.guardsNaN,
      element == .float32 || element == .float16, keySizes[3] == valueSizes[3], let size = keySizes[3].constant,
      size % Self.sizeUnit == 0, let heads = querySizes[1].constant, let keyHeads = keySizes[1].constant
    else { return false }
    // All else that another operator can't say either.
    guard heads != keyHeads || attention.softcap > 0 || optionalInput(5) != nil else { return false }

    let queries = try lengthFirst(input(0))
    let keys = try joiningHeads(lengthFirst(input(1)))
    let values = try joiningHeads(lengthFirst(input(2)))
    let length = try length(ofAxis: 1, of: queries)
    let batch = try insert(
      Unsqueeze(), [self.length(ofAxis: 0, of: queries), constant([0])])
    let last = try insert(Cast(to: .int32), [insert(Sub(), [length, scalar(1, .int64)])])
    let ends = try folded(insert(Expand(), [last, folded(batch)]))
    let total = try folded(insert(Cast(to: .int32), [length]))

    var operation = GroupQueryAttention()
    operation.heads = heads
    operation.keyHeads = keyHeads
    operation.scale = attention.scale
    operation.softcap = attention.softcap
    operation.window = attention.leftWindow.map { $0 + 1 } ?? -1
    var inputs: [Value?] = [try joiningHeads(queries), keys, values, nil, nil, ends, total]
    if let sinks = optionalInput(5) { inputs += [nil, nil, nil, nil, try cast(sinks, to: element)] }
    // Runtimes before 1.23 want the results that hold the cache, too.
    let result = try insertReplacement(operation, inputs, outputs: 3)
    try replaceResult(with: result, heads: heads, size: valueSizes[3])
    return true
  }

  /// Head sizes are multiples of this.
  private static let sizeUnit = 8
}
