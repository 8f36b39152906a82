import GraphIR
import Tensors

/// A graph run once for every slice of its scanned inputs.
///
/// Inputs are the first values of the `states`, the scanned inputs, then what the body takes from outside; the body's inputs are the
/// same with slices in the place of what is scanned. Its outputs are the new states and values of which those of all rounds are
/// stacked; results are the last states and those stacks.
public struct Scan: SubgraphOperation {
  public var body = Graph()
  /// How many values each round hands to the next.
  public var states = 0
  public var scanInputCount = 0
  /// The axis along which each input is cut; 0 where the list is empty.
  public var inputAxes: [Int] = []
  /// For each input 1 where slices are taken from the end, 0 or nothing where from the beginning.
  public var inputDirections: [Int] = []
  /// The axis along which each output is stacked.
  public var outputAxes: [Int] = []
  /// For each output 1 where the first slice comes last.
  public var outputDirections: [Int] = []

  public init() {}

  public static let schema = Schema<Self>(
    "Scan", inputs: [.variadic("values")], outputs: 0...Int.max,
    attributes: [
      .init("body", \.body), .init("states", \.states), .init("num_scan_inputs", \.scanInputCount),
      .init("scan_input_axes", \.inputAxes), .init("scan_input_directions", \.inputDirections),
      .init("scan_output_axes", \.outputAxes), .init("scan_output_directions", \.outputDirections),
    ])

  public var subgraphs: [Graph] {
    get { [body] }
    set { if let graph = newValue.first { body = graph } }
  }

  public var captureOffset: Int { states + scanInputCount }

  public var stackOffset: Int { states }

  public mutating func bind(_ inputs: Operands<ValueInfo>) throws -> [ValueInfo] {
    try check(inputCount: inputs.count)
    let first = try (0..<states).map { try inputs[$0].type }
    let captured = (states + scanInputCount..<inputs.count).map { inputs.optional($0) ?? .unknown }
    var count = Dimension.unknown
    var slices: [ValueInfo] = []
    for index in 0..<scanInputCount {
      let type = try inputs[states + index].type
      let size = try type.shape.dimensions.map { $0[try normalizedAxis(inputAxes.entry(index), rank: $0.count)] }
      if let known = count.constant, let other = size?.constant {
        try require(known == other, "the scanned inputs have \(known) and \(other) slices")
      }
      if count.constant == nil, let size, count.isUnknown || size.constant != nil { count = size }
      slices.append(ValueInfo(try slice(of: type, index)))
    }
    let types = try body.settle(states: first, resultsFrom: 0) { $0.map { ValueInfo($0) } + slices + captured }
    return try types.map { ValueInfo($0) }
      + body.results.dropFirst(states).enumerated().map { index, info in
        if let rank = info.rank { _ = try normalizedAxis(outputAxes.entry(index), rank: rank + 1) }
        return info.stacked(count, axis: outputAxes.entry(index))
      }
  }

  /// The type of a slice of the scanned input `index`, which has the type `type`.
  package func slice(of type: TensorType, _ index: Int) throws -> TensorType {
    guard var sizes = type.shape.dimensions else { return type }
    sizes.remove(at: try normalizedAxis(inputAxes.entry(index), rank: sizes.count))
    return TensorType(type.element, Shape(sizes))
  }

  private func check(inputCount: Int) throws {
    try require(
      states >= 0 && scanInputCount >= 1 && states <= inputCount && scanInputCount <= inputCount - states,
      "\(states) states and \(scanInputCount) scanned inputs don't go with \(inputCount) inputs")
    try require(
      body.outputs.count >= states, "the body must give \(states) states, but has \(body.outputs.count) outputs")
  }

  public func evaluate(_ inputs: Operands<Tensor>, running run: SubgraphRun) throws -> [Tensor] {
    try check(inputCount: inputs.count)
    var values = try (0..<states).map { try inputs[$0] }
    let captured = (states + scanInputCount..<inputs.count).map { inputs.optional($0) }
    let scanned = try (0..<scanInputCount).map { index in
      let tensor = try inputs[states + index]
      return (tensor, axis: try normalizedAxis(inputAxes.entry(index), rank: tensor.rank))
    }
    let counts = scanned.map { $0.0.shape[$0.axis] }
    guard let count = counts.first, counts.allSatisfy({ $0 == count }) else {
      throw ModelError.invalid("the scanned inputs have different numbers of slices: \(counts)")
    }
    var stacks = body.outputs.dropFirst(states).map { _ in [Tensor]() }
    for round in 0..<count {
      let slices = try scanned.enumerated().map { index, input in
        let position = inputDirections.entry(index) == 1 ? count - 1 - round : round
        var shape = input.0.shape
        shape.remove(at: input.axis)
        return try AxisSelection(input.0, axis: input.axis, indices: [position]).selected().reshaped(to: shape)
      }
      let results = try run(0, values + slices + captured)
      try require(results.count == body.outputs.count, "the body gave \(results.count) results")
      values = Array(results[..<states])
      for index in stacks.indices { stacks[index].append(results[states + index]) }
    }
    let infos = Array(body.results.dropFirst(states))
    return try values
      + stacks.enumerated().map { index, parts in
        let ordered = outputDirections.entry(index) == 1 ? parts.reversed() : parts
        return try Tensor.stacked(ordered, axis: outputAxes.entry(index), like: infos[index])
      }
  }
}

extension [Int] {
  /// The number at `index`, 0 where the list is shorter.
  fileprivate func entry(_ index: Int) -> Int { indices.contains(index) ? self[index] : 0 }
}
