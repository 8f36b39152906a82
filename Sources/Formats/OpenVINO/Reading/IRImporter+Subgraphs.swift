import GraphIR
import Operations
import Tensors

/// Layers that run graphs of their own. A port that a graph reads as it is becomes one of its inputs; slices and stacks are said by
/// nodes of the graph, or of the one around it.
extension IRImporter {
  /// The values of the layer's output ports; nil where canonical operations can't express it.
  mutating func liftedSubgraphs(_ layer: IRLayer) throws -> [Value]? {
    let mark = lifting.graph.mark
    let inside = source.inside
    do {
      switch layer.type {
      case "If": return try liftedIf(layer)
      case "Loop", "TensorIterator": return try liftedLoop(layer)
      default: return nil
      }
    } catch is Unliftable {
    } catch let error as ModelError where error.kind == .unsupported {
    }
    lifting.graph.discard(after: mark)
    source.inside = inside
    return nil
  }

  private mutating func liftedIf(_ layer: IRLayer) throws -> [Value] {
    guard layer.inputs.first != nil else { throw ModelError.invalid("an If has a condition") }
    var graphs: [Graph] = []
    var sources: [IRGraph] = []
    for name in ["then", "else"] {
      try locating("\(name)_body") {
        let map = layer.portMaps["\(name)_port_map"] ?? []
        var body = try BodyImporter(layer, "\(name)_body", map, around: self)
        for index in layer.inputs.indices.dropFirst() { try body.addCapture(of: index) }
        try body.importer.finishBody()
        for port in layer.outputs {
          try body.addOutput(at: body.position(map.first { !$0.isInput && $0.port == port.id }?.layer, "Result"))
        }
        graphs.append(body.importer.lifting.graph)
        sources.append(body.importer.source)
        takeWeights(of: body.importer)
      }
    }
    return try add(If(then: graphs[0], else: graphs[1]), lifting.inputs, sources, outputs: layer.outputs.count)
  }

  private mutating func liftedLoop(_ layer: IRLayer) throws -> [Value] {
    let map = layer.portMaps["port_map"] ?? []
    var body = try BodyImporter(layer, "body", map, around: self)
    let states = map.filter { entry in entry.isInput && layer.backEdges.contains { $0.to == entry.layer } }
    let given = map.filter { entry in entry.isInput && entry.port >= 0 && !states.contains { $0.layer == entry.layer } }
    let iteration = try body.importer.lifting.graph.addInput(["iteration"], TensorType(.int64, .scalar))
    let isLoop = layer.type == "Loop"
    let condition = try isLoop ? lifting.input(1) : lifting.constant(Tensor(scalar: true))
    let isTrue = Loop.round(condition: lifting.info(condition))[1]
    let holds = try body.importer.lifting.graph.addInput(["condition"], isTrue)
    for entry in map where entry.isInput && entry.attributes["purpose"] == "current_iteration" {
      try body.define(entry, iteration)
    }
    for state in states { try body.addState(state) }
    var count: Value?
    for entry in given {
      guard entry.attributes["axis"] != nil else {
        try body.addCapture(entry)
        continue
      }
      let slices = try body.addSlices(entry, iteration)
      if count == nil { count = try sliceCount(of: slices.tensor, axis: slices.axis) }
    }
    try body.importer.finishBody()

    let end = map.first { !$0.isInput && $0.attributes["purpose"] == "execution_condition" }
    if let end {
      try body.addOutput(at: body.position(end.layer, "Result"))
    } else {
      body.importer.source.results.append(nil)
      body.importer.lifting.graph.addOutput(["condition"], holds)
    }
    for state in states {
      let edge = layer.backEdges.first { $0.to == state.layer }
      try body.addOutput(at: body.position(edge?.from, "Result"))
    }
    var stacks: [(output: Int, axis: Int?, isReversed: Bool)] = []
    var finals: [Int: Int] = [:]
    for (index, port) in layer.outputs.enumerated() {
      guard let entry = map.first(where: { !$0.isInput && $0.port == port.id }) else {
        throw ModelError.invalid("output port \(port.id) is in no port map")
      }
      if entry.attributes["axis"] == nil,
        let state = states.firstIndex(where: { state in
          layer.backEdges.contains { $0.to == state.layer && $0.from == entry.layer }
        })
      {
        finals[index] = state
      } else {
        let stack = try body.addStack(entry)
        stacks.append((index, stack.axis, stack.isReversed))
      }
    }
    let limit = try isLoop ? tripLimit() : count
    let own: [Value?] = [limit, condition]
    let values = try states.map { try body.outer($0) } + given.map { try body.outer($0) }
    takeWeights(of: body.importer)
    let results = try add(
      Loop(body: body.importer.lifting.graph, states: states.count), own + values, [body.importer.source],
      outputs: states.count + stacks.count)
    return try layer.outputs.indices.map { index in
      if let state = finals[index] { return results[state] }
      guard let position = stacks.firstIndex(where: { $0.output == index }) else { throw Unliftable() }
      return try lifting.unstacked(
        results[states.count + position], axis: stacks[position].axis, isReversed: stacks[position].isReversed)
    }
  }

