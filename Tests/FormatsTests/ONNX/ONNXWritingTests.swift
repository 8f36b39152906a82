import Foundation
import Fusion
import GraphIR
import Operations
import Rewriting
import Tensors
import TestSupport
import Testing

@testable import Formats

private typealias Models = ONNXTestModels

struct ONNXWritingTests {
  private static let exported = ["bert", "gpt2", "llama", "vit"].map { "\(packageDirectory)/graphs/\($0).onnx" }
    .filter { FileManager.default.fileExists(atPath: $0) }

  private func data(_ path: String) throws -> Data { try Data(contentsOf: URL(fileURLWithPath: path)) }

  @Test func anUntouchedModelIsTheSameBytes() throws {
    let folder = try TemporaryDirectory()
    var model = try Models.identity()
    model.producerName = "someone"
    // A field of a version to come.
    model.unknownFields = try Onnx_ModelProto(serializedBytes: Data([0xFA, 0x3F, 0x01, 0x2A])).unknownFields
    let document = try readONNX(model, in: folder)
    try document.write(document.graph, to: folder.file("out.onnx"))
    #expect(try data(folder.file("out.onnx")) == data(folder.file("model.onnx")))
    #expect(try folder.contents() == ["model.onnx", "out.onnx"])
  }

  @Test func untouchedJSONIsAnEqualMessage() throws {
    let folder = try TemporaryDirectory()
    let model = try Models.model(
      initializers: [Models.tensor("w", [1, .infinity, 3], [3])], [Models.node("Foo", ["x", "w"], ["y"])])
    let document = try readONNX(model, json: true, in: folder)
    try document.write(document.graph, to: folder.file("out.json"))
    #expect(try Onnx_ModelProto(jsonUTF8Bytes: data(folder.file("out.json"))) == model)
  }

  @Test(arguments: exported, WriteOptions.AttentionOperator.allCases)
  func whatNoFusionTouchedIsAsItWas(_ path: String, _ spelling: WriteOptions.AttentionOperator) throws {
    let folder = try TemporaryDirectory()
    let document = try Document.read(path: path)
    var graph = document.graph
    let log = try FusionPipeline.standard.run(on: &graph)
    let fused = log.decisions.filter { $0.verdict == .fused && $0.attention != nil }
    #expect(!fused.isEmpty)
    try document.write(graph, to: folder.file("out.onnx"), options: WriteOptions(attentionOperator: spelling))
    let before = try Onnx_ModelProto(serializedBytes: data(path))
    let after = try Onnx_ModelProto(serializedBytes: data(folder.file("out.onnx")))
    #expect(after.graph.input == before.graph.input)
    #expect(after.graph.output == before.graph.output)
    #expect(after.metadataProps == before.metadataProps)
    #expect(after.producerName == before.producerName)

    try expectUntouched(before, after, by: log, raisingOperatorSet: spelling == .onnx)
    let initializers = Dictionary(uniqueKeysWithValues: before.graph.initializer.map { ($0.name, $0) })
    #expect(after.graph.initializer.allSatisfy { initializers[$0.name] == $0 })

    // What was written is a model of as many attentions, and fusing it again changes nothing.
    let again = try Document.read(path: folder.file("out.onnx"))
    try again.graph.verify()
    var second = again.graph
    let secondLog = try FusionPipeline.standard.run(on: &second)
    #expect(secondLog.decisions.filter { $0.verdict == .fused }.isEmpty)
    #expect(second.nodes.count { $0.operation is FlashAttention } == fused.count)
    try again.write(second, to: folder.file("again.onnx"))
    #expect(try data(folder.file("again.onnx")) == data(folder.file("out.onnx")))
  }

