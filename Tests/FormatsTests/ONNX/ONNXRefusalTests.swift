import Foundation
import GraphIR
import Operations
import Tensors
import TestSupport
import Testing

@testable import Formats

private typealias Models = ONNXTestModels

/// What is wrong in a file is said in one line, and never a trap.
struct ONNXRefusalTests {
  @Test func truncatedAtEveryLength() throws {
    let model = try Models.model(
      initializers: [Models.tensor("w", [1, 2, 3], [3])], [Models.node("Foo", ["x", "w"], ["y"])])
    let folder = try TemporaryDirectory()
    let data = try model.serializedData()
    var refused = 0
    for length in stride(from: 0, to: data.count, by: 1) {
      let path = try folder.write(data.prefix(length), to: "cut.onnx")
      do {
        _ = try Document.read(path: path)
      } catch let error as ModelError {
        #expect(error.kind == .invalid && !error.message.contains("\n"))
        refused += 1
      }
    }
    // Only a cut between two fields of the outermost message leaves a model.
    #expect(refused > data.count - 5)
  }

  @Test func damagedAtEveryByte() throws {
    let model = try Models.model(
      initializers: [Models.tensor("w", [1, 2, 3], [3])],
      [Models.node("Foo", ["x", "w"], ["t"]), Models.node("Softmax", ["t"], ["y"], ["axis": .integer(-1)])])
    let folder = try TemporaryDirectory()
    let data = try model.serializedData()
    for position in data.indices {
      for mask: UInt8 in [0x01, 0x80, 0xFF] {
        var damaged = data
        damaged[position] ^= mask
        // Whatever it says now, reading ends with a document or an error of the model.
        do {
          _ = try Document.read(path: folder.write(damaged, to: "damaged.onnx"))
        } catch let error as ModelError {
          #expect(!error.message.contains("\n"), "\(error.message)")
        }
      }
    }
  }

  @Test func namesThatAreNotOneToOne() throws {
    expectInvalid("'y' is defined more than once") {
      _ = try readONNX(try Models.model([Models.node("Foo", ["x"], ["y"]), Models.node("Foo", ["x"], ["y"])]))
    }
    expectInvalid("'x' is defined more than once") {
      _ = try readONNX(
        try Models.model(
          inputs: [Models.float("x", [2]), Models.float("x", [2])], [Models.node("Foo", ["x"], ["y"])]))
    }
    expectInvalid("reads 'nowhere', which nothing defines") {
      _ = try readONNX(try Models.model([Models.node("Foo", ["nowhere"], ["y"], name: "n")]))
    }
    expectInvalid("'z' is a value that nothing defines") {
      _ = try readONNX(try Models.model([Models.node("Foo", ["x"], ["y"])], outputs: [Models.float("z", nil)]))
    }
  }

  /// A past of one axis, and heads of whose number three times is no number.
  @Test func attentionOfOperandsThatDoNotFit() throws {
    let data = Models.float("x", [1, 2, 3, 8])
    let nodes = [
      try Models.node("Attention", ["x", "x", "x", "", "p", "", "l"], ["y"], ["is_causal": .integer(1)])
    ]
    expectInvalid("attention of an operand of 1 axes, of which 3 are needed") {
      _ = try readONNX(
        Models.model(opset: 24, inputs: [data, Models.float("p", [2]), Models.value("l", .int64, [1])], nodes))
    }
    for heads in [1 << 62, Int.max] {
      let node = try Models.node(
        "GroupQueryAttention", ["x", "", "", "", "", "l", "t"], ["y"], domain: "com.microsoft",
        ["num_heads": .integer(heads), "kv_num_heads": .integer(heads)])
      var model = Models.model(
        inputs: [Models.float("x", [1, 4, 24]), Models.value("l", .int32, [1]), Models.value("t", .int32, [])], [node])
      model.opsetImport.append(Models.operatorSet("com.microsoft", 1))
      expectInvalid("'num_heads' and 'kv_num_heads' must be there") { _ = try readONNX(model) }
    }
  }

