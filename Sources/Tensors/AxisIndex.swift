/// `axis`, counted from the end where negative, as an index into `rank` axes.
public func normalizedAxis(_ axis: Int, rank: Int) throws -> Int {
  guard axis >= -rank, axis < rank else {
    throw ModelError.invalid("axis \(axis) is out of range for rank \(rank)")
  }
  return axis < 0 ? axis + rank : axis
}
