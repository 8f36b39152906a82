import Foundation
import GraphIR
import Tensors
import TestSupport
import Testing

@testable import Formats

private typealias Models = ONNXTestModels

struct ONNXReadingTests {
  @Test func readsInputsNodesAndOutputs() throws {
    let document = try readONNX(
      try Models.model(
        inputs: [Models.float("x", ["batch", 3])],
        [Models.node("Softmax", ["x"], ["y"], name: "s", ["axis": .integer(1)])]))
    let graph = document.graph
    #expect(document.format == "onnx")
    #expect(graph.inputs.map(\.name) == ["x"])
    #expect(graph.outputs.map(\.name) == ["y"])
    let node = graph[try #require(graph.outputs.first).value.node]
    #expect(OperationDescriptor.of(node.operation).name == "Softmax")
    #expect(node.origin.sources == [SourceNode(index: 0, name: "s", type: "Softmax")])
    #expect(node.outputs[0].shape.description == "[batch, 3]")
  }

  @Test func namesOfNodesAreUnique() throws {
    let document = try readONNX(
      try Models.model([
        Models.node("Foo", ["x"], ["a"], name: "same"), Models.node("Foo", ["a"], ["b"], name: "same"),
        Models.node("Foo", ["b"], ["y"]),
      ]))
    #expect(document.graph.nodes.flatMap { $0.origin.sources.map(\.name) } == ["same", "same#2", "y"])
  }

  @Test func sizesBecomeSymbolsAndExpressions() throws {
    let document = try readONNX(
      try Models.model(
        inputs: [
          Models.float("x", ["batch", "s77", nil, "batch-size"]),
          Models.float("z", ["batch*4", "s77 + 1", "free + 1", -1]),
        ], [Models.node("Foo", ["x", "z"], ["y"])]))
    let types = document.graph.inputs.map { document.graph.type(of: $0.value).shape.description }
    #expect(types == ["[batch, s77, x.2, `batch-size`]", "[4*batch, s77 + 1, `free + 1`, z.3]"])
  }

  @Test func unknownOperationsKeepTheirTypes() throws {
    let document = try readONNX(
      try Models.model(
        [Models.node("Foo", ["x"], ["y"], domain: "some.where")], outputs: [Models.value("y", .int64, [2, "n"])]))
    let graph = document.graph
    let output = try #require(graph.outputs.first)
    #expect(graph.type(of: output.value).description == "i64[2, n]")
    #expect(graph.operation(of: output.value, as: Opaque.self)?.type == "some.where.Foo")
  }

  @Test func valuesReadByInnerGraphsCountAsInputs() throws {
    var branch = Onnx_GraphProto()
    branch.node = [try Models.node("Add", ["outer", "local"], ["r"]), try Models.node("Foo", ["x"], ["local"])]
    branch.output = [Models.float("r", nil)]
    var condition = try Models.node("If", ["c"], ["y"])
    var attribute = Onnx_AttributeProto()
    attribute.name = "then_branch"
    attribute.type = .graph
    attribute.g = branch
    var other = attribute
    other.name = "else_branch"
    condition.attribute = [attribute, other]
    let document = try readONNX(
      try Models.model(
        inputs: [Models.float("x", [2]), Models.value("c", .bool, [])],
        [
          Models.node("Foo", ["x"], ["outer"]), condition,
        ]))
    let graph = document.graph
    let node = graph[try #require(graph.outputs.first).value.node]
    let inputs = node.inputs.compactMap { $0.map { graph[$0.node].name } }
    #expect(inputs == ["c", "outer", "x"])
  }

  @Test(arguments: [(true, ["c", "x", "y/r", "y/u"]), (false, ["c", "x", "y/s"])])
  func aBranchThatIsAlwaysTakenIsInlined(_ isTaken: Bool, names: [String]) throws {
    func branch(_ nodes: [Onnx_NodeProto], named name: String) -> Onnx_AttributeProto {
      var attribute = Onnx_AttributeProto()
      attribute.name = name
      attribute.type = .graph
      attribute.g.node = nodes
      attribute.g.output = [Models.float(nodes.last?.output.first ?? "", nil)]
      return attribute
    }
    var condition = try Models.node("If", ["c"], ["y"])
    condition.attribute = [
      branch([try Models.node("Exp", ["x"], ["r"]), try Models.node("Abs", ["r"], ["u"])], named: "then_branch"),
      branch([try Models.node("Abs", ["x"], ["s"])], named: "else_branch"),
    ]
    let constant = try Models.node("Constant", [], ["c"], ["value": .tensor(Tensor([isTaken]))])
    let document = try readONNX(Models.model([constant, condition]))
    let graph = document.graph
    #expect(graph.nodes.map(\.name).sorted() == names)
    #expect(Set(graph.nodes.flatMap(\.origin.sources).map(\.index)) == [0, 1])
  }

  @Test func acceptsNodesInAnyOrder() throws {
    let document = try readONNX(
      try Models.model([Models.node("Foo", ["a"], ["y"]), Models.node("Foo", ["x"], ["a"])]))
    try document.graph.verify()
    #expect(document.graph.nodeCount == 3)
  }

  @Test func anInputWithAnInitializerIsAConstant() throws {
    let document = try readONNX(
      try Models.model(
        irVersion: 3, inputs: [Models.float("x", [2]), Models.float("w", [2])],
        initializers: [Models.tensor("w", [1, 2], [2])], [Models.node("Foo", ["x", "w"], ["y"])]))
    #expect(document.graph.inputs.map(\.name) == ["x"])
    let weights = document.graph.nodes.first { $0.operation is Constant }
    #expect(weights?.origin.sources == [SourceNode(index: 1, name: "w", type: "Initializer")])
  }

  @Test func functionsAreInlined() throws {
    var model = try Models.model([
      Models.node("Scaled", ["x"], ["y"], name: "call", domain: "local", ["alpha": .integer(-1)])
    ])
    model.opsetImport.append(Models.operatorSet("local", 1))
    var function = Onnx_FunctionProto()
    function.name = "Scaled"
    function.domain = "local"
    function.input = ["data"]
    function.output = ["result"]
    function.attribute = ["alpha"]
    function.opsetImport = [Models.operatorSet("", 17)]
    var softmax = try Models.node("Softmax", ["t"], ["result"], name: "soft")
    softmax.attribute = [Onnx_AttributeProto("axis", referringTo: "alpha", type: .int)]
    function.node = [try Models.node("Foo", ["data"], ["t"]), softmax]
    model.functions = [function]
    let document = try readONNX(model)
    let sources = document.graph.nodes.flatMap(\.origin.sources)
    #expect(sources.map(\.index) == [0, 0])
    #expect(sources.map(\.name) == ["call/t", "call/soft"])
    #expect(document.graph.outputs.first.map { document.graph[$0.value.node].operation is Opaque } == false)
  }

  @Test func readsProtobufJSON() throws {
    let model = try Models.model(
      initializers: [Models.tensor("w", [1, 2, 3], [3])], [Models.node("Foo", ["x", "w"], ["y"])])
    let document = try readONNX(model, json: true)
    #expect(document.format == "onnx-json")
    #expect(document.graph.nodeCount == 3)
  }
}
