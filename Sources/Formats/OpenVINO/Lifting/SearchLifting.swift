import GraphIR
import Tensors

extension LiftingRules {
  /// Operations that look things up: places in sorted lists, rows of tables, boxes and regions.
  static let search: [String: LiftingRule] = [
    "Bucketize": { lifting in
      let isRightClosed = try lifting.attribute("with_right_bound", true)
      let place = try lifting.countBelow(
        try lifting.input(0), in: try lifting.input(1), includesEqual: !isRightClosed)
      return [try lifting.cast(place, to: try lifting.attribute("output_type", ElementType.int64))]
    },
    "SearchSorted": { lifting in
      let (sorted, values) = (try lifting.input(0), try lifting.input(1))
      // Each row of values has its own list, or all share one.
      let lists =
        try lifting.rank(sorted) == 1 ? sorted : lifting.add("Unsqueeze", [sorted, try lifting.constant([-2])])
      let place = try lifting.countBelow(values, in: lists, includesEqual: try lifting.attribute("right_mode", false))
      return [try lifting.cast(place, to: try lifting.attribute("output_type", ElementType.int64))]
    },
    "EmbeddingBagPackedSum": { lifting in try lifting.packedBags() },
    "EmbeddingBagPacked": { lifting in try lifting.packedBags() },
    "EmbeddingSegmentsSum": { lifting in
      let count = try lifting.scalar(try lifting.indices(3))
      return try lifting.segments(
        try lifting.indices(2), count: count, defaultIndex: lifting.optionalInput(4), weights: lifting.optionalInput(5))
    },
    "EmbeddingBagOffsetsSum": { lifting in try lifting.offsetBags() },
    "EmbeddingBagOffsets": { lifting in try lifting.offsetBags() },
    "Unique": { lifting in
      var attributes: [String: AttributeValue] = ["sorted": .boolean(try lifting.attribute("sorted", true))]
      if lifting.inputs.count > 1 { attributes["axis"] = .integer(try lifting.integer(1)) }
      let results = try lifting.addNode("Unique", [try lifting.input(0)], attributes, outputs: 4)
      let index = try lifting.attribute("index_element_type", ElementType.int64)
      let count = try lifting.attribute("count_element_type", ElementType.int64)
      return [
        results[0], try lifting.cast(results[1], to: index), try lifting.cast(results[2], to: index),
        try lifting.cast(results[3], to: count),
      ]
    },
    "ROIAlign": { lifting in
      var regions = try lifting.input(1)
      // The greatest of interpolated values there, of weighted elements here.
      guard try lifting.attribute("mode", "avg") == "avg" else { throw Unliftable() }
      let alignment = try lifting.attribute("aligned_mode", "asymmetric")
      // Here the regions too may lie half an element off.
      if alignment == "half_pixel" {
        regions = try lifting.add("Add", [regions, try lifting.constant(0.5, like: regions)])
      }
      let mode = alignment == "asymmetric" ? "output_half_pixel" : "half_pixel"
      return [
        try lifting.add(
          "RoiAlign", [try lifting.input(0), regions, try lifting.indices(2)],
          [
            "coordinate_transformation_mode": .string(mode), "mode": .string("avg"),
            "output_height": .integer(try lifting.attribute("pooled_h")),
            "output_width": .integer(try lifting.attribute("pooled_w")),
            "sampling_ratio": .integer(try lifting.attribute("sampling_ratio")),
            "spatial_scale": .float(try lifting.attribute("spatial_scale")),
          ])
      ]
    },
    "CTCGreedyDecoderSeqLen": { lifting in
      let blank = try lifting.optionalInput(2).map { try lifting.cast($0, to: .int64) }
      let results = try lifting.addNode(
        "CTCGreedyDecoder", [try lifting.input(0), try lifting.indices(1), blank],
        ["merge_repeated": .boolean(try lifting.attribute("merge_repeated", true))], outputs: 2)
      let names = ["classes_index_type", "sequence_length_type"]
      return try zip(results, names).map { try lifting.cast($0, to: try lifting.attribute($1, ElementType.int32)) }
    },
    "NonMaxSuppression": { lifting in try lifting.suppressed() },
  ]
}

extension Lifting {
  /// How many elements of the last axis of `lists` are less than each of `values`, or with `includesEqual` not greater.
  fileprivate mutating func countBelow(_ values: Value, in lists: Value, includesEqual: Bool) throws -> Value {
    let each = try add("Unsqueeze", [values, try constant([-1])])
    let element = info(values).element
    let isBelow = try add(includesEqual ? "LessOrEqual" : "Less", [try cast(lists, to: element), each])
    return try add(
      "ReduceSum", [try cast(isBelow, to: .int64), try constant([-1])], ["keepdims": .boolean(false)])
  }