  /// A window that reaches further than any axis hides nothing.
  @Test func attentionWithTheWidestWindow() throws {
    let node = try Models.node(
      "Attention", ["x", "x", "x"], ["y"],
      ["left_window_size": .integer(.max), "right_window_size": .integer(.max), "is_causal": .integer(1)])
    let graph = try readONNX(Models.model(opset: 24, inputs: [Models.float("x", [1, 2, 3, 8])], [node])).graph
    let attention = graph.nodes.compactMap { $0.operation as? FlashAttention }.first
    #expect(attention?.causal == .upperLeft)
    #expect(attention != nil && attention?.leftWindow == nil && attention?.rightWindow == nil)
  }

  @Test func cycles() throws {
    expectInvalid("the graph has a cycle: node 'n' (Foo), node 'y' (Foo) depend on each other") {
      _ = try readONNX(
        try Models.model([Models.node("Foo", ["y"], ["a"], name: "n"), Models.node("Foo", ["a"], ["y"])]))
    }
  }

  @Test func graphsWithoutOutputs() throws {
    expectInvalid("no outputs") { _ = try readONNX(try Models.model([Models.node("Foo", ["x"], ["y"])], outputs: [])) }
    var model = Onnx_ModelProto()
    model.irVersion = 8
    expectInvalid("it has no graph") { _ = try readONNX(model) }
  }

  @Test func typesThatContradictEachOther() throws {
    expectInvalid("the output 'y' is declared i64, but its node gives f32") {
      _ = try readONNX(
        try Models.model([Models.node("Softmax", ["x"], ["y"])], outputs: [Models.value("y", .int64, nil)]))
    }
    var wrong = try Models.model([Models.node("Foo", ["x"], ["y"])])
    wrong.graph.input[0].type.tensorType.elemType = 77
    expectInvalid("'x': 77 is no ONNX element type") { _ = try readONNX(wrong) }
    expectInvalid("attribute 'axis'") {
      _ = try readONNX(try Models.model([Models.node("Softmax", ["x"], ["y"], ["axis": .string("last")])]))
    }
  }

  @Test func sizesThatOverflow() throws {
    expectInvalid("overflows") {
      _ = try readONNX(
        try Models.model(inputs: [Models.float("x", [1 << 40, "n", 1 << 40])], [Models.node("Foo", ["x"], ["y"])]))
    }
  }

  @Test func deepNesting() throws {
    var graph = Onnx_GraphProto()
    for _ in 0..<60 {
      var attribute = Onnx_AttributeProto()
      attribute.name = "body"
      attribute.type = .graph
      attribute.g = graph
      var node = try Models.node("Loop", [], ["y"])
      node.attribute = [attribute]
      graph = Onnx_GraphProto()
      graph.node = [node]
    }
    var model = try Models.identity()
    model.graph.node += graph.node
    expectInvalid("nested more than 100 deep") { _ = try readONNX(model) }
  }

  @Test func functionsThatCallThemselves() throws {
    var model = try Models.model([Models.node("Again", ["x"], ["y"], domain: "local")])
    var function = Onnx_FunctionProto()
    function.name = "Again"
    function.domain = "local"
    function.input = ["x"]
    function.output = ["y"]
    function.node = [try Models.node("Again", ["x"], ["y"], domain: "local")]
    model.functions = [function]
    expectInvalid("more than 64 deep") { _ = try readONNX(model) }
  }

  @Test(arguments: [
    "{\"irVersion\": \"8\", \"graph\": {", "{\"irVersion\": true}",
    "{\"irVersion\": \"8\", \"graph\": {\"nodes\": []}}",
    "{\"irVersion\": \"8\", \"graph\": []}",
  ])
  func malformedJSON(_ text: String) throws {
    let folder = try TemporaryDirectory()
    let path = try folder.write(text, to: "model.json")
    expectInvalid("no ONNX model") { _ = try Document.read(path: path) }
  }
}
