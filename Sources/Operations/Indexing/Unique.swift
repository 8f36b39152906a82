import GraphIR
import Tensors

/// The different elements, or along `axis` the different slices, in ascending order or where not `sorted` in that of their first occurrence.
///
/// Also where each first occurs, which of them each one of the input is, and how often each occurs. NaN is the greatest, and equal to itself.
public struct Unique: GraphOperation {
  public var axis: Int?
  public var sorted = true

  public init() {}

  public static let schema = Schema<Self>(
    "Unique", inputs: ["data"], outputs: 1...4, attributes: [.init("axis", \.axis), .init("sorted", \.sorted)],
    spellings: [.onnx("Unique", since: 11)])

  public func infer(_ inputs: Operands<ValueInfo>) throws -> [ValueInfo] {
    let data = try inputs[0]
    let list = ValueInfo(.int64, [.unknown])
    guard let axis else { return [ValueInfo(data.element, [.unknown]), list, list, list] }
    guard var dimensions = data.shape.dimensions else { return [ValueInfo(data.element, .unranked), list, list, list] }
    let place = try normalizedAxis(axis, rank: dimensions.count)
    let size = dimensions[place]
    dimensions[place] = .unknown
    return [ValueInfo(data.element, Shape(dimensions)), list, ValueInfo(.int64, [size]), list]
  }

  public func evaluate(_ inputs: Operands<Tensor>) throws -> [Tensor] {
    let given = try inputs[0]
    let data = try axis == nil ? given.reshaped(to: [given.count]) : given
    let axis = try normalizedAxis(axis ?? 0, rank: data.rank)
    let numbers = data.element == .bool ? try convert(data, to: .uint8) : data
    let groups = try Grouping(data: numbers, axis: axis, sorted: sorted).dispatch(on: numbers.element)
    let first = groups.map { $0[0] }
    var inverse = [Int](repeating: 0, count: groups.reduce(0) { $0 + $1.count })
    for (number, group) in groups.enumerated() {
      for slice in group { inverse[slice] = number }
    }
    return [try AxisSelection(data, axis: axis, indices: first).selected()]
      + [first, inverse, groups.map(\.count)].map { Tensor($0.map { Int64($0) }) }
  }

  /// The positions of equal slices, in ascending order.
  private struct Grouping: NumberComputation {
    let data: Tensor
    let axis: Int
    let sorted: Bool

    func run<Scalar: NumberScalar>(_ type: Scalar.Type) throws -> [[Int]] {
      let size = data.shape[axis]
      let inner = product(data.shape[(axis + 1)...])
      let outer = data.count == 0 ? 0 : data.count / (size * inner)
      try require(size <= max(data.count, 1 << 20), "an axis of \(size) slices without elements is too long")
      return try data.withElements(as: Scalar.self) { values in
        func compare(_ left: Int, _ right: Int) -> Int {
          for block in 0..<outer {
            for i in 0..<inner {
              let a = values[(block * size + left) * inner + i].number
              let b = values[(block * size + right) * inner + i].number
              if a.isNotANumber != b.isNotANumber { return a.isNotANumber ? 1 : -1 }
              if a < b { return -1 }
              if a > b { return 1 }
            }
          }
          return 0
        }
        let order = (0..<size).sorted { left, right in
          let comparison = compare(left, right)
          return comparison == 0 ? left < right : comparison < 0
        }
        var groups: [[Int]] = []
        for slice in order {
          if let last = groups.last, compare(last[0], slice) == 0 {
            groups[groups.count - 1].append(slice)
          } else {
            groups.append([slice])
          }
        }
        return sorted ? groups : groups.sorted { $0[0] < $1[0] }
      }
    }
  }
}
