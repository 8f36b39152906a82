import GraphIR
import Operations
import Tensors

/// Operators that run graphs of their own. What these read from around them becomes an input of the node and of each of its graphs.
extension ONNXImporter {
  /// Adds an `If`, `Loop` or `Scan`; nil where the node is none of them.
  ///
  /// Throws `unsupported` where the node can only be kept as it is.
  mutating func addSubgraphOwner(
    _ node: Onnx_NodeProto, _ inputs: [Value?], source: SourceNode, outputCount: Int, in scope: ONNXScope
  ) throws -> NodeID? {
    guard node.standardDomain.isEmpty, let attributes = ONNXNames.subgraphAttributes[node.opType] else { return nil }
    let captures = node.capturedNames().compactMap { name in (scope.values[name] ?? nil).map { (name, $0) } }
    var inputs = inputs
    var operation: any SubgraphOperation
    var formals: [ValueInfo] = []
    switch node.opType {
    case "If":
      operation = If()
    case "Loop":
      while inputs.count < 2 { inputs.append(nil) }
      let states = try states(inputs.dropFirst(2), of: node, at: 2)
      formals = Loop.round(condition: inputs[1].map { graph.info(of: $0) }) + states
      operation = Loop(body: Graph(), states: states.count)
    default:
      guard scope.version(of: "") >= 9 else {
        return try addBatchedScan(
          node, inputs, captures: captures, source: source, outputCount: outputCount, in: scope)
      }
      let scan = try scan(node, inputs)
      formals = try states(inputs.prefix(scan.states), of: node, at: 0) + slices(inputs, of: scan)
      operation = scan
    }
    var graphs: [Graph] = []
    var inside: [ONNXNames] = []
    for attribute in attributes {
      guard let body = node.attribute.first(where: { $0.name == attribute && $0.hasG })?.g else {
        throw ModelError.invalid("the graph '\(attribute)' is missing")
      }
      try locating(attribute) {
        let (graph, names) = try self.graph(of: body, formals, captures, source, scope)
        graphs.append(graph)
        inside.append(names)
      }
    }
    operation.subgraphs = graphs
    let mark = graph.mark
    let id = try graph.add(
      operation, inputs + captures.map(\.1), name: source.name, origin: Origin(sources: [source]), outputs: outputCount)
    // The body was read with the ranks that its first inputs have, or that it says they have.
    let bound = graph.subgraphs(of: id).first
    for (port, formal) in zip(bound?.inputs ?? [], formals) {
      guard let rank = formal.rank, bound?.info(of: port.value).rank != rank else { continue }
      graph.discard(after: mark)
      throw ModelError.unsupported("a value that changes its number of axes from round to round")
    }
    if scope.isInFile { names.inside[id] = inside }
    return id
  }

  /// The graph inside a node, and the names of its values: its inputs are `formals`, then `captures`.
  mutating func graph(
    of body: Onnx_GraphProto, _ formals: [ValueInfo], _ captures: [(String, Value)], _ source: SourceNode,
    _ outer: ONNXScope
  ) throws -> (Graph, ONNXNames) {
    var scope = ONNXScope(
      operatorSets: outer.operatorSets, types: try types(of: body.valueInfo + body.output), call: outer.call,
      isInFile: outer.isInFile)
    try require(
      body.input.count == formals.count, "\(formals.count) inputs were expected, found \(body.input.count)")
    let captured = captures.map { ($0.0, graph.info(of: $0.1)) }
    for name in body.freeNames() where outer.values[name] == .some(nil) { scope.values[name] = .some(nil) }
    let around = (graph, names, path)
    defer { (graph, names, path) = around }
    graph = Graph(name: body.name)
    names = ONNXNames()
    path += source.name + "/"
    for (input, info) in zip(body.input, formals) {
      try define(input.name, graph.addInput([input.name], info), in: &scope)
    }
    for (name, info) in captured where scope.values[name] == nil {
      try define(name, graph.addInput([name], info), in: &scope)
    }
    try addInitializers(of: body, to: &scope)
    try addNodes(body.node, to: &scope)
    try addOutputs(of: body, in: scope)
    return (graph, names)
  }

  /// What is known in the body of the states whose first values are `inputs`: what the body says, else what the first values are.
  ///
  /// Their sizes may change from round to round.
  private func states(_ inputs: some Sequence<Value?>, of node: Onnx_NodeProto, at offset: Int) throws -> [ValueInfo] {
    let declared = node.subgraphs.first?.input.dropFirst(offset).map { $0 } ?? []
    return try inputs.enumerated().map { index, input in
      guard let input else { throw ModelError.invalid("input \(offset + index) is missing") }
      var type = graph.type(of: input)
      if declared.indices.contains(index) {
        let stated = try types.type(declared[index].type, of: declared[index].name)
        if stated.rank != nil { type.shape = stated.shape }
        if type.element == .unknown { type.element = stated.element }
      }
      type.shape = Shape(type.shape.dimensions?.map { _ in .unknown })
      return ValueInfo(type)
    }
  }

  func scan(_ node: Onnx_NodeProto, _ inputs: [Value?]) throws -> Scan {
    var scan = Scan()
    let body = node.subgraphs.first
    for attribute in node.attribute {
      switch attribute.name {
      case "num_scan_inputs": scan.scanInputCount = Int(attribute.i)
      case "scan_input_axes": scan.inputAxes = attribute.ints.map { Int($0) }
      case "scan_input_directions": scan.inputDirections = attribute.ints.map { Int($0) }
      case "scan_output_axes": scan.outputAxes = attribute.ints.map { Int($0) }
      case "scan_output_directions": scan.outputDirections = attribute.ints.map { Int($0) }
      default: break
      }
    }
    guard (1...max(inputs.count, 1)).contains(scan.scanInputCount), body != nil else {
      throw ModelError.invalid("\(scan.scanInputCount) of \(inputs.count) inputs can't be scanned")
    }
    scan.states = inputs.count - scan.scanInputCount
    return scan
  }

  /// What is known of the slices of scanned inputs.
  private func slices(_ inputs: [Value?], of scan: Scan) throws -> [ValueInfo] {
    try inputs.dropFirst(scan.states).enumerated().map { index, input in
      guard let input else { throw ModelError.invalid("input \(scan.states + index) is missing") }
      return ValueInfo(try scan.slice(of: graph.type(of: input), index))
    }
  }
}
