import Foundation
import Fusion
import GraphIR
import Operations
import Rewriting
import Runtime
import Tensors
import TestSupport
import Testing

@testable import Formats

private typealias Models = ONNXTestModels

/// Graphs inside nodes: read, fused inside, and written back with everything else as it was.
@Suite struct ONNXSubgraphTests {
  /// Attention of `x` with itself, whose scale comes from around.
  private func attention(_ prefix: String) throws -> [Onnx_NodeProto] {
    [
      try Models.node("Transpose", ["x"], ["\(prefix)_t"], ["perm": .integers([0, 1, 3, 2])]),
      try Models.node("MatMul", ["x", "\(prefix)_t"], ["\(prefix)_scores"]),
      try Models.node("Mul", ["\(prefix)_scores", "scale"], ["\(prefix)_scaled"]),
      try Models.node("Softmax", ["\(prefix)_scaled"], ["\(prefix)_weights"], name: "softmax", ["axis": .integer(-1)]),
      try Models.node("MatMul", ["\(prefix)_weights", "x"], ["\(prefix)_y"]),
    ]
  }

  private func graph(
    _ name: String, _ nodes: [Onnx_NodeProto], inputs: [Onnx_ValueInfoProto] = [], _ outputs: [String]
  )
    -> Onnx_AttributeProto
  {
    var attribute = Onnx_AttributeProto()
    attribute.name = name
    attribute.type = .graph
    attribute.g.name = name
    attribute.g.node = nodes
    attribute.g.input = inputs
    attribute.g.output = outputs.map { Models.value($0, $0.hasPrefix("on") ? .bool : .float, nil) }
    return attribute
  }

  private func node(
    _ type: String, _ inputs: [String], _ graphs: [Onnx_AttributeProto], _ outputs: [String] = ["y"]
  )
    throws -> Onnx_NodeProto
  {
    var node = try Models.node(type, inputs, outputs, name: "owner")
    node.attribute = graphs
    return node
  }

  private let x = Models.float("x", ["b", 2, "s", 8])
  private let scale = Models.tensor("scale", [0.5], [])

  private func branches() throws -> Onnx_ModelProto {
    let other = try Models.node("Relu", ["x"], ["r"])
    let owner = try node(
      "If", ["c"], [graph("then_branch", attention("a"), ["a_y"]), graph("else_branch", [other], ["r"])])
    return Models.model(
      inputs: [x, Models.value("c", .bool, [])], initializers: [scale],
      [owner, try Models.node("Neg", ["y"], ["z"])], outputs: [Models.float("z", nil)])
  }

  private func loop(opset: Int = 17) throws -> Onnx_ModelProto {
    let keep = try Models.node("Identity", ["on"], ["on_out"])
    let body = graph(
      "body", try attention("a") + [keep],
      inputs: [Models.value("i", .int64, []), Models.value("on", .bool, []), Models.float("x", ["b", 2, "s", 8])],
      ["on_out", "a_y"])
    return Models.model(
      opset: opset, inputs: [Models.float("start", [1, 2, 3, 8]), Models.value("n", .int64, [])],
      initializers: [scale], [try node("Loop", ["n", "", "start"], [body])])
  }

  /// The model fused and written, and what it was fused from and to.
  private func fused(
    _ model: Onnx_ModelProto, _ spelling: WriteOptions.AttentionOperator? = nil, in folder: TemporaryDirectory
  ) throws -> (written: Onnx_ModelProto, path: String, document: Document, log: FusionLog) {
    let document = try readONNX(model, in: folder)
    try document.graph.verify()
    var graph = document.graph
    let log = try FusionPipeline([FlashAttentionFusionPass()]).run(on: &graph)
    try graph.verify()
    let path = folder.file("fused.onnx")
    try document.write(graph, to: path, options: WriteOptions(attentionOperator: spelling))
    return (try Onnx_ModelProto(serializedBytes: Data(contentsOf: URL(fileURLWithPath: path))), path, document, log)
  }

  private func expectEqualResults(_ before: Graph, _ path: String, _ inputs: [String: Tensor]) throws {
    let after = try Document.read(path: path).graph
    try after.verify()
    let expected = try Session(before, options: .init(threads: 1)).run(inputs).outputs
    let found = try Session(after, options: .init(threads: 1)).run(inputs).outputs
    for (one, other) in zip(expected, found) {
      #expect(try OutputError(of: other, expected: one).absolute < 1e-5)
    }
  }

