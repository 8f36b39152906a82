import GraphIR
import Tensors

extension LiftingRules {
  static let slicing: [String: LiftingRule] = [
    "Slice": { lifting in
      let axes = lifting.inputs.count > 4 ? try lifting.indices(4) : nil
      return [
        try lifting.add(
          "Slice",
          [try lifting.input(0), try lifting.indices(1), try lifting.indices(2), axes, try lifting.indices(3)])
      ]
    },
    "Split": { lifting in
      let count: Int = try lifting.attribute("num_splits")
      try require(count == lifting.layer.outputs.count, "num_splits is \(count), but there are other output ports")
      let attributes: [String: AttributeValue] = [
        "axis": .integer(try lifting.integer(1)), "num_outputs": .integer(count),
      ]
      return try lifting.addNode("Split", [try lifting.input(0)], attributes, outputs: count)
    },
    "VariadicSplit": { lifting in
      let data = try lifting.input(0)
      let axis = try lifting.integer(1)
      let count = lifting.layer.outputs.count
      let given = lifting.info(try lifting.input(2))
      guard let lengths = given.integers, lengths.contains(-1) else {
        var lengths = try lifting.indices(2)
        if given.integers == nil, given.symbols?.contains(-1) ?? true {
          lengths = try lifting.fillingOpenLength(of: lengths, parting: data, axis: axis)
        }
        return try lifting.addNode("Split", [data, lengths], ["axis": .integer(axis)], outputs: count)
      }
      try require(lengths.count == count, "\(lengths.count) lengths for \(count) output ports")
      try require(
        lengths.allSatisfy { (-1...(1 << 48)).contains($0) } && lengths.count { $0 == -1 } == 1,
        "the lengths must be sizes, one of them perhaps -1, found \(lengths.prefix(8))")
      // The part of unknown length takes what the others leave: those before it count from the front, those behind from the back.
      let open = lengths.firstIndex(of: -1) ?? 0
      return try lengths.indices.map { index in
        let before = lengths[..<min(index, open)].reduce(0, +)
        let behind = lengths[(max(index, open) + 1)...].reduce(0, +)
        let from = index > open ? -behind - lengths[index] : before
        let to = index < open ? before + lengths[index] : behind == 0 ? Int.max : -behind
        return try lifting.slice(data, axis: axis, from: from, to: to)
      }
    },
    "StridedSlice": { lifting in try StridedSlice(lifting).lift(in: &lifting) },
  ]
}

/// A slice in NumPy's full notation: ranges, new axes, single positions and an ellipsis, told apart by masks.
private struct StridedSlice {
  private struct Range {
    let axis: Int
    /// Its place in the lists of bounds.
    let entry: Int
  }

  private var ranges: [Range] = []
  private var added: [Int] = []
  private var dropped: [Int] = []
  private let count: Int
  private let beginMask: [Bool]
  private let endMask: [Bool]

  init(_ lifting: Lifting) throws {
    guard let count = lifting.info(try lifting.input(1)).shape.sizes?.first else { throw Unliftable() }
    self.count = count
    let mask = { (name: String) throws -> [Bool] in
      let values = try lifting.attribute(name, [Int]()).map { $0 != 0 }
      return (0..<count).map { $0 < values.count && values[$0] }
    }
    beginMask = try mask("begin_mask")
    endMask = try mask("end_mask")
    let newAxes = try mask("new_axis_mask")
    let single = try mask("shrink_axis_mask")
    let ellipsis = try mask("ellipsis_mask")
    let rank = try lifting.rank(try lifting.input(0))
    var axis = 0
    var resultAxis = 0
    for entry in 0..<count {
      if ellipsis[entry] {
        let later = ((entry + 1)..<count).count { !newAxes[$0] }
        let skipped = rank - later - axis
        try require(skipped >= 0, "a StridedSlice of \(count) entries does not fit rank \(rank)")
        axis += skipped
        resultAxis += skipped
      } else if newAxes[entry] {
        added.append(resultAxis)
        resultAxis += 1
      } else {
        try require(axis < rank, "a StridedSlice of \(count) entries does not fit rank \(rank)")
        ranges.append(Range(axis: axis, entry: entry))
        if single[entry] { dropped.append(axis) } else { resultAxis += 1 }
        axis += 1
      }
    }
  }

