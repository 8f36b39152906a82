import KernelInterface

extension AttentionItem {
  /// The keys `first ..< last` of this item that a query may see by causality, window and valid length; without any
  /// the range is empty or reversed.
  func visibleKeys(of query: Int, in problem: AttentionProblem) -> (first: Int, last: Int) {
    let diagonal = query &+ problem.diagonal
    var first = firstKey
    var last = lastKey
    if problem.isCausal { last = min(last, diagonal &+ 1) }
    if problem.windowRight >= 0 { last = min(last, diagonal.addingClamped(problem.windowRight).addingClamped(1)) }
    if problem.windowLeft >= 0 { first = max(first, diagonal.addingClamped(0 &- problem.windowLeft)) }
    if let lengths = problem.validKeyLengths { last = min(last, lengths[batch]) }
    return (first, last)
  }

  /// A sink is a score without a value: it starts the row's maximum and sum, in the item that holds the first keys.
  func sink(ofHead head: Int, in problem: AttentionProblem) -> (maximum: Float, sum: Float) {
    guard firstKey == 0, let sinks = problem.sinks else { return (-.infinity, 0) }
    let sink = sinks[head]
    // As in plain softmax, a sink of +∞ makes the row NaN, one of −∞ counts nothing.
    return (sink.isNaN ? -.infinity : sink, sink == -.infinity ? 0 : sink - sink + 1)
  }
}

extension Int {
  /// The sum, or the nearest number that an `Int` can hold.
  fileprivate func addingClamped(_ other: Int) -> Int {
    let (sum, overflow) = addingReportingOverflow(other)
    guard overflow else { return sum }
    return other > 0 ? .max : .min
  }
}
