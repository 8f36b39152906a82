import Foundation
import GraphIR
import Operations
import Runtime
import Tensors
import TestSupport
import Testing

@testable import Formats

private typealias Models = ONNXTestModels

/// What nodes of old operator sets, and of other domains, compute.
struct ONNXLiftingTests {
  struct Case: Sendable, CustomStringConvertible {
    let description: String
    let opset: Int
    let node: @Sendable () throws -> Onnx_NodeProto
    let input: [Double]
    let sizes: [Int]
    let expected: [Double]
    let shape: [Int]

    init(
      _ type: String, opset: Int, domain: String = "", inputs: [String] = ["x"], outputs: [String] = ["y"],
      _ attributes: [String: AttributeValue] = [:], of input: [Double], _ sizes: [Int], gives expected: [Double],
      _ shape: [Int]
    ) {
      description = "\(type) \(opset)"
      self.opset = opset
      node = { try Models.node(type, inputs, outputs, domain: domain, attributes) }
      self.input = input
      self.sizes = sizes
      self.expected = expected
      self.shape = shape
    }
  }

  private static let softmaxOfFour = [0.032058603, 0.087144317, 0.236882818, 0.643914260]

  static let cases: [Case] = [
    .init("Squeeze", opset: 11, ["axes": .integers([0])], of: [1, 2], [1, 2], gives: [1, 2], [2]),
    .init("Unsqueeze", opset: 11, ["axes": .integers([0, 2])], of: [1, 2], [2], gives: [1, 2], [1, 2, 1]),
    .init(
      "ReduceSum", opset: 11, ["axes": .integers([1]), "keepdims": .integer(0)], of: [1, 2, 3, 4], [2, 2],
      gives: [3, 7], [2]),
    .init("ReduceMean", opset: 17, ["axes": .integers([-1])], of: [1, 2, 3, 4], [2, 2], gives: [1.5, 3.5], [2, 1]),
    .init("ReduceMax", opset: 13, of: [1, 5, 3, 4], [2, 2], gives: [5], [1, 1]),
    .init(
      "Slice", opset: 9, ["starts": .integers([1]), "ends": .integers([9]), "axes": .integers([1])],
      of: [1, 2, 3, 4, 5, 6], [2, 3], gives: [2, 3, 5, 6], [2, 2]),
    .init("Reshape", opset: 1, ["shape": .integers([2, -1])], of: [1, 2, 3, 4], [4], gives: [1, 2, 3, 4], [2, 2]),
    .init("Softmax", opset: 11, of: [1, 2, 3, 4], [1, 2, 2], gives: softmaxOfFour, [1, 2, 2]),
    .init("Softmax", opset: 11, ["axis": .integer(0)], of: [1, 2, 3, 4], [2, 2], gives: softmaxOfFour, [2, 2]),
    .init(
      "Softmax", opset: 11, ["axis": .integer(2)], of: [0, 0, 0, 0], [1, 2, 2], gives: [0.5, 0.5, 0.5, 0.5], [1, 2, 2]),
    .init("Softmax", opset: 11, ["axis": .integer(1)], of: [0, 0], [1, 2, 1], gives: [0.5, 0.5], [1, 2, 1]),
    .init("Clip", opset: 6, ["min": .float(0), "max": .float(2)], of: [-1, 1, 3], [3], gives: [0, 1, 2], [3]),
    .init(
      "Pad", opset: 2, ["pads": .integers([1, 0]), "value": .float(9)], of: [1, 2], [2], gives: [9, 1, 2], [3]),
    .init(
      "TopK", opset: 1, outputs: ["y", "indices"], ["k": .integer(2), "axis": .integer(0)], of: [1, 3, 2], [3],
      gives: [3, 2], [2]),
    .init(
      "Split", opset: 11, outputs: ["y", "rest"], ["split": .integers([1, 3]), "axis": .integer(0)],
      of: [1, 2, 3, 4], [4], gives: [1], [1]),
    .init("Split", opset: 13, outputs: ["y", "rest"], of: [1, 2, 3, 4], [4], gives: [1, 2], [2]),
    .init("Dropout", opset: 10, ["ratio": .float(0.5)], of: [1, 2], [2], gives: [1, 2], [2]),
    .init(
      "Upsample", opset: 7, ["scales": .floats([1, 2])], of: [1, 2], [1, 2], gives: [1, 1, 2, 2], [1, 4]),
    .init(
      "GridSample", opset: 16, inputs: ["x", "x"], ["mode": .string("bilinear")], of: [-1, 0], [1, 1, 1, 2],
      gives: [-0.5], [1, 1, 1, 1]),
    .init("FastGelu", opset: 17, domain: "com.microsoft", of: [0], [1], gives: [0], [1]),
    .init("QuickGelu", opset: 17, domain: "com.microsoft", of: [1], [1], gives: [0.845796], [1]),
    .init(
      "FusedMatMul", opset: 17, domain: "com.microsoft", inputs: ["x", "x"],
      ["transB": .integer(1), "alpha": .float(0.5)], of: [1, 2, 3, 4], [2, 2], gives: [2.5, 5.5, 5.5, 12.5], [2, 2]),
  ]

