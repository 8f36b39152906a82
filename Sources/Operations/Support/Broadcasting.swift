import Tensors

/// How up to three operands are read while a result that they broadcast to is written front to back.
///
/// Axes that all operands walk through alike are merged, so that what is left is runs in which each operand either advances
/// with the result (step 1) or stands still (step 0).
struct BroadcastPlan {
  /// An axis outside the runs, with what each operand advances by.
  private struct Axis {
    var size: Int
    var strides: (Int, Int, Int)
  }

  private var outer: [Axis] = []
  /// Elements in a run; 0 for an empty result.
  private(set) var runLength = 1
  /// What each operand advances by within a run: 0 or 1.
  private(set) var steps = (0, 0, 0)

  /// Throws where an operand does not broadcast to `result`.
  init(_ operands: [[Int]], to result: [Int]) throws {
    precondition(operands.count <= 3)
    guard !result.contains(0) else {
      for operand in operands { try BroadcastPlan.check(operand, result) }
      runLength = 0
      return
    }
    let strides = try operands.map { try BroadcastPlan.strides(of: $0, in: result) }
    func stride(_ operand: Int, _ axis: Int) -> Int { operand < strides.count ? strides[operand][axis] : 0 }
    var groups: [Axis] = []
    for axis in result.indices.reversed() where result[axis] != 1 {
      let next = Axis(size: result[axis], strides: (stride(0, axis), stride(1, axis), stride(2, axis)))
      if let last = groups.last,
        next.strides.0 == last.strides.0 &* last.size, next.strides.1 == last.strides.1 &* last.size,
        next.strides.2 == last.strides.2 &* last.size
      {
        groups[groups.count - 1].size = last.size &* next.size
      } else {
        groups.append(next)
      }
    }
    if let inner = groups.first {
      runLength = inner.size
      steps = inner.strides
    }
    outer = groups.dropFirst().reversed()
  }

  /// Calls `body` for each run with the offsets of result and operands.
  @inline(__always)
  func forEachRun(_ body: (_ result: Int, _ first: Int, _ second: Int, _ third: Int) throws -> Void) rethrows {
    guard runLength > 0 else { return }
    var counters = [Int](repeating: 0, count: outer.count)
    var (result, first, second, third) = (0, 0, 0, 0)
    while true {
      try body(result, first, second, third)
      result &+= runLength
      var axis = outer.count - 1
      while axis >= 0 {
        let step = outer[axis]
        counters[axis] &+= 1
        first &+= step.strides.0
        second &+= step.strides.1
        third &+= step.strides.2
        if counters[axis] < step.size { break }
        counters[axis] = 0
        first &-= step.strides.0 &* step.size
        second &-= step.strides.1 &* step.size
        third &-= step.strides.2 &* step.size
        axis -= 1
      }
      if axis < 0 { return }
    }
  }

  private static func check(_ operand: [Int], _ result: [Int]) throws {
    let fits =
      operand.count <= result.count
      && zip(operand.reversed(), result.reversed()).allSatisfy { $0 == $1 || $0 == 1 }
    try require(fits, "the shape \(operand) does not broadcast to \(result)")
  }

  /// What `operand` advances by along each axis of `result`: 0 where it is repeated.
  static func strides(of operand: [Int], in result: [Int]) throws -> [Int] {
    try check(operand, result)
    let missing = result.count - operand.count
    let dense = denseStrides(operand)
    return result.indices.map { axis in
      axis < missing || operand[axis - missing] == 1 ? 0 : dense[axis - missing]
    }
  }
}

/// The shape that tensors of `shapes` broadcast to, by NumPy's rules.
func broadcastShape(_ shapes: [[Int]]) throws -> [Int] {
  var result: [Int] = []
  for shape in shapes {
    let (longer, shorter) = shape.count > result.count ? (shape, result) : (result, shape)
    var merged = longer
    for (offset, size) in shorter.enumerated() {
      let axis = longer.count - shorter.count + offset
      if merged[axis] == size || size == 1 { continue }
      try require(merged[axis] == 1, "the shapes \(shapes.map { "\($0)" }.joined(separator: " and ")) don't broadcast")
      merged[axis] = size
    }
    result = merged
  }
  return result
}

/// Writes `combine` of the broadcast elements of two operands.
@inline(__always)
func combineBroadcast<Left, Right, Result>(
  _ plan: BroadcastPlan, _ left: UnsafeBufferPointer<Left>, _ right: UnsafeBufferPointer<Right>,
  _ result: UnsafeMutableBufferPointer<Result>, _ combine: (Left, Right) -> Result
) {
  let length = plan.runLength
  plan.forEachRun { start, first, second, _ in
    switch (plan.steps.0, plan.steps.1) {
    case (1, 1):
      for i in 0..<length { result[start &+ i] = combine(left[first &+ i], right[second &+ i]) }
    case (1, _):
      let fixed = right[second]
      for i in 0..<length { result[start &+ i] = combine(left[first &+ i], fixed) }
    case (_, 1):
      let fixed = left[first]
      for i in 0..<length { result[start &+ i] = combine(fixed, right[second &+ i]) }
    default:
      for i in 0..<length { result[start &+ i] = combine(left[first], right[second]) }
    }
  }
}
