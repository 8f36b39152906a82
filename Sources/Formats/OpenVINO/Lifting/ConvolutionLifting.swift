import GraphIR
import Tensors

extension LiftingRules {
  static let convolution: [String: LiftingRule] = [
    "Convolution": { lifting in
      try lifting.window([try lifting.input(0), try lifting.input(1)], as: "Conv")
    },
    "GroupConvolution": { lifting in
      let (weights, groups) = try lifting.mergedGroups(1)
      return try lifting.window([try lifting.input(0), weights], as: "Conv", ["group": .integer(groups)])
    },
    "ConvolutionBackpropData": { lifting in
      guard lifting.inputs.count == 2 else { throw Unliftable() }
      return try lifting.window(lifting.inputs, as: "ConvTranspose", try outputPadding(lifting))
    },
    "GroupConvolutionBackpropData": { lifting in
      guard lifting.inputs.count == 2 else { throw Unliftable() }
      let (weights, groups) = try lifting.mergedGroups(1)
      var attributes = try outputPadding(lifting)
      attributes["group"] = .integer(groups)
      return try lifting.window([try lifting.input(0), weights], as: "ConvTranspose", attributes)
    },
    "MaxPool": { lifting in
      // Indices count from the axis given; the canonical ones from the first.
      guard try !lifting.readOutputs.contains(1) || lifting.attribute("axis", 0) == 0 else { throw Unliftable() }
      let count = lifting.layer.outputs.count
      var values = try lifting.window([try lifting.input(0)], as: "MaxPool", try pooling(lifting), outputs: count)
      if count > 1 {
        values[1] = try lifting.cast(values[1], to: try lifting.attribute("index_element_type", ElementType.int64))
      }
      return values
    },
    "AvgPool": { lifting in
      var attributes = try pooling(lifting)
      attributes["count_include_pad"] = .boolean(!(try lifting.attribute("exclude-pad", false)))
      return try lifting.window([try lifting.input(0)], as: "AveragePool", attributes)
    },
    "DeformableConvolution": { lifting in
      guard try lifting.attribute("bilinear_interpolation_pad", false) else { throw Unliftable() }
      let inputs = [try lifting.input(0), try lifting.input(2), try lifting.input(1), nil, lifting.optionalInput(3)]
      var attributes = try lifting.pads()
      guard ["explicit", "notset"].contains(try lifting.attribute("auto_pad", "explicit").lowercased()) else {
        throw Unliftable()
      }
      attributes["group"] = .integer(try lifting.attribute("group", 1))
      attributes["offset_group"] = .integer(try lifting.attribute("deformable_group", 1))
      for name in ["strides", "dilations"] { attributes[name] = .integers(try lifting.attribute(name)) }
      return [try lifting.add("DeformConv", inputs, attributes)]
    },
    "AdaptiveAvgPool": { lifting in [try lifting.adaptivePool("ReduceMean")] },
    "AdaptiveMaxPool": { lifting in
      guard !lifting.readOutputs.contains(1) else { throw Unliftable() }
      let greatest = try lifting.adaptivePool("ReduceMax")
      let element = try lifting.attribute("index_element_type", ElementType.int64)
      return [greatest, try lifting.cast(greatest, to: element)]
    },
    "GridSample": { lifting in
      let modes = ["bilinear": "linear", "bicubic": "cubic", "nearest": "nearest"]
      guard let mode = modes[try lifting.attribute("mode", "bilinear").lowercased()] else { throw Unliftable() }
      let attributes: [String: AttributeValue] = [
        "mode": .string(mode), "align_corners": .boolean(try lifting.attribute("align_corners", false)),
        "padding_mode": .string(try lifting.attribute("padding_mode", "zeros").lowercased()),
      ]
      return [try lifting.add("GridSample", [try lifting.input(0), try lifting.input(1)], attributes)]
    },
    "Interpolate": { lifting in try interpolate(&lifting) },
    "Col2Im": { lifting in
      var attributes = try lifting.pads()
      attributes["strides"] = .integers(try lifting.attribute("strides", [1, 1]))
      attributes["dilations"] = .integers(try lifting.attribute("dilations", [1, 1]))
      return [
        try lifting.add(
          "Col2Im", [try lifting.input(0), try lifting.indices(1), try lifting.indices(2)], attributes)
      ]
    },
  ]

  private static func outputPadding(_ lifting: Lifting) throws -> [String: AttributeValue] {
    let padding = try lifting.attribute("output_padding", [Int]())
    return padding.isEmpty ? [:] : ["output_padding": .integers(padding)]
  }

  private static func pooling(_ lifting: Lifting) throws -> [String: AttributeValue] {
    [
      "kernel_shape": .integers(try lifting.attribute("kernel")),
      "ceil_mode": .boolean(try lifting.attribute("rounding_type", "floor") != "floor"),
    ]
  }

