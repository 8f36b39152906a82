import GraphIR
import Operations
import Tensors

extension LiftingRules {
  /// Operations that cut tensors into blocks and put them together in another order.
  static let blocks: [String: LiftingRule] = [
    "SpaceToDepth": { lifting in
      let data = try lifting.input(0)
      let size = try lifting.attribute("block_size", 1)
      let sizes = try lifting.sizes(data)
      guard size > 0, sizes.count > 2 else { throw Unliftable() }
      let spatial = sizes.count - 2
      let split = try lifting.cut(data, Array(sizes[..<2]) + sizes[2...].flatMap { [$0 / size, size] })
      let positions = (0..<spatial).map { 2 + 2 * $0 }
      let blocks = positions.map { $0 + 1 }
      let isDepthFirst = try lifting.attribute("mode", "blocks_first") == "depth_first"
      let order = [0] + (isDepthFirst ? [1] + blocks : blocks + [1]) + positions
      let depth = try checkedProduct([sizes[1]] + Array(repeating: size, count: spatial))
      return [try lifting.put(split, order, [sizes[0], depth] + sizes[2...].map { $0 / size })]
    },
    "SpaceToBatch": { lifting in
      let (data, blocks) = (try lifting.input(0), try lifting.integers(1))
      let pads = try lifting.constant(try lifting.integers(2) + (try lifting.integers(3)))
      let padded = try lifting.add("Pad", [data, pads])
      let sizes = try lifting.sizes(padded)
      guard sizes.count == blocks.count, blocks.allSatisfy({ $0 > 0 }) else { throw Unliftable() }
      let split = try lifting.cut(padded, zip(sizes, blocks).flatMap { [$0 / $1, $1] })
      let order = sizes.indices.map { 2 * $0 + 1 } + sizes.indices.map { 2 * $0 }
      let batch = try checkedProduct(blocks + [sizes[0] / blocks[0]])
      return [try lifting.put(split, order, [batch] + zip(sizes, blocks).dropFirst().map { $0 / $1 })]
    },
    "BatchToSpace": { lifting in
      let (data, blocks) = (try lifting.input(0), try lifting.integers(1))
      let sizes = try lifting.sizes(data)
      guard sizes.count == blocks.count, blocks.allSatisfy({ $0 > 0 }) else { throw Unliftable() }
      let split = try lifting.cut(data, blocks + [sizes[0] / (try checkedProduct(blocks))] + sizes.dropFirst())
      let order = sizes.indices.flatMap { [sizes.count + $0, $0] }
      let whole = try sizes.indices.map { axis in
        try checkedProduct([axis == 0 ? sizes[0] / (try checkedProduct(blocks)) : sizes[axis], blocks[axis]])
      }
      let joined = try lifting.put(split, order, whole)
      let crops = try lifting.integers(2) + (try lifting.integers(3))
      try require(crops.allSatisfy { $0 >= 0 }, "crops \(crops) must not be negative")
      return [try lifting.add("Pad", [joined, try lifting.constant(crops.map { -$0 })])]
    },
    "ShuffleChannels": { lifting in
      let data = try lifting.input(0)
      let sizes = try lifting.sizes(data)
      let axis = try normalizedAxis(try lifting.attribute("axis", 1), rank: sizes.count)
      let groups = try lifting.attribute("group", 1)
      guard groups > 0 else { throw Unliftable() }
      let split = try lifting.cut(data, sizes[..<axis] + [groups, sizes[axis] / groups] + sizes[(axis + 1)...])
      var order = Array(0...sizes.count)
      order.swapAt(axis, axis + 1)
      return [try lifting.put(split, order, sizes)]
    },
    // What a window covers becomes channels, the position in the window outermost.
    "ExtractImagePatches": { lifting in
      let data = try lifting.input(0)
      let sizes = try lifting.sizes(data)
      let (window, steps): ([Int], [Int]) = (try lifting.attribute("sizes"), try lifting.attribute("strides"))
      let rates: [Int] = try lifting.attribute("rates")
      let padding = try lifting.attribute("auto_pad", "valid").lowercased()
      guard sizes.count == 4,
        [window, steps, rates].allSatisfy({ $0.count == 2 && $0.allSatisfy((1...4096).contains) })
      else { throw Unliftable() }
      var (before, after, counts) = ([0, 0], [0, 0], [0, 0])
      for axis in 0..<2 {
        let (size, extent) = (sizes[axis + 2], (window[axis] - 1) * rates[axis] + 1)
        if padding == "valid" {
          counts[axis] = size < extent ? 0 : (size - extent) / steps[axis] + 1
        } else {
          counts[axis] = (size + steps[axis] - 1) / steps[axis]
          let total = max((counts[axis] - 1) * steps[axis] + extent - size, 0)
          before[axis] = padding == "same_upper" ? total / 2 : total - total / 2
          after[axis] = total - before[axis]
        }
      }
      let padded = try lifting.add("Pad", [data, try lifting.constant([0, 0] + before + [0, 0] + after)])
      let (axes, strides) = (try lifting.constant([2, 3]), try lifting.constant(steps))
      let patches = try (0..<(window[0] * window[1])).map { tap in
        let starts = [tap / window[1] * rates[0], tap % window[1] * rates[1]]
        let ends = (0..<2).map { (axis: Int) -> Int in
          counts[axis] == 0 ? starts[axis] : starts[axis] + (counts[axis] - 1) * steps[axis] + 1
        }
        return try lifting.add(
          "Slice", [padded, try lifting.constant(starts), try lifting.constant(ends), axes, strides])
      }
      return [try lifting.add("Concat", patches, ["axis": .integer(1)])]
    },
    "Reverse": { lifting in
      let data = try lifting.input(0)
      let given = try lifting.integers(1)
      let isMask = try lifting.attribute("mode", "index") == "mask"
      let axes = isMask ? given.indices.filter { given[$0] != 0 } : given
      func all(_ number: Int) throws -> Value { try lifting.constant(axes.map { _ in number }) }
      return [try lifting.add("Slice", [data, try all(-1), try all(.min), try lifting.constant(axes), try all(-1)])]
    },
    "ReverseSequence": { lifting in
      let data = try lifting.input(0)
      let rank = try lifting.rank(data)
      let batch = try normalizedAxis(try lifting.attribute("batch_axis", 0), rank: rank)
      let time = try normalizedAxis(try lifting.attribute("seq_axis", 1), rank: rank)
      return [
        try lifting.add(
          "ReverseSequence", [data, try lifting.indices(1)],
          ["batch_axis": .integer(batch), "time_axis": .integer(time)])
      ]
    },
    // The elements' own numbers, sliced as the update says, are where the update goes.
    "SliceScatter": { lifting in
      let (data, update) = (try lifting.input(0), try lifting.input(1))
      let (zero, one) = (try lifting.constant(Tensor(scalar: Int64(0))), try lifting.constant(Tensor(scalar: Int64(1))))
      let line = try lifting.constant([-1])
      let numbers = try lifting.add("Range", [zero, try lifting.add("Size", [data]), one])
      let shape = try lifting.add("Shape", [data])
      let axes = lifting.inputs.count > 5 ? try lifting.indices(5) : nil
      let places = try lifting.add(
        "Slice",
        [
          try lifting.add("Reshape", [numbers, shape]), try lifting.indices(2), try lifting.indices(3), axes,
          try lifting.indices(4),
        ])
      let flat = try [data, places, update].map { try lifting.add("Reshape", [$0, line]) }
      return [try lifting.add("Reshape", [try lifting.add("ScatterElements", flat), shape])]
    },
  ]
}

extension Lifting {
  /// The sizes of `value`, all of which must be known.
  fileprivate func sizes(_ value: Value) throws -> [Int] {
    guard let sizes = info(value).shape.sizes else { throw Unliftable() }
    return sizes
  }

  /// `value` with its axes cut into `sizes`. Throws where they don't come out even.
  fileprivate mutating func cut(_ value: Value, _ sizes: [Int]) throws -> Value {
    try add("Reshape", [value, try constant(sizes)], ["allowzero": .boolean(true)])
  }

  /// `value` with its axes in `order`, put together to `sizes`.
  fileprivate mutating func put(_ value: Value, _ order: [Int], _ sizes: [Int]) throws -> Value {
    try cut(try add("Transpose", [value], ["perm": .integers(order)]), sizes)
  }
}
