import GraphIR
import Tensors

extension LiftingRules {
  static let recurrence: [String: LiftingRule] = [
    "RNNCell": recurrent("RNN", isSequence: false), "RNNSequence": recurrent("RNN", isSequence: true),
    "GRUCell": recurrent("GRU", isSequence: false), "GRUSequence": recurrent("GRU", isSequence: true),
    // Forget, input, candidate and output here; input, output, forget and candidate there.
    "LSTMCell": recurrent("LSTM", isSequence: false, gates: [1, 3, 0, 2]),
    "LSTMSequence": recurrent("LSTM", isSequence: true, gates: [1, 3, 0, 2]),
    "ReadValue": variable,
    "Assign": operation("Identity"),
  ]

  /// Runs share nothing: a variable has the value it begins with. What is written holds for all that follow in other engines.
  private static let variable: LiftingRule = { lifting in
    guard let port = lifting.layer.outputs.first, let precision = port.precision else { throw Unliftable() }
    var sizes = port.dimensions.map { $0 < 0 ? -1 : $0 }
    if sizes.isEmpty, let initial = lifting.optionalInput(0) {
      // No sizes at all may be a scalar or a rank that is not known.
      sizes = Array(repeating: -1, count: try lifting.rank(initial))
    }
    let attributes: [String: AttributeValue] = [
      "dtype": .element(try IRText.element(precision)), "shape": .integers(sizes),
    ]
    return [try lifting.add("ReadValue", lifting.inputs.map { $0 }, attributes)]
  }

  /// A cell is a layer over sequences of one step, in one direction.
  private static func recurrent(_ name: String, isSequence: Bool, gates: [Int] = []) -> LiftingRule {
    { lifting in
      let hidden: Int = try lifting.attribute("hidden_size")
      let stateCount = name == "LSTM" ? 2 : 1
      let first = isSequence ? stateCount + 2 : stateCount + 1
      guard lifting.inputs.count == first + 3, (1...(1 << 20)).contains(hidden) else { throw Unliftable() }
      func batchFirst(_ index: Int) throws -> Value {
        let value = try lifting.input(index)
        return isSequence ? value : try lifting.add("Unsqueeze", [value, try lifting.constant([1])])
      }
      func parameter(_ index: Int) throws -> Value {
        var value = try lifting.input(index)
        if !isSequence { value = try lifting.add("Unsqueeze", [value, try lifting.constant([0])]) }
        guard !gates.isEmpty else { return value }
        let rows = gates.flatMap { gate in (0..<hidden).map { gate * hidden + $0 } }
        return try lifting.add("Gather", [value, try lifting.constant(rows)], ["axis": .integer(1)])
      }
      var attributes = try recurrenceAttributes(lifting, hidden: hidden)
      var bias = try parameter(first + 2)
      var recurrentBias = try lifting.add("Sub", [bias, bias])
      if name == "GRU", try lifting.attribute("linear_before_reset", false) {
        // The candidate has two biases, one of which is added before the reset.
        attributes["linear_before_reset"] = .boolean(true)
        let last = try lifting.slice(bias, axis: 1, from: 3 * hidden, to: 4 * hidden)
        let zeros = try lifting.slice(recurrentBias, axis: 1, from: 0, to: 2 * hidden)
        bias = try lifting.slice(bias, axis: 1, from: 0, to: 3 * hidden)
        recurrentBias = try lifting.add("Concat", [zeros, last], ["axis": .integer(1)])
      }
      let biases = try lifting.add("Concat", [bias, recurrentBias], ["axis": .integer(1)])
      let lengths = isSequence ? try lifting.cast(try lifting.input(first - 1), to: .int32) : nil
      let inputs: [Value?] =
        [try batchFirst(0), try parameter(first), try parameter(first + 1), biases, lengths]
        + (try (1...stateCount).map(batchFirst))
      let results = try lifting.addNode(name, inputs, attributes, outputs: stateCount + 1)
      guard isSequence else {
        return try results.dropFirst().map { try lifting.add("Squeeze", [$0, try lifting.constant([1])]) }
      }
      let all = try lifting.add("Transpose", [results[0]], ["perm": .integers([0, 2, 1, 3])])
      return [all] + results.dropFirst()
    }
  }

  private static func recurrenceAttributes(_ lifting: Lifting, hidden: Int) throws -> [String: AttributeValue] {
    let direction = try lifting.attribute("direction", "forward").lowercased()
    var attributes: [String: AttributeValue] = [
      "layout": .integer(1), "direction": .string(direction), "hidden_size": .integer(hidden),
    ]
    func perDirection<Element>(_ list: [Element]) -> [Element] { direction == "bidirectional" ? list + list : list }
    let activations = try lifting.attribute("activations", [String]())
    if !activations.isEmpty { attributes["activations"] = .strings(perDirection(activations)) }
    for (name, canonical) in [("activations_alpha", "activation_alpha"), ("activations_beta", "activation_beta")] {
      let values = try lifting.attribute(name, [Double]())
      if !values.isEmpty { attributes[canonical] = .floats(perDirection(values)) }
    }
    let clip = try lifting.attribute("clip", 0.0)
    if clip > 0 && clip.isFinite { attributes["clip"] = .float(clip) }
    return attributes
  }
}
