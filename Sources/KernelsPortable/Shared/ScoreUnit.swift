import KernelInterface

/// What scores are counted in: those of a tile as the products give them, or as they are in the graph.
struct ScoreUnit {
  /// One of it in the graph.
  let natural: Float
  /// One of it in the unit of running maxima: a power of two, so that maxima are exactly what they are among the scores.
  let size: Float
  /// One of it as an exponent of two.
  let exponent: Float

  static var natural: ScoreUnit { ScoreUnit(natural: 1, size: 1, exponent: binaryLogarithmOfE) }

  private init(natural: Float, size: Float, exponent: Float) {
    (self.natural, self.size, self.exponent) = (natural, size, exponent)
  }

  /// Queries of floats are scaled, where steps are paired by a power of two more: so that they stay about as large as keys of their size.
  /// Products of bfloat16 pairs are scaled last.
  init(_ problem: AttentionProblem) {
    guard !problem.usesBFloat16Dots else {
      self.init(natural: problem.scale, size: 1, exponent: problem.scale * binaryLogarithmOfE)
      return
    }
    var balance: Float = 1
    while PairedTile.suits(problem), balance < 64, balance * problem.scale < 0.6 { balance *= 2 }
    self.init(natural: 1 / balance, size: 1 / balance, exponent: binaryLogarithmOfE / balance)
  }
}