  /// The number of rounds that a Loop is told; nil for −1, which sets no limit.
  private mutating func tripLimit() throws -> Value? {
    let limit = try lifting.input(0)
    if let known = lifting.info(limit).integers?.first, known < 0 { return nil }
    return try lifting.cast(limit, to: .int64)
  }

  /// The number of slices of one element.
  private mutating func sliceCount(of tensor: Value, axis: Int) throws -> Value {
    let shape = try lifting.add("Shape", [tensor])
    return try lifting.add("Gather", [shape, try lifting.constant(Tensor(scalar: Int64(axis)))])
  }

  private mutating func add(
    _ operation: some SubgraphOperation, _ inputs: [Value?], _ sources: [IRGraph], outputs: Int
  ) throws -> [Value] {
    let id = try lifting.graph.add(
      operation, inputs, name: lifting.layer.name, origin: lifting.origin, outputs: outputs)
    // A body was read with the ranks that it says its Parameters have.
    for (read, bound) in zip(operation.subgraphs, lifting.graph.subgraphs(of: id)) {
      for port in read.inputs {
        guard let rank = read.info(of: port.value).rank, rank != bound.info(of: port.value).rank else { continue }
        throw Unliftable()
      }
    }
    source.inside[id] = sources
    return (0..<outputs).map { Value(id, $0) }
  }
}

/// Reads the graph inside a layer.
private struct BodyImporter {
  var importer: IRImporter
  private let layer: IRLayer
  private let map: [IRPortMapEntry]
  private let around: Lifting
  private let origins: [Origin]

  init(_ layer: IRLayer, _ name: String, _ map: [IRPortMapEntry], around: IRImporter) throws {
    guard let network = layer.bodies[name] else { throw ModelError.invalid("the layer has no <\(name)>") }
    self.layer = layer
    self.map = map
    self.around = around.lifting
    importer = try IRImporter(body: network, around: around)
    origins = importer.sources()
  }

  func position(_ id: Int?, _ type: String) throws -> Int {
    guard let id else { throw ModelError.invalid("a \(type) is in no port map") }
    return try importer.source.position(of: id, type)
  }

  /// The value that enters the layer where `entry` says.
  func outer(_ entry: IRPortMapEntry) throws -> Value {
    guard let index = layer.inputs.firstIndex(where: { $0.id == entry.port }) else {
      throw ModelError.invalid("the port map names input port \(entry.port), which does not exist")
    }
    return try around.input(index)
  }

  /// Adds the layer's input `index`, whichever Parameters of the body read it.
  mutating func addCapture(of index: Int) throws {
    let entries = map.filter { $0.isInput && $0.port == layer.inputs[index].id }
    guard let first = entries.first else {
      try importer.lifting.graph.addInput([], around.info(try around.input(index)))
      return
    }
    let value = try addInput(first, around.info(try around.input(index)))
    for entry in entries.dropFirst() { try define(entry, value) }
  }

  mutating func addCapture(_ entry: IRPortMapEntry) throws { _ = try addInput(entry, around.info(try outer(entry))) }

  /// Adds a value that rounds change; the body's Parameter says what stays the same of its type.
  mutating func addState(_ entry: IRPortMapEntry) throws {
    let first = around.info(try outer(entry))
    let declared = importer.source.network.layers[try position(entry.layer, "Parameter")].data["shape"] ?? "..."
    let shape = try IRText.shape(declared) { _ in .unknown }
    _ = try addInput(entry, ValueInfo(first.element, shape))
  }

  private mutating func addInput(_ entry: IRPortMapEntry, _ info: ValueInfo) throws -> Value {
    let index = try position(entry.layer, "Parameter")
    let name = importer.source.network.layers[index].name
    let value = try importer.lifting.graph.addInput([name], info, origin: origins[index])
    try define(entry, value)
    return value
  }

