import GraphIR
import Operations
import Tensors

extension Graph {
  /// Whether no element of `bias` is anywhere near as low as `fill`, a low number that hidden scores are set to: then a score that is
  /// seen, with its bias, outweighs those that are hidden.
  func stays(_ bias: Value, farAbove fill: Double) -> Bool {
    range(of: bias).map { $0.lowerBound >= fill / 10 } ?? false
  }

  /// A range that holds all elements of `value`, as far as constants and operations with bounded results tell; nil where they don't.
  ///
  /// Which rows of a learned table are read does not matter; what a product of activations gives is not known.
  func range(of value: Value) -> ClosedRange<Double>? {
    var known: [Value: ClosedRange<Double>?] = [:]
    return range(of: value, depth: 0, &known)
  }

  /// How many nodes are looked through, one above the other.
  private static var depthLimit: Int { 48 }

  /// How many elements of a constant are looked at.
  private static var constantLimit: Int { 1 << 22 }

  private func range(
    of value: Value, depth: Int, _ known: inout [Value: ClosedRange<Double>?]
  ) -> ClosedRange<Double>? {
    if let found = known[value] { return found }
    guard depth < Self.depthLimit else { return nil }
    let node = self[value.node]
    func input(_ index: Int) -> ClosedRange<Double>? {
      guard node.inputs.indices.contains(index), let input = node.inputs[index] else { return nil }
      return range(of: input, depth: depth + 1, &known)
    }
    func span(_ numbers: [Double]) -> ClosedRange<Double>? {
      guard numbers.allSatisfy(\.isFinite), let least = numbers.min(), let most = numbers.max() else { return nil }
      return least...most
    }
    func all(_ indices: some Sequence<Int>) -> ClosedRange<Double>? {
      var ends: [Double] = []
      for index in indices {
        guard let range = input(index) else { return nil }
        ends += [range.lowerBound, range.upperBound]
      }
      return span(ends)
    }
    /// What `combine` gives of the ends of two ranges, for an operation whose extremes lie there.
    func ends(_ combine: (Double, Double) -> Double) -> ClosedRange<Double>? {
      guard node.inputs.count == 2, let first = input(0), let second = input(1) else { return nil }
      return span(
        [first.lowerBound, first.upperBound].flatMap { one in
          [second.lowerBound, second.upperBound].map { combine(one, $0) }
        })
    }
    let info = info(of: value)
    var result: ClosedRange<Double>?
    if info.element == .bool {
      result = 0...1
    } else if let constant = info.constant {
      result = constant.count <= Self.constantLimit ? (try? constant.doubles()).flatMap(span) : nil
    } else if info.element.isFloatingPoint {
      switch node.operation {
      case is Sigmoid, is Softmax: result = 0...1
      case is Tanh, is Sin, is Cos: result = -1...1
      case is Add: result = ends(+)
      case is Sub: result = ends(-)
      case is Mul: result = ends(*)
      case is Neg: result = input(0).flatMap { span([-$0.lowerBound, -$0.upperBound]) }
      case is Where: result = all(1...2)
      case is Concat: result = all(node.inputs.indices)
      case is Cast, is Transpose, is Reshape, is Unsqueeze, is Squeeze, is Flatten, is Expand, is Tile, is Identity,
        is Slice, is Split, is Gather, is GatherElements, is GatherND:
        result = input(0)
      default: break
      }
    }
    // Beyond the range of a type are infinities.
    let limit = info.element == .float16 ? 65504 : Double(Float.greatestFiniteMagnitude)
    if let found = result, max(-found.lowerBound, found.upperBound) > limit { result = nil }
    known[value] = .some(result)
    return result
  }
}