  @Test(arguments: WriteOptions.AttentionOperator.allCases)
  func `attention in a branch is written into the branch`(_ spelling: WriteOptions.AttentionOperator) throws {
    let folder = try TemporaryDirectory()
    let model = try branches()
    let result = try fused(model, spelling, in: folder)
    #expect(result.log.decisions.map(\.anchor) == ["owner/softmax"])
    #expect(result.log.decisions.map(\.verdict) == [.fused])
    let written = result.written.graph
    #expect(written.node.map(\.opType) == ["If", "Neg"])
    #expect(written.node[0].attribute[1] == model.graph.node[0].attribute[1])
    #expect(!written.node[0].attribute[0].g.node.contains { $0.opType == "Softmax" })
    #expect(written.node[0].attribute[0].g.output == model.graph.node[0].attribute[0].g.output)
    for condition in [true, false] {
      try expectEqualResults(
        result.document.graph, result.path,
        ["x": .random([2, 2, 5, 8], seed: 1), "c": Tensor(scalar: condition)])
    }
  }

  @Test(arguments: WriteOptions.AttentionOperator.allCases)
  func `attention in a loop is written into its body`(_ spelling: WriteOptions.AttentionOperator) throws {
    let folder = try TemporaryDirectory()
    let result = try fused(try loop(opset: 12), spelling, in: folder)
    #expect(result.log.decisions.map(\.anchor) == ["owner/softmax"])
    #expect(result.log.decisions.map(\.verdict) == [.fused])
    #expect(result.written.graph.node.map(\.opType) == ["Loop"])
    #expect(result.written.opsetImport.first?.version == (spelling == .onnx ? 23 : 12))
    for count in [0, 1, 3] {
      try expectEqualResults(
        result.document.graph, result.path,
        ["start": .random([1, 2, 3, 8], seed: 1), "n": Tensor(scalar: Int64(count))])
    }
  }

  @Test func `what is not fused is written as it was`() throws {
    let folder = try TemporaryDirectory()
    let document = try readONNX(try branches(), in: folder)
    let path = folder.file("same.onnx")
    try document.write(document.graph, to: path)
    let bytes = try Data(contentsOf: URL(fileURLWithPath: path))
    #expect(try Onnx_ModelProto(serializedBytes: bytes) == branches())
  }

  @Test func `a value that a branch captures can be replaced`() throws {
    let folder = try TemporaryDirectory()
    let other = try Models.node("Relu", ["h"], ["r"])
    let owner = try node(
      "If", ["c"],
      [graph("then_branch", [try Models.node("Neg", ["h"], ["m"])], ["m"]), graph("else_branch", [other], ["r"])])
    let document = try readONNX(
      Models.model(
        inputs: [Models.float("x", [2]), Models.value("c", .bool, [])],
        [try Models.node("Exp", ["x"], ["h"]), owner]), in: folder)
    var graph = document.graph
    let exponential = try #require(graph.nodes.first { $0.operation is Exp })
    try graph.replaceUses(of: Value(exponential.id), with: try #require(graph.inputs.first).value)
    graph.removeUnused()
    let path = folder.file("captured.onnx")
    try document.write(graph, to: path)
    for condition in [true, false] {
      try expectEqualResults(graph, path, ["x": .random([2], seed: 1), "c": Tensor(scalar: condition)])
    }
  }

  /// Two calls of a function that holds attention, each with a scale of its own.
  private func calls(_ scales: [String]) throws -> Onnx_ModelProto {
    var function = Onnx_FunctionProto()
    function.name = "Layer"
    function.domain = "local"
    function.input = ["x", "scale"]
    function.output = ["f_y"]
    function.node = try attention("f")
    function.opsetImport = [Models.operatorSet("", 17)]
    let nodes = [
      try Models.node("Layer", ["x", scales[0]], ["h"], name: "first", domain: "local"),
      try Models.node("Layer", ["h", scales[1]], ["y"], name: "second", domain: "local"),
    ]
    var model = Models.model(
      inputs: [x], initializers: [scale, Models.tensor("other", [0.25], [])], nodes)
    model.opsetImport.append(Models.operatorSet("local", 1))
    model.functions = [function]
    return model
  }

  @Test(arguments: WriteOptions.AttentionOperator.allCases)
  func `attention in a function is written into its body`(_ spelling: WriteOptions.AttentionOperator) throws {
    let folder = try TemporaryDirectory()
    let result = try fused(try calls(["scale", "scale"]), spelling, in: folder)
    #expect(result.log.decisions.map(\.anchor) == ["first/softmax", "second/softmax"])
    #expect(result.log.decisions.map(\.verdict) == [.fused, .fused])
    #expect(result.written.graph.node.map(\.opType) == ["Layer", "Layer"])
    let functions = result.written.functions.filter { $0.domain == "local" }
    #expect(functions.map(\.name) == ["Layer"])
    #expect(functions.allSatisfy { !$0.node.contains { $0.opType == "Softmax" } })
    try expectEqualResults(result.document.graph, result.path, ["x": .random([2, 2, 5, 8], seed: 1)])
  }

  @Test func `calls for which a function differs get functions of their own`() throws {
    let folder = try TemporaryDirectory()
    let result = try fused(try calls(["scale", "other"]), in: folder)
    let functions = result.written.functions.filter { $0.domain == "local" }
    #expect(functions.map(\.name).sorted() == ["Layer", "Layer_2", "Layer_3"])
    #expect(result.written.graph.node.map(\.opType) == ["Layer_2", "Layer_3"])
    try expectEqualResults(result.document.graph, result.path, ["x": .random([2, 2, 5, 8], seed: 1)])
  }

  @Test func `functions that call each other in a circle are refused`() throws {
    var model = try calls(["scale", "scale"])
    model.functions[0].node.append(
      try Models.node("Layer", ["f_y", "scale"], ["again"], name: "inner", domain: "local"))
    #expect {
      try readONNX(model)
    } throws: {
      ($0 as? ModelError)?.kind == .invalid
    }
  }