  @Test(arguments: cases)
  func computes(_ lifted: Case) throws {
    let sizes: [Any?] = lifted.sizes
    let document = try readONNX(
      try Models.model(opset: lifted.opset, inputs: [Models.float("x", sizes)], [lifted.node()]))
    let unknown = document.graph.nodes.compactMap { ($0.operation as? Opaque)?.type }
    #expect(unknown.isEmpty)
    let input = try Tensor(doubles: lifted.input, element: .float32, shape: lifted.sizes)
    let output = try #require(try Session(document.graph, options: .init(threads: 1)).run(["x": input]).outputs.first)
    #expect(output.shape == lifted.shape)
    let values = try output.doubles()
    #expect(values.count == lifted.expected.count)
    for (found, expected) in zip(values, lifted.expected) { #expect(abs(found - expected) < 1e-5) }
  }

  @Test func whatCannotBeLiftedStaysOpaque() throws {
    let nodes = [
      try Models.node("Add", ["x", "x"], ["y"], ["broadcast": .integer(1), "axis": .integer(0)]),
      try Models.node("Softmax", ["x"], ["y"], ["new": .integer(1)]),
    ]
    for (opset, node) in zip([6, 13], nodes) {
      var inner = node
      inner.input = node.input.map { $0 == "x" ? "t" : $0 }
      let document = try readONNX(Models.model(opset: opset, [Models.node("Foo", ["x"], ["t"]), inner]))
      #expect(document.graph.nodes.count { $0.operation is Opaque } == 2, "\(node.opType)")
    }
  }

  @Test func constantsOfEveryKind() throws {
    let values: [(String, AttributeValue, String)] = [
      ("value_float", .float(2), "f32[]"), ("value_floats", .floats([1, 2]), "f32[2]"),
      ("value_int", .integer(2), "i64[]"), ("value_ints", .integers([1, 2, 3]), "i64[3]"),
      ("value", .tensor(Tensor([true])), "bool[1]"),
    ]
    for (name, value, type) in values {
      let document = try readONNX(
        try Models.model(
          inputs: [], [Models.node("Constant", [], ["c"], [name: value]), Models.node("Foo", ["c"], ["y"])]))
      let constant = try #require(document.graph.nodes.first { $0.operation is Constant })
      #expect(constant.outputs.first?.type.description == type)
    }
  }

  @Test func attentionWithAPastGivesItsKeys() throws {
    let sizes: [Any?] = ["b", 2, "s", 4]
    let past: [Any?] = ["b", 2, "p", 4]
    let node = try Models.node(
      "Attention", ["q", "k", "v", "", "pk", "pv"], ["y", "present", "values"], ["is_causal": .integer(1)])
    let document = try readONNX(
      Models.model(
        opset: 23,
        inputs: ["q", "k", "v"].map { Models.float($0, sizes) } + ["pk", "pv"].map { Models.float($0, past) },
        [node], outputs: [Models.float("y", nil), Models.float("present", nil), Models.float("values", nil)]))
    let graph = document.graph
    let attention = graph.nodes.compactMap { $0.operation as? FlashAttention }
    #expect(attention.map(\.causal) == [.lowerRight])
    #expect(attention.map(\.scale) == [0.5])
    #expect(
      graph.outputs.map { graph.type(of: $0.value).shape.description } == [
        "[b, 2, s, 4]", "[b, 2, p + s, 4]", "[b, 2, p + s, 4]",
      ])
  }

  @Test func attentionThatGivesItsScoresComputesThemBesideIt() throws {
    let sizes: [Any?] = [1, 2, 3, 4]
    let node = try Models.node("Attention", ["q", "q", "q"], ["y", "", "", "scores"])
    let document = try readONNX(Models.model(opset: 23, inputs: [Models.float("q", sizes)], [node]))
    #expect(document.graph.nodes.contains { $0.operation is FlashAttention })
    #expect(!document.graph.nodes.contains { $0.operation is Opaque })
  }

