import Foundation
import GraphIR
import Operations
import Runtime
import Tensors
import TestSupport
import Testing

@testable import Formats

private typealias Models = ONNXTestModels

/// Attention written in each of the ways, read again, and run: it computes what it computed.
struct ONNXAttentionWritingTests {
  private static let names = ["query", "key", "value", "bias", "mask", "sinks", "lengths"]

  @Test(arguments: try AttentionVariant.all(), WriteOptions.AttentionOperator.allCases)
  func computesTheSame(_ variant: AttentionVariant, _ spelling: WriteOptions.AttentionOperator) throws {
    for isDynamic in [false, true] {
      let model = try write(variant, spelling, isDynamic: isDynamic)
      let document = try Document.read(path: model.path)
      try document.graph.verify()
      var inputs: [String: Tensor] = [:]
      for (name, tensor) in zip(Self.names, variant.inputs) { inputs[name] = tensor }
      let outputs = try Session(document.graph, options: .init(threads: 1)).run(inputs).outputs
      let found = try #require(outputs.first)
      let expected = try #require(try variant.operation.evaluate(Operands(variant.inputs)).first)
      #expect(try largestDifference(expected, found) < 1e-5, "dynamic: \(isDynamic)")
    }
  }

  @Test func causalAttentionWithSharedHeadsKeepsThemShared() throws {
    let shared = ["causal, grouped heads", "causal window, grouped heads", "causal, soft-cap and sinks"]
    for variant in try AttentionVariant.all() {
      // Of open sizes, nothing says that there are as many keys as queries.
      let types = try write(variant, .microsoft, isDynamic: false).types
      #expect(types.contains("GroupQueryAttention") == shared.contains(variant.description), "\(variant)")
    }
  }

  /// Runtimes run products of bfloat16, but have no attention for it.
  @Test func bfloat16IsComputedIn32Bits() throws {
    let variant = try AttentionVariant("bfloat16", element: .bfloat16, bias: [2, 1, 4, 6])
    for spelling in [WriteOptions.AttentionOperator.microsoft, .onnx] {
      let model = try write(variant, spelling, isDynamic: true)
      let document = try Document.read(path: model.path)
      let attention = try #require(document.graph.nodes.first { $0.operation is FlashAttention })
      #expect(document.graph.type(of: Value(attention.id)).element == .float32)
      #expect(document.graph.type(of: document.graph.outputs[0].value).element == .bfloat16)
    }
  }

  @Test func whatAnOperatorCannotSayIsAFunction() throws {
    let functions = [
      "soft-cap", "soft-cap and bias", "causal, soft-cap and sinks", "sinks", "sinks and mask", "mask with −1",
      "bias and mask with −10000", "64 bits",
    ]
    for variant in try AttentionVariant.all() {
      let types = try write(variant, .microsoft, isDynamic: true).types
      let isFunction = functions.contains(variant.description)
      #expect(types.contains("FlashAttention") == isFunction, "\(variant)")
      #expect(types.contains("MultiHeadAttention") != isFunction, "\(variant)")
    }
  }

  @Test func oneFunctionServesCallsThatDifferInNumbersOnly() throws {
    var source = Graph()
    let input = try source.addInput(["x"], TensorType(.float32, [1, 2, 3, 4]))
    var model = try Models.model(
      inputs: [Models.float("x", [1, 2, 3, 4])],
      [Models.node("Foo", ["x"], ["a"]), Models.node("Foo", ["a"], ["b"]), Models.node("Foo", ["b"], ["y"])])
    model.graph.valueInfo = ["a", "b"].map { Models.float($0, [1, 2, 3, 4]) }
    model.graph.output = [Models.float("y", [1, 2, 3, 4])]
    let folder = try TemporaryDirectory()
    let document = try readONNX(model, in: folder)
    var graph = document.graph
    for (index, node) in document.graph.nodes.filter({ $0.operation is Opaque }).enumerated() {
      var attention = FlashAttention()
      attention.scale = index == 0 ? 0.5 : 0.25
      attention.causal = index == 2 ? .upperLeft : .none
      let value = graph[node.id].inputs[0]
      let fused = try graph.insert(
        attention, [value, value, value], name: "fused", origin: Origin(sources: node.origin.sources, passes: ["test"]))
      try graph.replaceUses(of: Value(node.id), with: fused)
    }
    graph.removeUnused()
    let path = folder.file("out.onnx")
    try document.write(graph, to: path, options: WriteOptions(attentionOperator: .function))
    let written = try Onnx_ModelProto(serializedBytes: Data(contentsOf: URL(fileURLWithPath: path)))
    #expect(written.functions.map(\.domain) == ["flashfuse", "flashfuse.2"])
    #expect(written.graph.node.map(\.domain) == ["flashfuse", "flashfuse", "flashfuse.2"])
    #expect(written.graph.node.map(\.name) == ["fused", "fused_2", "fused_3"])
    #expect(written.opsetImport.map(\.domain) == ["", "flashfuse", "flashfuse.2"])
    let again = try Document.read(path: path).graph
    let operations = again.nodes.compactMap { $0.operation as? FlashAttention }
    #expect(operations.map(\.scale) == [0.5, 0.25, 0.25])
    #expect(operations.map(\.causal) == [.none, .none, .upperLeft])
    _ = input
  }

