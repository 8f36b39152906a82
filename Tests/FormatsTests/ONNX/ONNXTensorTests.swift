import Foundation
import GraphIR
import Operations
import Tensors
import TestSupport
import Testing

@testable import Formats

private typealias Models = ONNXTestModels

struct ONNXTensorTests {
  private func decode(_ proto: Onnx_TensorProto, folder: String = ".") throws -> Tensor? {
    var tensors = ONNXTensors(folder: folder)
    return try tensors.decode(proto)
  }

  private func proto(_ type: Onnx_TensorProto.DataType, _ sizes: [Int64] = [2]) -> Onnx_TensorProto {
    var proto = Onnx_TensorProto()
    proto.name = "w"
    proto.dataType = Int32(type.rawValue)
    proto.dims = sizes
    return proto
  }

  @Test func typedFieldsAndRawBytesSayTheSame() throws {
    let cases: [(Onnx_TensorProto.DataType, (inout Onnx_TensorProto) -> Void, [Double])] = [
      (.float, { $0.floatData = [1.5, -2] }, [1.5, -2]), (.double, { $0.doubleData = [1.5, -2] }, [1.5, -2]),
      (.int64, { $0.int64Data = [1, -2] }, [1, -2]), (.int32, { $0.int32Data = [1, -2] }, [1, -2]),
      (.int16, { $0.int32Data = [1, -2] }, [1, -2]), (.int8, { $0.int32Data = [1, -2] }, [1, -2]),
      (.uint8, { $0.int32Data = [1, 255] }, [1, 255]), (.uint16, { $0.int32Data = [1, 65535] }, [1, 65535]),
      (.uint32, { $0.uint64Data = [1, 4_294_967_295] }, [1, 4_294_967_295]),
      (.uint64, { $0.uint64Data = [1, 2] }, [1, 2]), (.bool, { $0.int32Data = [1, 0] }, [1, 0]),
      (.float16, { $0.int32Data = [0x3C00, 0xC000] }, [1, -2]),
      (.bfloat16, { $0.int32Data = [0x3F80, 0xC000] }, [1, -2]),
    ]
    for (type, fill, expected) in cases {
      var fields = proto(type)
      fill(&fields)
      let tensor = try #require(try decode(fields))
      #expect(try tensor.doubles() == expected, "\(type)")
      var raw = proto(type)
      raw.rawData = tensor.withBytes { Data($0) }
      #expect(try decode(raw) == tensor, "\(type)")
      #expect(try decode(Onnx_TensorProto(tensor)) == tensor, "\(type)")
    }
  }

  /// Wherever in the file they lie, and whatever comes before them.
  @Test(arguments: 0..<4) func largeWeightsStayInTheFile(_ shift: Int) throws {
    let folder = try TemporaryDirectory()
    let values = (0..<40_000).map { Float($0) }
    var weights = Models.tensor("w", [], [200, 200])
    weights.rawData = try Tensor(values, shape: [200, 200]).withBytes { Data($0) }
    var model = try Models.model(
      inputs: [Models.float("x", [3, 200])], initializers: [Models.tensor("small", [1], [1]), weights],
      [Models.node("MatMul", ["x", "w"], ["p"]), Models.node("Add", ["p", "small"], ["y"])])
    model.producerName = String(repeating: "p", count: shift)
    let document = try readONNX(model, in: folder)
    let constants = document.graph.nodes.compactMap { document.graph.info(of: Value($0.id)).constant }
    let tensor = try #require(constants.first { $0.count == values.count })
    #expect(try tensor.values(as: Float.self) == values && tensor.aligned() == tensor)
    #expect(try tensor.storageIdentity.byteCount == model.serializedData().count)

    // What is written anew has them too.
    var graph = document.graph
    let sum = try #require(graph.nodes.first { $0.operation is Add })
    let difference = try graph.insert(
      Sub(), sum.inputs, name: "difference", origin: Origin(sources: sum.origin.sources, passes: ["test"]))
    try graph.replaceUses(of: Value(sum.id), with: difference)
    graph.removeUnused()
    try document.write(graph, to: folder.file("out.onnx"))
    let written = try Onnx_ModelProto(serializedBytes: Data(contentsOf: URL(filePath: folder.file("out.onnx"))))
    #expect(written.graph.initializer == model.graph.initializer)
  }

