import KernelInterface

/// Arguments that no kernel can run on.
package struct KernelArgumentError: Error, Hashable, CustomStringConvertible {
  package let description: String

  package init(_ description: String) {
    self.description = description
  }
}

extension FlashAttentionArguments {
  /// Checks sizes, and that every element of every operand lies within its buffer.
  func validate() throws(KernelArgumentError) {
    try checkSizes()
    let queries = (batch, queryHeads, queryLength)
    let keys = (batch, keyHeads, keyLength)
    try check("query", query, size: (queries.0, queries.1, queries.2, headSize))
    try check("key", key, size: (keys.0, keys.1, keys.2, headSize))
    try check("value", value, size: (keys.0, keys.1, keys.2, valueSize))
    try checkBounds(
      "output", output.strides, size: (queries.0, queries.1, queries.2, valueSize),
      elementBytes: output.element.byteCount, byteCount: output.byteCount)
    try checkOutputIsInjective()
    let scores = (queries.0, queries.1, queries.2, keyLength)
    if let bias { try check("bias", bias, size: scores) }
    if let mask {
      try checkBounds("mask", mask.strides, size: scores, elementBytes: 1, byteCount: mask.byteCount)
    }
  }

  private func checkSizes() throws(KernelArgumentError) {
    let sizes = [
      ("batch", batch), ("queryHeads", queryHeads), ("keyHeads", keyHeads), ("queryLength", queryLength),
      ("keyLength", keyLength), ("headSize", headSize), ("valueSize", valueSize),
    ]
    // Positions are compared as 32-bit numbers; the limit keeps sums of two of them in range as well.
    let limit = 1 << 30
    for (name, size) in sizes where size < 0 || size > limit {
      throw KernelArgumentError("attention: \(name) is \(size), expected 0 to \(limit)")
    }
    let widest = 1 << 20
    guard headSize <= widest, valueSize <= widest else {
      throw KernelArgumentError("attention: head sizes \(headSize) and \(valueSize), expected at most \(widest)")
    }
    guard keyHeads == 0 ? queryHeads == 0 : queryHeads.isMultiple(of: keyHeads) else {
      throw KernelArgumentError("attention: \(queryHeads) query heads are no multiple of \(keyHeads) key heads")
    }
    if let softcap, !(softcap > 0) {
      throw KernelArgumentError("attention: soft cap is \(softcap), expected a positive number")
    }
    if let sinks, sinks.count != queryHeads {
      throw KernelArgumentError("attention: \(sinks.count) sinks for \(queryHeads) query heads")
    }
    if let validKeyLengths {
      guard validKeyLengths.count == batch else {
        throw KernelArgumentError("attention: \(validKeyLengths.count) valid key lengths for batch \(batch)")
      }
      for length in validKeyLengths where length < 0 || length > keyLength {
        throw KernelArgumentError("attention: valid key length \(length), expected 0 to \(keyLength)")
      }
    }
    for limit in [window?.left, window?.right] {
      if let limit, limit < 0 { throw KernelArgumentError("attention: window of \(limit) keys, expected 0 or more") }
    }
  }

  /// Threads write the output without locks, so no two of its elements may share memory.
  private func checkOutputIsInjective() throws(KernelArgumentError) {
    let strides = output.strides
    let axes = [
      (batch, strides.batch), (queryHeads, strides.head), (queryLength, strides.row), (valueSize, strides.column),
    ]
    guard axes.allSatisfy({ $0.0 > 0 }) else { return }
    var reach = 0
    for (size, stride) in axes.sorted(by: { $0.1 < $1.1 }) where size > 1 {
      guard stride > reach else {
        throw KernelArgumentError("attention: output elements overlap at stride \(stride)")
      }
      reach += (size - 1) * stride
    }
  }

  private func check(
    _ name: String, _ buffer: StridedBuffer, size: (Int, Int, Int, Int)
  ) throws(KernelArgumentError) {
    try checkBounds(
      name, buffer.strides, size: size, elementBytes: buffer.element.byteCount, byteCount: buffer.byteCount)
  }

  private func checkBounds(
    _ name: String, _ strides: Strides, size: (Int, Int, Int, Int), elementBytes: Int, byteCount: Int
  ) throws(KernelArgumentError) {
    let axes = [
      (size.0, strides.batch), (size.1, strides.head), (size.2, strides.row), (size.3, strides.column),
    ]
    guard axes.allSatisfy({ $0.0 > 0 }) else { return }
    var elements = 1
    for (size, stride) in axes {
      guard stride >= 0 else {
        throw KernelArgumentError("attention: \(name) has stride \(stride), expected 0 or more")
      }
      let (extent, overflowsProduct) = (size - 1).multipliedReportingOverflow(by: stride)
      let (sum, overflowsSum) = elements.addingReportingOverflow(extent)
      guard !overflowsProduct, !overflowsSum else {
        throw KernelArgumentError("attention: \(name) of size \(size) with stride \(stride) exceeds the address space")
      }
      elements = sum
    }
    let (bytes, overflows) = elements.multipliedReportingOverflow(by: elementBytes)
    guard !overflows, bytes <= byteCount else {
      throw KernelArgumentError(
        "attention: \(name) reaches to element \(elements), but its buffer holds \(max(byteCount, 0) / elementBytes)")
    }
  }
}