  /// ONNX Runtime computes packed inputs on other processors than this: what they mean is what they are when taken apart.
  @Test func packedMultiHeadAttentionIsThatOfItsParts() throws {
    let (batch, length, heads, size) = (2, 3, 2, 4)
    let hidden = heads * size
    var model = try Models.model(
      inputs: ["q", "k", "v"].map { Models.float($0, [batch, length, heads, size]) }
        + [Models.float("bias", [3 * hidden])],
      [
        Models.node("Constant", [], ["flat"], ["value_ints": .integers([0, 0, hidden])]),
        Models.node("Constant", [], ["axis"], ["value_ints": .integers([3])]),
      ]
        + ["q", "k", "v"].flatMap { name in
          [
            try Models.node("Reshape", [name, "flat"], ["\(name)3"]),
            try Models.node("Unsqueeze", [name, "axis"], ["\(name)5"]),
          ]
        } + [
          Models.node("Concat", ["q5", "k5", "v5"], ["qkv"], ["axis": .integer(3)]),
          Models.node("Concat", ["k5", "v5"], ["kv"], ["axis": .integer(3)]),
          Models.node(
            "MultiHeadAttention", ["q3", "k3", "v3", "bias"], ["apart"], domain: "com.microsoft",
            ["num_heads": .integer(heads)]),
          Models.node(
            "MultiHeadAttention", ["qkv", "", "", "bias"], ["packed"], domain: "com.microsoft",
            ["num_heads": .integer(heads)]),
          Models.node(
            "MultiHeadAttention", ["q3", "kv", "", "bias"], ["half"], domain: "com.microsoft",
            ["num_heads": .integer(heads)]),
        ], outputs: ["apart", "packed", "half"].map { Models.float($0, nil) })
    model.opsetImport.append(Models.operatorSet("com.microsoft", 1))
    let document = try readONNX(model)
    #expect(document.graph.nodes.count { $0.operation is FlashAttention } == 3)
    var inputs: [String: Tensor] = ["bias": try .random([3 * hidden], .float32, seed: 9)]
    for (seed, name) in ["q", "k", "v"].enumerated() {
      inputs[name] = try .random([batch, length, heads, size], .float32, seed: UInt64(seed))
    }
    let outputs = try Session(document.graph, options: .init(threads: 1)).run(inputs).outputs
    #expect(try largestDifference(outputs[0], outputs[1]) < 1e-6)
    #expect(try largestDifference(outputs[0], outputs[2]) < 1e-6)
  }

  @Test func attentionThatCannotBeSaidStaysOpaqueAndSaysWhy() throws {
    let sizes: [Any?] = ["b", "s", 8]
    let cases: [(type: String, inputs: [String], [String: AttributeValue], reason: String)] = [
      ("MultiHeadAttention", ["x"], ["num_heads": .integer(2)], "axes"),
      ("MultiHeadAttention", ["x", "x", "y"], ["num_heads": .integer(2), "unidirectional": .integer(1)], "lengths"),
      ("MultiHeadAttention", ["x", "x", "x", "", "m"], ["num_heads": .integer(2)], "batch"),
      ("Attention", ["x", "w"], ["num_heads": .integer(2), "do_rotary": .integer(1)], "turns"),
      (
        "GroupQueryAttention", ["x", "x", "x", "", "", "l", "t"],
        ["num_heads": .integer(2), "kv_num_heads": .integer(2), "k_quant_type": .string("PER_TENSOR")], "quantised"
      ),
    ]
    for (type, names, attributes, reason) in cases {
      var inputs = names
      if inputs.count == 3, inputs[2] == "y" { inputs = ["x", "other", "other"] }
      let model = try Models.model(
        inputs: [
          Models.float("x", sizes), Models.float("other", ["b", "t", 8]), Models.float("w", [8, 24]),
          Models.value("m", .int32, ["n"]), Models.value("l", .int32, ["b"]), Models.value("t", .int32, []),
        ], [Models.node(type, inputs, ["y"], domain: "com.microsoft", attributes)])
      let opaque = try readONNX(model).graph.nodes.compactMap { $0.operation as? Opaque }
      #expect(opaque.count == 1, "\(type)")
      #expect(opaque.first?.reason?.contains(reason) ?? false, "\(opaque.first?.reason ?? "")")
    }
  }
}