  func lift(in lifting: inout Lifting) throws -> [Value] {
    var value = try lifting.input(0)
    let sliced = ranges.filter {
      !dropped.contains($0.axis) && !(beginMask[$0.entry] && endMask[$0.entry] && isForward($0, lifting))
    }
    if !sliced.isEmpty {
      let axes = try lifting.constant(sliced.map(\.axis))
      let begin = try bounds(1, of: sliced, open: beginMask, in: &lifting)
      let end = try bounds(2, of: sliced, open: endMask, in: &lifting)
      let strides = lifting.inputs.count > 3 ? try select(sliced, of: 3, in: &lifting) : nil
      value = try lifting.add("Slice", [value, begin, end, axes, strides])
    }
    // From the last to the first, so that those before keep their places.
    for range in ranges.reversed() where dropped.contains(range.axis) {
      let position = try lifting.scalar(try select([range], of: 1, in: &lifting))
      value = try lifting.add("Gather", [value, position], ["axis": .integer(range.axis)])
    }
    if !added.isEmpty { value = try lifting.add("Unsqueeze", [value, try lifting.constant(added)]) }
    return [value]
  }

  private func isForward(_ range: Range, _ lifting: Lifting) -> Bool {
    guard lifting.inputs.count > 3 else { return true }
    return lifting.info(lifting.inputs[3]).integers?[range.entry] == 1
  }

  /// The bounds of `ranges`; where `open` says so, the end of the axis that the stride's direction asks for.
  private func bounds(_ input: Int, of ranges: [Range], open: [Bool], in lifting: inout Lifting) throws -> Value {
    let given = try select(ranges, of: input, in: &lifting)
    guard ranges.contains(where: { open[$0.entry] }) else { return given }
    var strides = Array(repeating: 1, count: count)
    if lifting.inputs.count > 3 { strides = try lifting.integers(3) }
    guard strides.count == count else { throw Unliftable() }
    let limits = ranges.map { range in
      let towardsEnd = (input == 2) == (strides[range.entry] > 0)
      return towardsEnd ? Int.max : input == 1 ? 0 : Int.min
    }
    if let numbers = lifting.info(given).integers {
      return try lifting.constant(ranges.indices.map { open[ranges[$0].entry] ? limits[$0] : numbers[$0] })
    }
    let isOpen = try lifting.constant(Tensor(ranges.map { open[$0.entry] }))
    return try lifting.add("Where", [isOpen, try lifting.constant(limits), given])
  }

  /// The entries of a list that belong to `ranges`.
  private func select(_ ranges: [Range], of input: Int, in lifting: inout Lifting) throws -> Value {
    let entries = ranges.map(\.entry)
    let list = try lifting.indices(input)
    if entries == Array(0..<count) { return list }
    if let numbers = lifting.info(list).integers {
      guard numbers.count == count else { throw Unliftable() }
      return try lifting.constant(entries.map { numbers[$0] })
    }
    return try lifting.add("Gather", [list, try lifting.constant(entries)], ["axis": .integer(0)])
  }
}

extension Lifting {
  /// `lengths` of the parts of `data` along `axis`, with what the others leave in the place of a −1.
  fileprivate mutating func fillingOpenLength(of lengths: Value, parting data: Value, axis: Int) throws -> Value {
    let place = try constant(Tensor(scalar: Int64(try normalizedAxis(axis, rank: rank(data)))))
    let size = try add("Gather", [try add("Shape", [data]), place], ["axis": .integer(0)])
    let sum = try add("ReduceSum", [lengths, try constant([0])], ["keepdims": .integer(0)])
    let one = try constant(Tensor(scalar: Int64(1)))
    let rest = try add("Sub", [size, try add("Add", [sum, one])])
    let isOpen = try add("Equal", [lengths, try constant(Tensor(scalar: Int64(-1)))])
    return try add("Where", [isOpen, rest, lengths])
  }
}