  /// Makes `value` what the body's Parameter gives.
  mutating func define(_ entry: IRPortMapEntry, _ value: Value) throws {
    let index = try position(entry.layer, "Parameter")
    let parameter = importer.source.network.layers[index]
    try require(parameter.outputs.count == 1, "a Parameter has one output port")
    try require(importer.source.values[index].isEmpty, "Parameter \(parameter.label) is mapped twice")
    let graph = importer.lifting.graph
    let element = try IRText.element(parameter.data["element_type"] ?? "dynamic")
    begin(index)
    var value = value
    if graph.type(of: value).element != element, element == .int32, graph.type(of: value).element == .int64 {
      value = try importer.lifting.cast(value, to: element)
    }
    let shape = try IRText.shape(parameter.data["shape"] ?? "...") { _ in .unknown }
    if shape.rank == 1, graph.type(of: value).rank == 0 {
      value = try importer.lifting.add("Unsqueeze", [value, importer.lifting.constant([0])])
    }
    let found = importer.lifting.info(value).element
    try require(
      found == element || found == .unknown || element == .unknown,
      "Parameter \(parameter.label) is \(element.rawValue), but gets \(found.rawValue)")
    // Each Parameter has a value of its own.
    if importer.lifting.graph[value.node].origin != origins[index] {
      value = try importer.lifting.add("Identity", [value])
    }
    importer.source.values[index] = [value]
  }

  private mutating func begin(_ index: Int) {
    importer.lifting.begin(
      importer.source.network.layers[index], inputs: [], readOutputs: [0], origin: origins[index])
  }

  /// Adds a tensor of which every round gets a slice of one element; from the end where the stride says so.
  mutating func addSlices(_ entry: IRPortMapEntry, _ iteration: Value) throws -> (tensor: Value, axis: Int) {
    let tensor = try outer(entry)
    guard let rank = around.info(tensor).rank else { throw Unliftable() }
    let axis = try normalizedAxis(try entry.number("axis", 0), rank: rank)
    let isReversed = try entry.isReversed()
    let index = try position(entry.layer, "Parameter")
    let whole = try importer.lifting.graph.addInput([], around.info(tensor))
    begin(index)
    let position = try importer.lifting.add("Unsqueeze", [iteration, importer.lifting.constant([0])])
    let place =
      isReversed ? try importer.lifting.add("Sub", [importer.lifting.constant([-1]), position]) : position
    let slice = try importer.lifting.add("Gather", [whole, place], ["axis": .integer(axis)])
    try define(entry, slice)
    return (tensor, axis)
  }

  /// Adds the output that the Result at `index` gives.
  mutating func addOutput(at index: Int) throws {
    importer.source.results.append(index)
    importer.lifting.graph.addOutput(
      [importer.source.network.layers[index].name], try importer.resultValue(at: index))
  }

  /// Adds an output whose values of all rounds are put one behind the other along `axis`, or of which the last counts.
  mutating func addStack(_ entry: IRPortMapEntry) throws -> (axis: Int?, isReversed: Bool) {
    let index = try position(entry.layer, "Result")
    guard entry.attributes["axis"] != nil else {
      try addOutput(at: index)
      return (nil, false)
    }
    let value = try importer.resultValue(at: index)
    guard let sizes = importer.lifting.info(value).shape.dimensions else { throw Unliftable() }
    let axis = try normalizedAxis(try entry.number("axis", 0), rank: sizes.count)
    let isReversed = try entry.isReversed()
    guard sizes[axis] == 1 else { throw Unliftable() }
    begin(index)
    let squeezed = try importer.lifting.add("Squeeze", [value, importer.lifting.constant([axis])])
    importer.source.results.append(index)
    importer.lifting.graph.addOutput([importer.source.network.layers[index].name], squeezed)
    return (axis, isReversed)
  }
}

extension IRPortMapEntry {
  func number(_ name: String, _ fallback: Int) throws -> Int {
    attributes[name] == nil ? fallback : try attributes.requiredInteger(name, of: "port_map")
  }

  /// Whether slices of one element are taken from the last to the first; throws where they are of another kind.
  fileprivate func isReversed() throws -> Bool {
    let (start, end) = (try number("start", 0), try number("end", -1))
    guard try number("part_size", 1) == 1 else { throw Unliftable() }
    switch (try number("stride", 1), start, end) {
    case (1, 0, -1): return false
    case (-1, -1, 0): return true
    default: throw Unliftable()
    }
  }
}

extension Lifting {
  /// What a stack of values stands for: the values one behind the other along `axis`, or the last one.
  fileprivate mutating func unstacked(_ stack: Value, axis: Int?, isReversed: Bool) throws -> Value {
    guard let axis else { return try add("Gather", [stack, constant(Tensor(scalar: Int64(-1)))]) }
    let rank = try rank(stack)
    var value = stack
    if isReversed {
      value = try add("Slice", [value, constant([-1]), constant([Int.min + 1]), constant([0]), constant([-1])])
    }
    var order = Array(1..<rank)
    order.insert(0, at: axis)
    return try add("Transpose", [value], ["perm": .integers(order)])
  }
}
