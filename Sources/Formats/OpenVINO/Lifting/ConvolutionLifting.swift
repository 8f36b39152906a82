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
    let modes = ["nearest": "nearest", "linear_onnx": "linear", "cubic": "cubic"]
    let nearest = try lifting.attribute("nearest_mode", "round_prefer_floor")
    guard (lifting.layer.version ?? 0) >= 4, let mode = modes[try lifting.attribute("mode")], nearest != "simple",
      try lifting.attribute("pads_begin", [0]).allSatisfy({ $0 == 0 }),
      try lifting.attribute("pads_end", [0]).allSatisfy({ $0 == 0 })
    else { throw Unliftable() }
    let usesScales = try lifting.attribute("shape_calculation_mode", "sizes") == "scales"
    let axesInput = isNew ? 2 : 3
    var attributes: [String: AttributeValue] = [
      "mode": .string(mode), "nearest_mode": .string(nearest),
      "coordinate_transformation_mode": .string(try lifting.attribute("coordinate_transformation_mode", "half_pixel")),
      "cubic_coeff_a": .float(try lifting.attribute("cube_coeff", -0.75)),
      "antialias": .boolean(try lifting.attribute("antialias", false)),
    ]
    if lifting.inputs.count > axesInput { attributes["axes"] = .integers(try lifting.integers(axesInput)) }
    let scales = usesScales ? try lifting.input(isNew ? 1 : 2) : nil
    let sizes = usesScales ? nil : try lifting.indices(1)
    return [try lifting.add("Resize", [try lifting.input(0), nil, scales, sizes], attributes)]
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
