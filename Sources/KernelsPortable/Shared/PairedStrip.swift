import KernelInterface

/// The rows of a register tile as ``StepPair`` needs them: of the size of the columns that they meet, with what each has in common with
/// all columns.
///
/// Rounding `x + y` loses digits of the smaller of the two, so rows are brought to the size of the matrix by powers of two, which are
/// exact, and their results back.
struct PairedStrip {
  static var rows: Int { RowBlock<ThreeVectors>.count }

  /// What sums of each row begin with, but for the columns: minus the sum of the products of its pairs.
  let starts: UnsafeMutablePointer<Float>
  /// What the sums of each row are multiplied by.
  let factors: UnsafeMutablePointer<Float>
  private let copies: UnsafeMutablePointer<Float>
  private let stride: Int

  /// Numbers of the scratch for `depth` steps.
  static func scratchNumbers(depth: Int) -> Int { 2 &* rows &+ rows &* stride(depth) }

  /// Rows that begin at different places of a page keep out of each other's way in the first-level cache.
  private static func stride(_ depth: Int) -> Int { (depth &+ 15) / 16 &* 16 &+ 16 }

  init(depth: Int, scratch: UnsafeMutablePointer<Float>) {
    starts = scratch
    factors = starts + Self.rows
    copies = factors + Self.rows
    stride = Self.stride(depth)
  }

  /// The copies.
  var matrix: Matrix { Matrix(base: UnsafePointer(copies), rowStride: stride, columnStride: 1) }

  /// Copies rows whose steps are neighbours in memory.
  ///
  /// - Parameters:
  ///   - exponent: The size of the columns.
  ///   - steps: The size of each step of them.
  /// - Returns: Whether all rows allow for it.
  func copy(_ left: Matrix, depth: Int, exponent: Int, steps: UnsafePointer<Float>) -> Bool {
    for row in 0..<Self.rows {
      let source = left.base + row &* left.rowStride
      let target = copies + row &* stride
      starts[row] = 0
      factors[row] = 1
      var factor: Float = 1
      if RowBlock<ThreeVectors>.isPaired(row) {
        let sums = StepSums(source, depth: depth, steps: steps)
        guard let own = sums.exponent(count: depth) else { return false }
        factor = Self.power(exponent &- own)
        factors[row] = Self.power(own &- exponent)
        starts[row] = -sums.pairs * factor * factor
      }
      copy(source, depth: depth, factor: factor, to: target)
    }
    return true
  }

  /// 2^exponent, for what is between two sizes.
  private static func power(_ exponent: Int) -> Float {
    Float(bitPattern: UInt32(truncatingIfNeeded: 127 &+ exponent) &<< 23)
  }

  private func copy(_ source: UnsafePointer<Float>, depth: Int, factor: Float, to target: UnsafeMutablePointer<Float>) {
    let factors = Lanes(repeating: factor)
    var step = 0
    while step < depth {
      let numbers = load(source + step, Swift.min(Lanes.scalarCount, depth &- step)) * factors
      UnsafeMutableRawPointer(target + step).storeBytes(of: numbers, as: Lanes.self)
      step &+= Lanes.scalarCount
    }
  }
}