  /// Every node that takes part in no fusion is written as it was, to the last byte and in its order, unless nothing reads it any more.
  ///
  /// - Parameter raisingOperatorSet: whether nodes are written as the operator set with `Attention` has them.
  private func expectUntouched(
    _ before: Onnx_ModelProto, _ after: Onnx_ModelProto, by log: FusionLog, raisingOperatorSet: Bool
  ) throws {
    var imports = before.opsetImport
    var upgrade = ONNXUpgrade.raise(&imports, usedNames: before.graph.allValueNames()) { _ in nil }
    let fused = Set(log.decisions.filter { $0.verdict == .fused }.flatMap(\.nodes))
    let untouched = before.graph.node.filter { !fused.contains($0.name) }
    let written = Dictionary(uniqueKeysWithValues: after.graph.node.map { ($0.name, $0) })
    // ONNX Runtime's operators put the heads together themselves, and give what the reshape behind them gave.
    let given = Set(after.graph.node.filter { $0.domain == "com.microsoft" }.flatMap(\.output))
    let read = Set(after.graph.node.flatMap(\.input) + after.graph.output.map(\.name)).subtracting(given)
    for node in untouched {
      guard let own = written[node.name] else {
        #expect(node.output.filter(read.contains).isEmpty, "\(node.name) is gone")
        continue
      }
      let expected = raisingOperatorSet ? try upgrade?.upgraded(node, descending: true).last ?? node : node
      #expect(try own.serializedData() == expected.serializedData(), "\(node.name) has changed")
    }
    let kept = untouched.map(\.name).filter { written[$0] != nil }
    #expect(!kept.isEmpty)
    let names = Set(kept)
    #expect(after.graph.node.map(\.name).filter(names.contains) == kept)
  }

  @Test func weightsOfWhatIsGoneAreGone() throws {
    let folder = try TemporaryDirectory()
    var model = try Models.model(
      initializers: [
        Models.tensor("a", [1, 2, 3], [3]), Models.tensor("b", [1, 2, 3], [3]), Models.tensor("never", [1], [1]),
      ],
      [
        Models.node("Foo", ["x", "a"], ["t"]), Models.node("Bar", ["t", "b"], ["u"]), Models.node("Exp", ["u"], ["y"]),
      ])
    model.graph.valueInfo = [Models.float("t", [2, 3]), Models.float("u", [2, 3])]
    let document = try readONNX(model, in: folder)
    var graph = document.graph
    let bar = try #require(graph.nodes.first { ($0.operation as? Opaque)?.type == "Bar" })
    let input = try #require(graph.inputs.first).value
    let new = try graph.insert(
      Add(), [input, bar.inputs[1]], name: "sum", origin: Origin(sources: bar.origin.sources, passes: ["test"]))
    try graph.replaceUses(of: Value(bar.id), with: new)
    graph.removeUnused()
    try document.write(graph, to: folder.file("out.onnx"))
    let written = try Onnx_ModelProto(serializedBytes: data(folder.file("out.onnx"))).graph
    #expect(written.node.map(\.opType) == ["Add", "Exp"])
    #expect(written.node.first?.output == ["u"])
    #expect(written.node.last == model.graph.node.last)
    #expect(written.initializer.map(\.name) == ["b", "never"])
    #expect(written.valueInfo.map(\.name) == ["u"])
  }

  /// Fused with bias and activation, the weights would have to be written unpacked, for which old operator sets have no words.
  @Test func productsThatUnpackTheirWeightsStay() throws {
    let folder = try TemporaryDirectory()
    var packed = Onnx_TensorProto()
    packed.name = "packed"
    packed.dataType = Int32(Onnx_TensorProto.DataType.uint8.rawValue)
    packed.dims = [4, 1, 8]
    packed.rawData = Data((0..<32).map { UInt8($0 * 7) })
    var model = try Models.model(
      inputs: [Models.float("x", ["n", 16])],
      initializers: [packed, Models.tensor("scales", [1, 2, 3, 4], [4]), Models.tensor("b", [1, 2, 3, 4], [4])],
      [
        Models.node(
          "MatMulNBits", ["x", "packed", "scales"], ["p"], name: "product", domain: "com.microsoft",
          ["K": .integer(16), "N": .integer(4), "bits": .integer(4), "block_size": .integer(16)]),
        Models.node("Add", ["p", "b"], ["s"], name: "sum"), Models.node("Relu", ["s"], ["y"], name: "relu"),
      ])
    model.opsetImport.append(Models.operatorSet("com.microsoft", 1))
    let document = try readONNX(model, in: folder)
    var graph = document.graph
    let log = try FusionPipeline.standard.run(on: &graph)
    #expect(log.decisions.map(\.reason?.code) == ["other-form"])
    try document.write(graph, to: folder.file("out.onnx"))
    #expect(try data(folder.file("out.onnx")) == data(folder.file("model.onnx")))
  }

