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
        mean = sum(count, of: Elements(source: source)) / size
      }
      let center = Lanes(repeating: mean)
      let squares = sum(count, of: SquaredDistances(source: source, center: center))
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
      let total = sum(count, of: WrittenPowers(source: source, target: target, reference: reference))
      let factor = Lanes(repeating: 1 / total)
      forEachVector(count) { index, width in
        store(load(UnsafePointer(target) + index, width) * factor, to: target + index, width)
      }
    }
  }

  /// The sum of all lanes of `terms`. Four sums in parallel keep the rounding errors of long rows small.
  @inline(__always)
  private static func sum<Terms: RowTerms>(_ count: Int, of terms: Terms) -> Float {
    var sums = (Lanes(repeating: 0), Lanes(repeating: 0), Lanes(repeating: 0), Lanes(repeating: 0))
    var index = 0
    let width = Lanes.scalarCount
    while index &+ 4 &* width <= count {
      sums.0 += terms.lanes(at: index, width)
      sums.1 += terms.lanes(at: index &+ width, width)
      sums.2 += terms.lanes(at: index &+ 2 &* width, width)
      sums.3 += terms.lanes(at: index &+ 3 &* width, width)
      index &+= 4 &* width
    }
    while index < count {
      sums.0 += terms.lanes(at: index, Swift.min(width, count &- index))
      index &+= width
    }
    let lanes = (sums.0 + sums.1) + (sums.2 + sums.3)
    var total: Float = 0
    for lane in 0..<width { total += lanes[lane] }
    return total
  }
}

/// What is added up along a row; types instead of closures, since those are always inlined.
private protocol RowTerms {
  /// The terms of the numbers from `index` on, zeros after the first `width`.
  func lanes(at index: Int, _ width: Int) -> Lanes
}

private struct Elements: RowTerms {
  let source: UnsafePointer<Float>

  @inline(__always)
  func lanes(at index: Int, _ width: Int) -> Lanes { load(source + index, width) }
}

private struct SquaredDistances: RowTerms {
  let source: UnsafePointer<Float>
  let center: Lanes

  @inline(__always)
  func lanes(at index: Int, _ width: Int) -> Lanes {
    let distance = first(width, of: load(source + index, width) - center)
    return distance * distance
  }
}

/// Powers of e, which are kept.
private struct WrittenPowers: RowTerms {
  let source: UnsafePointer<Float>
  let target: UnsafeMutablePointer<Float>
  let reference: Lanes

  @inline(__always)
  func lanes(at index: Int, _ width: Int) -> Lanes {
    let power = exponential(load(source + index, width) - reference)
    store(power, to: target + index, width)
    return first(width, of: power)
  }
}

/// The first `width` lanes, and zeros.
@inline(__always)
private func first(_ width: Int, of lanes: Lanes) -> Lanes {
  var result = lanes
  if width < Lanes.scalarCount {
    for lane in width..<Lanes.scalarCount { result[lane] = 0 }
  }
  return result
}
