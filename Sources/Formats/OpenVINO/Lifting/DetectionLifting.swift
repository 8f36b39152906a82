import GraphIR
import Operations
import Tensors

extension LiftingRules {
  /// The last layers of detectors and of readers of text.
  static let detection: [String: LiftingRule] = [
    // Positions and certainties pass through a sigmoid, classes too or through a softmax; sizes stay.
    "RegionYolo": { lifting in
      let data = try lifting.input(0)
      let (coordinates, classes) = (try lifting.attribute("coords", 4), try lifting.attribute("classes", 1))
      let usesSoftmax = try lifting.attribute("do_softmax", true)
      let mask = try lifting.attribute("mask", [Int]())
      let regions = usesSoftmax ? try lifting.attribute("num", 1) : mask.count
      guard let sizes = lifting.info(data).shape.sizes, sizes.count == 4, regions > 0,
        (2...64).contains(coordinates), (1...(1 << 20)).contains(classes), regions <= 1 << 10,
        sizes[1] == regions * (coordinates + 1 + classes)
      else { throw Unliftable() }
      let (all, axis) = (coordinates + 1 + classes, 2)
      let apart = try lifting.add(
        "Reshape", [data, try lifting.constant([sizes[0], regions, all, sizes[2], sizes[3]])],
        ["allowzero": .boolean(true)])
      let places = try lifting.add("Sigmoid", [try lifting.slice(apart, axis: axis, from: 0, to: 2)])
      let extents = try lifting.slice(apart, axis: axis, from: 2, to: coordinates)
      let certainty = try lifting.add(
        "Sigmoid", [try lifting.slice(apart, axis: axis, from: coordinates, to: coordinates + 1)])
      let scores = try lifting.slice(apart, axis: axis, from: coordinates + 1, to: all)
      let chances = try lifting.add(
        usesSoftmax ? "Softmax" : "Sigmoid", [scores], usesSoftmax ? ["axis": .integer(axis)] : [:])
      let joined = try lifting.add("Concat", [places, extents, certainty, chances], ["axis": .integer(axis)])
      var shape = sizes
      if usesSoftmax {
        let first = try normalizedAxis(try lifting.attribute("axis", 1), rank: 4)
        let last = try normalizedAxis(try lifting.attribute("end_axis", 3), rank: 4)
        guard first <= last else { throw Unliftable() }
        shape = try sizes[..<first] + [checkedProduct(Array(sizes[first...last]))] + sizes[(last + 1)...]
      }
      return [
        try lifting.add("Reshape", [joined, try lifting.constant(shape)], ["allowzero": .boolean(true)])
      ]
    },
    // Depth to space on channels in groups, read back as more channels of smaller planes.
    "ReorgYolo": { lifting in
      let data = try lifting.input(0)
      let step: Int = try lifting.attribute("stride")
      guard let sizes = lifting.info(data).shape.sizes, sizes.count == 4, (1...4096).contains(step),
        sizes[1] % (step * step) == 0, sizes[2] % step == 0, sizes[3] % step == 0
      else { throw Unliftable() }
      func reshaped(_ value: Value, _ shape: [Int]) throws -> Value {
        try lifting.add("Reshape", [value, try lifting.constant(shape)], ["allowzero": .boolean(true)])
      }
      let split = try reshaped(data, [sizes[0], sizes[1] / (step * step), sizes[2], step, sizes[3], step])
      let moved = try lifting.add("Transpose", [split], ["perm": .integers([0, 3, 5, 1, 2, 4])])
      let channels = try checkedProduct([sizes[1], step, step])
      return [try reshaped(moved, [sizes[0], channels, sizes[2] / step, sizes[3] / step])]
    },
    // Of every frame the likeliest class; the mask says which frames count.
    "CTCGreedyDecoder": { lifting in
      let frames = try lifting.add("Transpose", [try lifting.input(0)], ["perm": .integers([1, 0, 2])])
      let counted = try lifting.add(
        "ReduceSum", [try lifting.input(1), try lifting.constant([0])], ["keepdims": .boolean(false)])
      let lengths = try lifting.cast(counted, to: .int64)
      let results = try lifting.addNode(
        "CTCGreedyDecoder", [frames, lengths, nil],
        ["merge_repeated": .boolean(try lifting.attribute("ctc_merge_repeated", true))], outputs: 2)
      let classes = try lifting.cast(results[0], to: lifting.info(try lifting.input(0)).element)
      return [try lifting.add("Unsqueeze", [classes, try lifting.constant([2, 3])])]
    },
  ]
}
