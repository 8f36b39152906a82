import GraphIR
import Operations
import Tensors

/// `Scan` as operator set 8 had it: over the entries of a batch, the first axis of all inputs and results, and in each over the second.
extension ONNXImporter {
  /// Adds one scan inside another, the outer one over the batch.
  ///
  /// What is fused inside is not written back: the file has no graph for the outer scan.
  mutating func addBatchedScan(
    _ node: Onnx_NodeProto, _ inputs: [Value?], captures: [(String, Value)], source: SourceNode, outputCount: Int,
    in scope: ONNXScope
  ) throws -> NodeID {
    guard inputs.first == .some(nil) else { throw ModelError.unsupported("Scan over sequences of their own lengths") }
    var inner = try scan(node, Array(inputs.dropFirst()))
    inner.inputDirections = node.attribute.first { $0.name == "directions" }?.ints.map { Int($0) } ?? []
    let count = inputs.count - 1
    let entries = try inputs.dropFirst().enumerated().map { index, input -> TensorType in
      guard let input else { throw ModelError.invalid("input \(index + 1) is missing") }
      return try withoutFirstAxis(graph.type(of: input))
    }
    let formals = try entries.enumerated().map { index, type -> ValueInfo in
      if index >= inner.states { return ValueInfo(try withoutFirstAxis(type)) }
      return ValueInfo(TensorType(type.element, Shape(type.shape.dimensions?.map { _ in .unknown })))
    }
    guard let body = node.subgraphs.first else { throw ModelError.invalid("the graph 'body' is missing") }
    var apart = scope
    apart.isInFile = false
    inner.body = try locating("body") { try self.graph(of: body, formals, captures, source, apart).0 }

    var batch = Graph(name: body.name)
    let origin = Origin(sources: [source])
    let ports = try entries.enumerated().map { try batch.addInput(["entry\($0)"], $1) }
    let outside = try captures.map { try batch.addInput([$0.0], graph.info(of: $0.1)) }
    let results = try batch.add(
      inner, ports + outside, name: source.name, origin: origin, outputs: body.output.count)
    for (index, value) in batch[results].values.enumerated() { batch.addOutput(["result\(index)"], value) }

    var outer = Scan()
    (outer.body, outer.scanInputCount) = (batch, count)
    return try graph.add(
      outer, Array(inputs.dropFirst()) + captures.map(\.1), name: source.name, origin: origin, outputs: outputCount)
  }

  private func withoutFirstAxis(_ type: TensorType) throws -> TensorType {
    guard let sizes = type.shape.dimensions else { return type }
    try require(!sizes.isEmpty, "a batch was expected, found \(type)")
    return TensorType(type.element, Shape(Array(sizes.dropFirst())))
  }
}
