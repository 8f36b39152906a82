/// Where values lie in one block of memory that those alive at different times share.
struct MemoryPlan {
  /// A value that needs memory: how much, and from which step to which.
  struct Demand {
    let byteCount: Int
    let first: Int
    var last: Int
  }

  /// The place of each value, in bytes from the start.
  private(set) var offsets: [Int]
  private(set) var byteCount = 0

  private static let alignment = 64

  /// Places the largest first, each in the lowest gap between those that are alive with it.
  init(_ demands: [Demand]) {
    offsets = Array(repeating: 0, count: demands.count)
    var placed: [(range: Range<Int>, demand: Demand)] = []
    let order = demands.indices.sorted {
      (demands[$1].byteCount, $0) < (demands[$0].byteCount, $1)
    }
    for index in order {
      let demand = demands[index]
      let size = (demand.byteCount + Self.alignment - 1) / Self.alignment * Self.alignment
      var start = 0
      for (range, other) in placed where other.first <= demand.last && demand.first <= other.last {
        if range.lowerBound - start >= size { break }
        start = max(start, range.upperBound)
      }
      offsets[index] = start
      byteCount = max(byteCount, start + size)
      let place = placed.firstIndex { $0.range.lowerBound > start } ?? placed.count
      placed.insert((start..<(start + size), demand), at: place)
    }
  }
}