  @Test func additionsAreSpelledForTheOperatorSet() throws {
    for (opset, inputs, attributes) in [(11, ["x"], ["axes"]), (13, ["x", "new/axes"], [])] {
      let folder = try TemporaryDirectory()
      let model = try Models.model(
        opset: opset, [Models.node("Foo", ["x"], ["y"])], outputs: [Models.float("y", [1, 2, 3])])
      let document = try readONNX(model, in: folder)
      var graph = document.graph
      let foo = try #require(graph.nodes.first { $0.operation is Opaque })
      let origin = Origin(sources: foo.origin.sources, passes: ["test"])
      let axes = try graph.addConstant(Tensor([0] as [Int64]), name: "new/axes", origin: origin)
      let new = try graph.insert(Unsqueeze(), [foo.inputs[0], axes], name: "new", origin: origin)
      try graph.replaceUses(of: Value(foo.id), with: new)
      graph.removeUnused()
      try document.write(graph, to: folder.file("out.onnx"))
      let node = try Onnx_ModelProto(serializedBytes: data(folder.file("out.onnx"))).graph.node.last
      #expect(node?.opType == "Unsqueeze" && node?.input == inputs && node?.attribute.map(\.name) == attributes)
    }
  }

  @Test func externalDataGoesAlong() throws {
    let folder = try TemporaryDirectory()
    let target = try TemporaryDirectory()
    let bytes = Data((0..<24).map { UInt8($0) })
    try FileManager.default.createDirectory(atPath: folder.file("weights"), withIntermediateDirectories: true)
    try folder.write(bytes, to: "weights/a.bin")
    let model = try Models.model(
      initializers: [Models.external("w", [3], ["location": "weights/a.bin", "offset": "4", "length": "12"])],
      [Models.node("Add", ["x", "w"], ["y"])])
    let document = try readONNX(model, in: folder)
    try document.write(document.graph, to: folder.file("beside.onnx"))
    #expect(try folder.contents() == ["beside.onnx", "model.onnx", "weights"])
    try document.write(document.graph, to: target.file("out.onnx"))
    #expect(try target.contents() == ["out.onnx", "weights"])
    #expect(try data(target.file("weights/a.bin")) == bytes)
    _ = try Document.read(path: target.file("out.onnx"))
  }

  @Test func whatCannotBeBroughtToTheNewOperatorSetIsNamed() throws {
    let folder = try TemporaryDirectory()
    let sizes: [Any?] = [1, 4, 2, 8]
    var model = try Models.model(
      opset: 11, inputs: [Models.float("x", sizes)],
      [
        Models.node("Softmax", ["x"], ["t"], ["axis": .integer(1)]), Models.node("Foo", ["t"], ["u"]),
        Models.node("Exp", ["u"], ["y"]),
      ], outputs: [Models.float("y", sizes)])
    model.graph.valueInfo = [Models.float("u", sizes)]
    let document = try readONNX(model, in: folder)
    var graph = document.graph
    let foo = try #require(graph.nodes.first { ($0.operation as? Opaque)?.type == "Foo" })
    let input = foo.inputs[0]
    let fused = try graph.insert(
      FlashAttention(), [input, input, input], origin: Origin(sources: foo.origin.sources, passes: ["test"]))
    try graph.replaceUses(of: Value(foo.id), with: fused)
    graph.removeUnused()
    let error = #expect(throws: ModelError.self) {
      try document.write(graph, to: folder.file("out.onnx"), options: WriteOptions(attentionOperator: .onnx))
    }
    #expect(error?.kind == .unsupported && error?.message.contains("because of Softmax;") ?? false)
    #expect(try folder.contents() == ["model.onnx"])
  }
}