  private static func interpolate(_ lifting: inout Lifting) throws -> [Value] {
    let isNew = (lifting.layer.version ?? 0) >= 11
    let modes = [
      "nearest": "nearest", "linear_onnx": "linear", "linear": "linear", "cubic": "cubic", "bilinear_pillow": "linear",
      "bicubic_pillow": "cubic",
    ]
    // As Pillow does it, whatever other attributes say: smoothed where the result is smaller, with what lies outside left out.
    let isPillow = try lifting.attribute("mode", "").hasSuffix("_pillow")
    let isSmoothed = try lifting.attribute("antialias", false)
    let nearest = try lifting.attribute("nearest_mode", "round_prefer_floor")
    guard (lifting.layer.version ?? 0) >= 4, let mode = modes[try lifting.attribute("mode")], nearest != "simple"
    else { throw Unliftable() }
    var data = try lifting.input(0)
    let pads = try lifting.pads()["pads"].map { try [Int](attribute: $0) } ?? []
    if !pads.allSatisfy({ $0 == 0 }) {
      guard pads.count == (try lifting.rank(data)) * 2 else { throw Unliftable() }
      data = try lifting.add("Pad", [data, try lifting.constant(pads)])
    }
    let usesScales = try lifting.attribute("shape_calculation_mode", "sizes") == "scales"
    let axesInput = isNew ? 2 : 3
    var attributes: [String: AttributeValue] = [
      "mode": .string(mode), "nearest_mode": .string(nearest),
      "coordinate_transformation_mode": .string(try lifting.attribute("coordinate_transformation_mode", "half_pixel")),
      "cubic_coeff_a": .float(try lifting.attribute("cube_coeff", -0.75)),
      "antialias": .boolean(isPillow || isSmoothed),
      "exclude_outside": .boolean(isPillow),
    ]
    if isPillow {
      attributes["coordinate_transformation_mode"] = .string("half_pixel")
      attributes["cubic_coeff_a"] = .float(-0.5)
    }
    if lifting.inputs.count > axesInput { attributes["axes"] = .integers(try lifting.integers(axesInput)) }
    let scales = usesScales ? try lifting.input(isNew ? 1 : 2) : nil
    let sizes = usesScales ? nil : try lifting.indices(1)
    return [try lifting.add("Resize", [data, nil, scales, sizes], attributes)]
  }
}

extension Lifting {
  /// Adds an operation that moves a window over its first input.
  fileprivate mutating func window(
    _ inputs: [Value], as name: String, _ further: [String: AttributeValue] = [:], outputs: Int = 1
  ) throws -> [Value] {
    var attributes = further
    let kinds = [
      "explicit": "NOTSET", "notset": "NOTSET", "same_upper": "SAME_UPPER", "same_lower": "SAME_LOWER",
      "valid": "VALID",
    ]
    let given = try attribute("auto_pad", "explicit").lowercased()
    guard let kind = kinds[given] else { throw Unliftable() }
    if kind == "NOTSET" { attributes.merge(try pads()) { first, _ in first } }
    attributes["auto_pad"] = .string(kind)
    for name in ["strides", "dilations"] {
      let values = try attribute(name, [Int]())
      if !values.isEmpty { attributes[name] = .integers(values) }
    }
    return try addNode(name, inputs, attributes, outputs: outputs)
  }

  /// Input 0 brought to the spatial sizes of input 1: bin *i* of an axis goes from ⌊i·size/bins⌋ to ⌈(i + 1)·size/bins⌉.
  fileprivate mutating func adaptivePool(_ reduction: String) throws -> Value {
    var value = try input(0)
    guard let sizes = info(value).shape.dimensions, sizes.count > 2 else { throw Unliftable() }
    let bins = try integers(1)
    try require(bins.count == sizes.count - 2, "\(bins.count) sizes for \(sizes.count - 2) spatial axes")
    for (axis, count) in zip(sizes.indices.dropFirst(2), bins) {
      if count == 1 {
        // One bin is the whole axis, however long that is in a run.
        value = try add(reduction, [value, try constant([axis])], ["keepdims": .boolean(true)])
        continue
      }
      guard (1...4096).contains(count) else { throw Unliftable() }
      let axes = try constant([axis])
      // The size may be known in a run only.
      let size = try add("Gather", [try add("Shape", [value]), axes], ["axis": .integer(0)])
      let bins = try constant([count])
      let parts = try (0..<count).map { bin in
        let start = try add("Div", [try add("Mul", [size, try constant([bin])]), bins])
        let last = try add("Sub", [try add("Mul", [size, try constant([bin + 1])]), try constant([1])])
        let end = try add("Add", [try add("Div", [last, bins]), try constant([1])])
        return try add(reduction, [try add("Slice", [value, start, end, axes]), axes], ["keepdims": .boolean(true)])
      }
      value = try add("Concat", parts, ["axis": .integer(axis)])
    }
    return value
  }

  fileprivate func pads() throws -> [String: AttributeValue] {
    let pads = try attribute("pads_begin", [Int]()) + attribute("pads_end", [Int]())
    return pads.isEmpty ? [:] : ["pads": .integers(pads)]
  }

  /// Weights `[groups, channels, …]` as `[groups · channels, …]`, and how many groups there are.
  fileprivate mutating func mergedGroups(_ index: Int) throws -> (weights: Value, groups: Int) {
    let weights = try input(index)
    guard let sizes = graph.info(of: weights).shape.sizes, sizes.count >= 3 else { throw Unliftable() }
    let (merged, overflow) = sizes[0].multipliedReportingOverflow(by: sizes[1])
    guard !overflow else { throw Unliftable() }
    let shape = try constant([merged] + sizes[2...])
    return (try add("Reshape", [weights, shape], ["allowzero": .boolean(true)]), sizes[0])
  }
}