  @Test func elementsOfFourBitsShareBytes() throws {
    var raw = proto(.int4, [3])
    raw.rawData = Data([0x8F, 0x07])
    #expect(try decode(raw)?.integers() == [-1, -8, 7])
    var field = proto(.uint4, [3])
    field.int32Data = [0x8F, 0x07]
    #expect(try decode(field)?.integers() == [15, 8, 7])
    field.int32Data = [0x8F]
    expectInvalid("1 bytes were given for u4[3]") { _ = try decode(field) }
    raw.rawData = Data(count: 3)
    expectInvalid("i4[3] takes 2 bytes, but there are 3") { _ = try decode(raw) }
    var float = proto(.float8E4M3Fn, [2])
    float.int32Data = [0x7E, 0xB8]
    #expect(try decode(float)?.doubles() == [448, -1])
  }

  @Test func typesThatAreNotKnownHaveNoTensor() throws {
    #expect(try decode(proto(.string)) == nil)
    #expect(try decode(proto(.complex64)) == nil)
  }

  @Test(
    arguments: [
      ("negative", [-1], "negative"), ("overflow", [1 << 40, 1 << 40], "overflows"), ("few", [3], "2 values"),
    ] as [(String, [Int64], String)])
  func refusesShapesThatDoNotFit(_ name: String, sizes: [Int64], message: String) {
    var tensor = proto(.float, sizes)
    tensor.floatData = [1, 2]
    expectInvalid(message) { _ = try decode(tensor) }
    var raw = proto(.float, sizes)
    raw.rawData = Data(count: 8)
    expectInvalid("") { _ = try decode(raw) }
  }

  @Test func refusesNumbersThatAreNoTypes() {
    var tensor = proto(.float)
    tensor.dataType = 99
    expectInvalid("99 is no ONNX element type") { _ = try decode(tensor) }
    var narrow = proto(.int8)
    narrow.int32Data = [1, 128]
    expectInvalid("128 is no value") { _ = try decode(narrow) }
  }

  @Test func externalDataIsMapped() throws {
    let folder = try TemporaryDirectory()
    try folder.write([Float](arrayLiteral: 9, 1, 2).withUnsafeBytes { Data($0) }, to: "w.bin")
    let place = ["location": "w.bin", "offset": "4", "length": "8"]
    let tensor = try decode(Models.external("w", [2], place), folder: folder.path)
    #expect(try tensor?.doubles() == [1, 2])
  }

  @Test(
    arguments: [
      (["location": "../secret.bin"], "not inside"), (["location": "/etc/hostname"], "not inside"),
      (["location": "a/../../secret.bin"], "not inside"), (["location": "link.bin"], "leaves"),
      (["location": "w.bin", "offset": "8"], "8 bytes at offset 8"),
      (["location": "w.bin", "offset": "-4"], "no number"),
      (["location": "w.bin", "length": "4"], "length given is 4"),
      (["location": "w.bin", "offset": "9223372036854775807"], "offset"), ([:], "without a location"),
    ] as [([String: String], String)])
  func externalDataStaysInItsFolder(_ place: [String: String], message: String) throws {
    let outer = try TemporaryDirectory()
    try outer.write(Data(count: 64), to: "secret.bin")
    let folder = outer.file("model")
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    try outer.write(Data(count: 12), to: "model/w.bin")
    try FileManager.default.createSymbolicLink(
      atPath: "\(folder)/link.bin", withDestinationPath: outer.file("secret.bin"))
    expectInvalid(message) { _ = try decode(Models.external("w", [2], place), folder: folder) }
  }

  @Test func missingExternalFilesAreNotFound() {
    let error = #expect(throws: ModelError.self) {
      _ = try decode(Models.external("w", [2], ["location": "none.bin"]), folder: "/tmp")
    }
    #expect(error?.kind == .notFound)
  }
}

/// Expects `body` to refuse what it reads, in one line that says `message`.
func expectInvalid(
  _ message: String, sourceLocation: SourceLocation = #_sourceLocation, _ body: () throws -> Void
) {
  let error = #expect(throws: ModelError.self, sourceLocation: sourceLocation) { try body() }
  #expect(error?.kind == .invalid, sourceLocation: sourceLocation)
  let text = error?.message ?? ""
  #expect(message.isEmpty || text.contains(message), "\(text)", sourceLocation: sourceLocation)
  #expect(!text.contains("\n"), sourceLocation: sourceLocation)
}
