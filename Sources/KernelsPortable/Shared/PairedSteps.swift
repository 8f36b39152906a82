/// Two steps of a sum of products with one multiplication, which pays where additions have units of their own:
///
///     Σ x[i]·y[i] = Σ (x[2j] + y[2j+1]) · (x[2j+1] + y[2j]) − Σ x[2j]·x[2j+1] − Σ y[2j]·y[2j+1]
///
/// The last two sums belong to a row and a column, which have them in common with many products. (S. Winograd, “A new algorithm for
/// inner product”, 1968.) A processor that does as many additions as multiplications at a time does most at once if five rows of
/// eight are summed this way.
///
/// Where numbers have a mean, those sums grow with every pair and digits are lost to them. Not if each second pair is opposed, whose
/// sums have the other sign: `x[2j]·y[2j] + x[2j+1]·y[2j+1]` is also `(x[2j] − y[2j+1]) · (y[2j] − x[2j+1])` plus the two products.
///
/// Digits are lost where the numbers of a row and a column are of different sizes.
struct StepPair {
  let x: UnsafePointer<Float>
  let next: UnsafePointer<Float>
}

/// Where two steps of each row of a register tile are.
protocol PairSources {
  func pair(_ row: Int) -> StepPair
}

/// Rows at any places whose steps are neighbours in memory.
struct NeighbouringSteps<Sources: RowSources>: PairSources {
  let sources: Sources
  let offset: Int

  @inline(__always)
  init(_ sources: Sources, at offset: Int) {
    self.sources = sources
    self.offset = offset
  }

  @inline(__always)
  func pair(_ row: Int) -> StepPair {
    let base = sources.base(ofRow: row) + offset
    return StepPair(x: base, next: base + 1)
  }
}

/// Rows that are neighbours in memory.
struct NeighbouringRows: PairSources {
  let first: UnsafePointer<Float>
  let next: UnsafePointer<Float>

  @inline(__always)
  func pair(_ row: Int) -> StepPair { StepPair(x: first + row, next: next + row) }
}