  @Test func viewsThatUndoEachOtherAreNotWritten() throws {
    // x [b, s, 12] → heads first → attention → back: nothing but the operator is left.
    let sizes: [Any?] = ["b", "s", 12]
    let shape = try Models.node("Constant", [], ["heads"], ["value_ints": .integers([0, 0, 3, 4])])
    let joined = try Models.node("Constant", [], ["joined"], ["value_ints": .integers([0, 0, 12])])
    var model = try Models.model(
      inputs: [Models.float("x", sizes)],
      [
        shape, joined, Models.node("Reshape", ["x", "heads"], ["split"]),
        Models.node("Transpose", ["split"], ["query"], ["perm": .integers([0, 2, 1, 3])]),
        Models.node("Foo", ["query"], ["result"]),
        Models.node("Transpose", ["result"], ["back"], ["perm": .integers([0, 2, 1, 3])]),
        Models.node("Reshape", ["back", "joined"], ["y"]),
      ], outputs: [Models.float("y", sizes)])
    model.graph.valueInfo = [Models.float("result", ["b", 3, "s", 4])]
    let folder = try TemporaryDirectory()
    let document = try readONNX(model, in: folder)
    var graph = document.graph
    let node = try #require(graph.nodes.first { $0.operation is Opaque })
    let query = node.inputs[0]
    let fused = try graph.insert(
      FlashAttention(), [query, query, query], name: "fused",
      origin: Origin(sources: node.origin.sources, passes: ["t"]))
    try graph.replaceUses(of: Value(node.id), with: fused)
    graph.removeUnused()
    try document.write(graph, to: folder.file("out.onnx"))
    let written = try Onnx_ModelProto(serializedBytes: Data(contentsOf: URL(fileURLWithPath: folder.file("out.onnx"))))
    #expect(written.graph.node.map(\.opType) == ["MultiHeadAttention"])
    #expect(written.graph.node.first?.input == ["x", "x", "x"])
    #expect(written.graph.node.first?.output == ["y"])
    #expect(written.graph.valueInfo.isEmpty)
  }

  /// A model of which an unknown node stands where `variant` is put.
  private func write(
    _ variant: AttentionVariant, _ spelling: WriteOptions.AttentionOperator, isDynamic: Bool
  ) throws -> (path: String, types: [String], folder: TemporaryDirectory) {
    let codes: [ElementType: Onnx_TensorProto.DataType] = [
      .float32: .float, .float64: .double, .bfloat16: .bfloat16, .bool: .bool, .int64: .int64,
    ]
    var values: [Onnx_ValueInfoProto] = []
    for (name, tensor) in zip(Self.names, variant.inputs) {
      guard let tensor, let code = codes[tensor.element] else { continue }
      let sizes: [Any?] = tensor.shape.enumerated().map { axis, size in
        guard isDynamic, tensor.rank == 4 else { return size }
        switch axis {
        case 0: return size == 1 ? 1 : "batch"
        case 2: return size == 1 ? 1 : (["key", "value"].contains(name) ? "keys" : "queries")
        case 3 where ["bias", "mask"].contains(name): return size == 1 ? 1 : "keys"
        default: return size
        }
      }
      values.append(Models.value(name, code, sizes))
    }
    guard let query = variant.inputs[0], let value = variant.inputs[2] else { throw ModelError.invalid("no query") }
    let sizes: [Any?] =
      isDynamic ? ["batch", query.shape[1], "queries", value.shape[3]] : query.shape.dropLast() + [value.shape[3]]
    let output = Models.value("y", codes[query.element] ?? .float, sizes)
    let model = try Models.model(
      inputs: values, [Models.node("Foo", values.map(\.name), ["y"], name: "scores")], outputs: [output])
    let folder = try TemporaryDirectory()
    let document = try readONNX(model, in: folder)
    var graph = document.graph
    let node = try #require(graph.nodes.first { $0.operation is Opaque })
    var inputs: [Value?] = Self.names.map { name in graph.inputs.first { $0.name == name }?.value }
    while inputs.last == .some(nil) { inputs.removeLast() }
    let fused = try graph.insert(
      variant.operation, inputs, name: "scores/FlashAttention",
      origin: Origin(sources: node.origin.sources, passes: ["test"]))
    try graph.replaceUses(of: Value(node.id), with: fused)
    graph.removeUnused()
    let path = folder.file("fused.onnx")
    try document.write(graph, to: path, options: WriteOptions(attentionOperator: spelling))
    let written = try Onnx_ModelProto(serializedBytes: Data(contentsOf: URL(fileURLWithPath: path)))
    return (path, written.graph.node.map(\.opType), folder)
  }
}