extension StepSums {
  /// The sums of a row's numbers, whose magnitudes count as much as the columns' step is large.
  @inline(__always)
  fileprivate init(_ source: UnsafePointer<Float>, depth: Int, steps: UnsafePointer<Float>) {
    var pairs = Lanes(repeating: 0)
    var (squares, magnitudes) = (pairs, pairs)
    var (otherPairs, otherSquares, otherMagnitudes) = (pairs, pairs, pairs)
    var step = 0
    while step &+ 2 &* Lanes.scalarCount <= depth {
      let address = UnsafeRawPointer(source + step)
      let first = address.loadUnaligned(as: Lanes.self)
      let second = (address + MemoryLayout<Lanes>.size).loadUnaligned(as: Lanes.self)
      pairs = multiplyAdd(first, neighboursSwapped(first), pairs)
      otherPairs = multiplyAdd(second, neighboursSwapped(second), otherPairs)
      squares = multiplyAdd(first, first, squares)
      otherSquares = multiplyAdd(second, second, otherSquares)
      let sizes = UnsafeRawPointer(steps + step)
      magnitudes = multiplyAdd(absolute(first), sizes.loadUnaligned(as: Lanes.self), magnitudes)
      otherMagnitudes = multiplyAdd(
        absolute(second), (sizes + MemoryLayout<Lanes>.size).loadUnaligned(as: Lanes.self), otherMagnitudes)
      step &+= 2 &* Lanes.scalarCount
    }
    while step < depth {
      let count = Swift.min(Lanes.scalarCount, depth &- step)
      let numbers = load(source + step, count)
      pairs = multiplyAdd(numbers, neighboursSwapped(numbers), pairs)
      squares = multiplyAdd(numbers, numbers, squares)
      magnitudes = multiplyAdd(absolute(numbers), load(steps + step, count), magnitudes)
      step &+= Lanes.scalarCount
    }
    // Every pair was added twice.
    var halves = Lanes(repeating: 0.5)
    for lane in 0..<Lanes.scalarCount where lane & 2 != 0 { halves[lane] = -0.5 }
    self.init(
      pairs: ((pairs + otherPairs) * halves).sum(), squares: (squares + otherSquares).sum(),
      magnitudes: (magnitudes + otherMagnitudes).sum())
  }

  /// Writes the sums of each column of one panel, for each part of the depth: those of a part are `stride` from those of the one before;
  /// and the sum of squares of each step.
  static func measure(
    _ panel: UnsafePointer<Float>, depth: Int, columns: Int, into sums: UnsafeMutablePointer<StepSums>, stride: Int,
    steps: UnsafeMutablePointer<Float>
  ) {
    let packed = MatrixProduct.packedColumns(columns)
    for step in 0..<depth {
      var squares = Lanes(repeating: 0)
      for vector in 0..<packed / Lanes.scalarCount {
        let numbers = UnsafeRawPointer(panel + step &* packed + vector &* Lanes.scalarCount)
          .loadUnaligned(as: Lanes.self)
        squares = multiplyAdd(numbers, numbers, squares)
      }
      steps[step] = squares.sum()
    }
    let partDepth = MatrixProduct.partDepth(depth)
    var column = 0
    while column < packed {
      var part = 0
      while part &* partDepth < depth {
        let first = part &* partDepth
        let target = sums + (part &* stride &+ column)
        measure(
          panel + (first &* packed &+ column), depth: Swift.min(partDepth, depth &- first), stride: packed, into: target
        )
        part &+= 1
      }
      column &+= Lanes.scalarCount
    }
  }

  private static func measure(
    _ numbers: UnsafePointer<Float>, depth: Int, stride: Int, into target: UnsafeMutablePointer<StepSums>
  ) {
    var pairs = Lanes(repeating: 0)
    var (squares, magnitudes) = (pairs, pairs)
    var step = 0
    var sign = Lanes(repeating: 1)
    while step < depth {
      // Short sums lose less.
      var some = Lanes(repeating: 0)
      let end = Swift.min(step &+ 64, depth)
      while step < end {
        let first = UnsafeRawPointer(numbers + step &* stride).loadUnaligned(as: Lanes.self)
        let isLast = step &+ 1 == depth
        let second =
          isLast
          ? Lanes(repeating: 0) : UnsafeRawPointer(numbers + (step &+ 1) &* stride).loadUnaligned(as: Lanes.self)
        some = multiplyAdd(first * sign, second, some)
        sign = -sign
        squares = multiplyAdd(first, first, multiplyAdd(second, second, squares))
        magnitudes += absolute(first) + absolute(second)
        step &+= 2
      }
      pairs += some
    }
    for lane in 0..<Lanes.scalarCount {
      (target + lane).initialize(
        to: StepSums(pairs: pairs[lane], squares: squares[lane], magnitudes: magnitudes[lane]))
    }
  }
}
