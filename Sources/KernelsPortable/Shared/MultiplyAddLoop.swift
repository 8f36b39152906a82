/// Multiply-adds on registers alone, as many as fit beside each other: what the processor can do at most.
package enum MultiplyAddLoop {
  /// Floating-point operations of one round, a multiply-add counting as two.
  package static let operationsPerRound = 2 * 12 * Lanes.scalarCount

  /// Runs `rounds` rounds and returns a number that depends on all of them.
  @inline(never)
  package static func run(rounds: Int, factor: Float) -> Float {
    let scale = Lanes(repeating: factor)
    let addend = Lanes(repeating: 1e-3)
    // Twelve chains hide the latency of an instruction and fit into 16 registers with their operands.
    var (a, b, c, d) = (addend, addend, addend, addend)
    var (e, f, g, h) = (addend, addend, addend, addend)
    var (i, j, k, l) = (addend, addend, addend, addend)
    for _ in 0..<rounds {
      a = multiplyAdd(a, scale, addend)
      b = multiplyAdd(b, scale, addend)
      c = multiplyAdd(c, scale, addend)
      d = multiplyAdd(d, scale, addend)
      e = multiplyAdd(e, scale, addend)
      f = multiplyAdd(f, scale, addend)
      g = multiplyAdd(g, scale, addend)
      h = multiplyAdd(h, scale, addend)
      i = multiplyAdd(i, scale, addend)
      j = multiplyAdd(j, scale, addend)
      k = multiplyAdd(k, scale, addend)
      l = multiplyAdd(l, scale, addend)
    }
    let sums = ((a + b) + (c + d)) + ((e + f) + (g + h)) + ((i + j) + (k + l))
    var total: Float = 0
    for lane in 0..<Lanes.scalarCount { total += sums[lane] }
    return total
  }
}