  /// The rows of the table that input 1 names, summed up along its last axis.
  fileprivate mutating func packedBags() throws -> [Value] {
    var rows = try add("Gather", [try input(0), try indices(1)])
    if let weights = optionalInput(2) {
      rows = try add("Mul", [rows, try add("Unsqueeze", [weights, try constant([-1])])])
    }
    return [try add(try reduction(), [rows, try constant([1])], ["keepdims": .boolean(false)])]
  }

  private func reduction() throws -> String { try attribute("reduction", "sum") == "mean" ? "ReduceMean" : "ReduceSum" }

  /// Bags that begin at the offsets of input 2.
  fileprivate mutating func offsetBags() throws -> [Value] {
    guard try reduction() == "ReduceSum" else { throw Unliftable() }
    let offsets = try indices(2)
    let (zero, one) = (try constant(Tensor(scalar: Int64(0))), try constant(Tensor(scalar: Int64(1))))
    let positions = try add("Range", [zero, try add("Size", [try input(1)]), one])
    let segments = try add("Sub", [try countBelow(positions, in: offsets, includesEqual: true), one])
    return try self.segments(
      segments, count: try add("Size", [offsets]), defaultIndex: optionalInput(3), weights: optionalInput(4))
  }

  /// The rows of the table that input 1 names, summed up by segment: a product with a matrix that says which row is in which.
  ///
  /// A segment without rows is 0, or the row of the table that `defaultIndex` names.
  fileprivate mutating func segments(
    _ segments: Value, count: Value, defaultIndex: Value?, weights: Value?
  ) throws -> [Value] {
    let (table, named) = (try input(0), try indices(1))
    let rows = try add("Gather", [table, named])
    let element = info(table).element
    let range = try constant(Tensor(doubles: [0, 1], element: element, shape: [2]))
    var belongs = try add("OneHot", [segments, count, range], ["axis": .integer(0)])
    let filled = try add("ReduceMax", [belongs, try constant([1])], ["keepdims": .boolean(true)])
    if let weights { belongs = try add("Mul", [belongs, weights]) }
    guard let rank = info(table).rank, rank > 0 else { throw Unliftable() }
    let tail = try add("Slice", [try add("Shape", [table]), try constant([1]), try constant([.max])])
    let flat = try add("Flatten", [rows], ["axis": .integer(1)])
    let sums = try add("MatMul", [belongs, flat])
    let shape = try add("Concat", [try constant([-1]), tail], ["axis": .integer(0)])
    guard let defaultIndex, info(defaultIndex).integers != [-1] else {
      return [try add("Reshape", [sums, shape])]
    }
    let spare = try add(
      "Gather", [table, try add("Reshape", [try cast(defaultIndex, to: .int64), try constant([1])])])
    let isFilled = try cast(filled, to: .bool)
    let chosen = try add("Where", [isFilled, sums, try add("Flatten", [spare], ["axis": .integer(1)])])
    return [try add("Reshape", [chosen, shape])]
  }

  /// Boxes by batch and class, or all by their scores; also those scores and their number where there are ports for them.
  fileprivate mutating func suppressed() throws -> [Value] {
    let (boxes, scores) = (try input(0), try input(1))
    if let sigma = optionalInput(5) { guard info(sigma).scalar == 0 else { throw Unliftable() } }
    let limits = try (2..<5).map { index -> Value? in
      guard let given = optionalInput(index) else { return nil }
      return try cast(try scalar(given), to: index == 2 ? .int64 : info(boxes).element)
    }
    let isCentered = try attribute("box_encoding", "corner") == "center"
    var selected = try add(
      "NonMaxSuppression", [boxes, scores] + limits, ["center_point_box": .boolean(isCentered)])
    var best = try add("GatherND", [scores, selected])
    if try attribute("sort_result_descending", true) {
      let count = try add("Shape", [best])
      let sorted = try addNode("TopK", [best, count], ["axis": .integer(0)], outputs: 2)
      best = sorted[0]
      selected = try add("Gather", [selected, sorted[1]])
    }
    let element = try attribute("output_type", ElementType.int64)
    let indices = try cast(selected, to: element)
    guard layer.outputs.count == 3 else { return [indices] }
    let places = try add("Slice", [selected, try constant([0]), try constant([2]), try constant([1])])
    let column = try add("Unsqueeze", [best, try constant([1])])
    let named = try cast(places, to: info(best).element)
    let scored = try add("Concat", [named, column], ["axis": .integer(1)])
    return [indices, scored, try cast(try add("Shape", [best]), to: element)]
  }
}
