import KernelInterface

/// What is done to whole rows of numbers: normalisation and softmax.
enum Rows {
  /// See ``RowNormalization``.
  @inline(never)
  static func normalize(_ problem: RowProblem, _ how: RowNormalization) {
    let count = problem.columns
    let size = Float(count)
    for row in 0..<problem.rows {
      let source = problem.source + row &* count
      let target = problem.target + row &* count
      var mean: Float = 0
      if how.centers {
        mean = sum(count) { load(source + $0, $1) } / size
      }
      let center = Lanes(repeating: mean)
      let squares = sum(count) { index, width in
        let distance = difference(load(source + index, width), center, width)
        return distance * distance
      }
      let factor = Lanes(repeating: 1 / (squares / size + how.epsilon).squareRoot())
      forEachVector(count) { index, width in
        var value = (load(source + index, width) - center) * factor
        if let scale = how.scale { value *= load(scale + index, width) }
        if let bias = how.bias { value += load(bias + index, width) }
        store(value, to: target + index, width)
      }
    }
  }

  /// exp(x − max) / Σ exp(x − max)
  @inline(never)
  static func softmax(_ problem: RowProblem) {
    let count = problem.columns
    for row in 0..<problem.rows {
      let source = problem.source + row &* count
      let target = problem.target + row &* count
      var highest = -Float.infinity
      var maxima = Lanes(repeating: -.infinity)
      forEachVector(count) { index, width in
        if width == Lanes.scalarCount {
          // NaN loses here, and comes back through the sum.
          maxima = maximum(maxima, load(source + index, width))
        } else {
          for lane in 0..<width where source[index &+ lane] > highest { highest = source[index &+ lane] }
        }
      }
      for lane in 0..<Lanes.scalarCount where maxima[lane] > highest { highest = maxima[lane] }
      let reference = Lanes(repeating: highest)
      let total = sum(count) { index, width in
        let power = exponential(load(source + index, width) - reference)
        store(power, to: target + index, width)
        return width == Lanes.scalarCount ? power : difference(power, Lanes(repeating: 0), width)
      }
      let factor = Lanes(repeating: 1 / total)
      forEachVector(count) { index, width in
        store(load(UnsafePointer(target) + index, width) * factor, to: target + index, width)
      }
    }
  }

  /// a − b in the first `width` lanes, 0 in the others.
  @inline(__always)
  private static func difference(_ a: Lanes, _ b: Lanes, _ width: Int) -> Lanes {
    var result = a - b
    if width < Lanes.scalarCount {
      for lane in width..<Lanes.scalarCount { result[lane] = 0 }
    }
    return result
  }

  /// The sum of all lanes that `body` gives. Four sums in parallel keep the rounding errors of long rows small.
  @inline(__always)
  private static func sum(_ count: Int, _ body: (_ index: Int, _ width: Int) -> Lanes) -> Float {
    var sums = (Lanes(repeating: 0), Lanes(repeating: 0), Lanes(repeating: 0), Lanes(repeating: 0))
    var index = 0
    let width = Lanes.scalarCount
    while index &+ 4 &* width <= count {
      sums.0 += body(index, width)
      sums.1 += body(index &+ width, width)
      sums.2 += body(index &+ 2 &* width, width)
      sums.3 += body(index &+ 3 &* width, width)
      index &+= 4 &* width
    }
    while index < count {
      sums.0 += body(index, Swift.min(width, count &- index))
      index &+= width
    }
    let lanes = (sums.0 + sums.1) + (sums.2 + sums.3)
    var total: Float = 0
    for lane in 0..<width { total += lanes[lane] }
    return total
  }
}