  @Test func `a branch of a function's body is fused, too`() throws {
    let folder = try TemporaryDirectory()
    var function = Onnx_FunctionProto()
    function.name = "Layer"
    function.domain = "local"
    function.input = ["x", "c", "scale"]
    function.output = ["y"]
    function.node = try branches().graph.node.prefix(1).map { $0 }
    function.opsetImport = [Models.operatorSet("", 17)]
    var model = Models.model(
      inputs: [x, Models.value("c", .bool, [])], initializers: [scale],
      [try Models.node("Layer", ["x", "c", "scale"], ["z"], name: "call", domain: "local")],
      outputs: [Models.float("z", nil)])
    model.opsetImport.append(Models.operatorSet("local", 1))
    model.functions = [function]
    let result = try fused(model, in: folder)
    #expect(result.log.decisions.map(\.anchor) == ["call/owner/softmax"])
    #expect(result.log.decisions.map(\.verdict) == [.fused])
    for condition in [true, false] {
      try expectEqualResults(
        result.document.graph, result.path,
        ["x": .random([2, 2, 5, 8], seed: 1), "c": Tensor(scalar: condition)])
    }
  }

  @Test func `malformed graphs inside are refused`() throws {
    let body = try loop().graph.node[0].attribute[0]
    func expectRefusal(_ node: Onnx_NodeProto, sourceLocation: SourceLocation = #_sourceLocation) {
      let model = Models.model(
        inputs: [x, Models.float("start", [1, 2, 3, 8]), Models.value("n", .int64, []), Models.value("c", .bool, [])],
        initializers: [scale], [node])
      #expect(sourceLocation: sourceLocation) {
        try readONNX(model)
      } throws: {
        ($0 as? ModelError)?.kind == .invalid
      }
    }
    expectRefusal(try node("If", ["c"], [graph("then_branch", attention("a"), ["a_y"])]))
    expectRefusal(try node("If", ["c"], [body]))
    expectRefusal(
      try node("If", ["c"], [graph("then_branch", attention("a"), ["nothing"]), graph("else_branch", [], ["x"])]))
    expectRefusal(
      try node("If", ["c"], [graph("then_branch", attention("a"), ["a_y"]), graph("else_branch", [], [])]))
    expectRefusal(
      try node("If", ["n"], [graph("then_branch", [], ["x"]), graph("else_branch", [], ["x"])]))
    expectRefusal(
      try node("If", ["c"], [graph("then_branch", [], ["x"]), graph("else_branch", [], ["x"])], ["y", "z"]))
    expectRefusal(try node("Loop", ["n", "", "start", "start"], [body]))
    expectRefusal(try node("Loop", ["n", ""], [body]))
    expectRefusal(try node("Loop", ["n", "", ""], [body]))
    expectRefusal(try node("Loop", ["n", "", "start"], [graph("body", [], inputs: body.g.input, ["on"])]))
    for count in [0, -1, 5, Int64.max, .min] {
      var scanned = try node("Scan", ["start"], [graph("body", [], inputs: [Models.float("s", nil)], ["s"])])
      var attribute = Onnx_AttributeProto()
      attribute.name = "num_scan_inputs"
      attribute.type = .int
      attribute.i = count
      scanned.attribute.append(attribute)
      expectRefusal(scanned)
    }
  }

  @Test func `graphs nested without end are refused`() throws {
    var node = try Models.node("Relu", ["x"], ["y"])
    for depth in 0..<40 {
      let name = "y\(depth)"
      let branch = graph("then_branch", [node], [node.output[0]])
      var other = branch
      other.name = "else_branch"
      other.g.node = []
      other.g.output = [Models.float("x", nil)]
      node = try Models.node("If", ["c"], [depth == 39 ? "y" : name])
      node.attribute = [branch, other]
    }
    let model = Models.model(inputs: [x, Models.value("c", .bool, [])], [node])
    let folder = try TemporaryDirectory()
    let path = folder.file("deep.onnx")
    try model.serializedData().write(to: URL(fileURLWithPath: path))
    let error = try #require(throws: ModelError.self) { try Document.read(path: path) }
    #expect(error.kind == .invalid)
  }
}
