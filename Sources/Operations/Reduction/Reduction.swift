import GraphIR
import Tensors

/// An operation that makes one element of all those along some axes.
///
/// `axes` (an input) names them; without it all axes are reduced, or none where `noop_with_empty_axes` says so. The reduced axes
/// stay with size 1 where `keepdims` says so.
protocol ReductionOperation: GraphOperation {
  var keepsAxes: Bool { get }
  var keepsAllWithoutAxes: Bool { get }
  /// What an element is turned into before it is accumulated.
  func prepare<Number: Arithmetic>(_ value: Number) -> Number
  /// The result of no elements at all. Throws where there is none.
  func start<Number: Arithmetic>(_ type: Number.Type) -> Number
  func accumulate<Number: Arithmetic>(_ result: Number, _ value: Number) -> Number
  func finish<Number: Arithmetic>(_ result: Number, count: Int) -> Number
  /// The result for integers of which only expressions are known.
  func reduce(symbols: [Dimension]) -> Dimension
}

extension ReductionOperation {
  func prepare<Number: Arithmetic>(_ value: Number) -> Number { value }

  func finish<Number: Arithmetic>(_ result: Number, count: Int) -> Number { result }

  func reduce(symbols: [Dimension]) -> Dimension { .unknown }

  public func infer(_ inputs: Operands<ValueInfo>) throws -> [ValueInfo] {
    let data = try inputs[0]
    guard let dimensions = data.shape.dimensions else { return [ValueInfo(data.element, .unranked)] }
    var named: [Int] = []
    if let axes = inputs.optional(1) {
      guard let integers = axes.integers else {
        let rank = keepsAxes ? dimensions.count : axes.listCount.map { dimensions.count - $0 }
        return [ValueInfo(data.element, unknownShape(rank: rank.flatMap { $0 >= 0 ? $0 : nil }))]
      }
      named = integers
    }
    let axes = try reducedAxes(named, rank: dimensions.count)
    let shape = dimensions.indices.compactMap { axis in
      axes.contains(axis) ? (keepsAxes ? Dimension(1) : nil) : dimensions[axis]
    }
    var contents: [Dimension]?
    if axes.count == dimensions.count, let known = data.contents { contents = [reduce(symbols: known)] }
    return [ValueInfo(TensorType(data.element, Shape(shape)), contents: contents)]
  }

  private func reducedAxes(_ named: [Int], rank: Int) throws -> Set<Int> {
    if named.isEmpty { return keepsAllWithoutAxes ? [] : Set(0..<rank) }
    return Set(try normalizedAxes(named, rank: rank))
  }

  public func evaluate(_ inputs: Operands<Tensor>) throws -> [Tensor] {
    let data = try inputs[0]
    let axes = try reducedAxes(try inputs.optional(1)?.listedIntegers() ?? [], rank: data.rank)
    let shape = data.shape.indices.compactMap { axis in
      axes.contains(axis) ? (keepsAxes ? 1 : nil) : data.shape[axis]
    }
    if data.element == .bool {
      // Of booleans there are maximum and minimum.
      let bytes = try convert(data, to: .uint8)
      return [try convert(try reduced(bytes, axes), to: .bool).reshaped(to: shape)]
    }
    return [try reduced(data, axes).reshaped(to: shape)]
  }

  private func reduced(_ data: Tensor, _ axes: Set<Int>) throws -> Tensor {
    // Neighbouring axes that are treated alike count as one; what is reduced ends up innermost.
    let rows = ReducedRows(shape: data.shape, axes: axes)
    let arranged = try rows.arranged(data)
    return try ReductionLoop(operation: self, data: arranged, layout: rows).dispatch(on: data.element)
  }
}

/// How a tensor is seen as `[outer, reduced, inner]`.
struct ReducedRows {
  let outer: Int
  let reduced: Int
  let inner: Int
  /// The order of axes that makes it so, where it isn't yet.
  private let permutation: [Int]?

  init(shape: [Int], axes: Set<Int>) {
    let named = axes.sorted()
    reduced = product(named.map { shape[$0] })
    guard let first = named.first, let last = named.last, last - first + 1 == named.count else {
      permutation = named.isEmpty ? nil : shape.indices.filter { !axes.contains($0) } + named
      outer = product(shape.indices.filter { !axes.contains($0) }.map { shape[$0] })
      inner = 1
      return
    }
    permutation = nil
    outer = product(shape[..<first])
    inner = product(shape[(last + 1)...])
  }

  func arranged(_ data: Tensor) throws -> Tensor {
    guard let permutation else { return data }
    return try Transpose(permutation).evaluate(Operands([data]))[0]
  }
}

private struct ReductionLoop<Operation: ReductionOperation>: NumberComputation {
  let operation: Operation
  let data: Tensor
  let layout: ReducedRows

  func run<Scalar: NumberScalar>(_ type: Scalar.Type) throws -> Tensor {
    let (reduced, inner) = (layout.reduced, layout.inner)
    let count = try checkedProduct([layout.outer, inner])
    return try data.withElements(as: Scalar.self) { values in
      try Tensor.filled(Scalar.self, [count]) { result in
        let start = operation.start(Scalar.Number.self)
        if inner == 1 {
          for row in 0..<count {
            var sum = start
            for i in 0..<reduced {
              sum = operation.accumulate(sum, operation.prepare(values[row &* reduced &+ i].number))
            }
            result[row] = Scalar(number: operation.finish(sum, count: reduced))
          }
          return
        }
        var sums = [Scalar.Number](repeating: start, count: inner)
        for block in 0..<layout.outer {
          for i in 0..<inner { sums[i] = start }
          for line in 0..<reduced {
            let base = (block &* reduced &+ line) &* inner
            for i in 0..<inner {
              sums[i] = operation.accumulate(sums[i], operation.prepare(values[base &+ i].number))
            }
          }
          for i in 0..<inner {
            result[block &* inner &+ i] = Scalar(number: operation.finish(sums[i], count: reduced))
          }
        }
      }
    }
  }
}
