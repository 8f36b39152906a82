import Formats
import Foundation
import Fusion
import GraphIR
import Operations
import Tensors
import TestSupport
import Testing

@Suite struct JSONGraphTests {
  let folder: TemporaryDirectory

  init() throws { folder = try TemporaryDirectory() }

  private func read(_ json: String) throws -> Document { try Document.read(path: folder.write(json, to: "graph.json")) }

  private let attention = """
    {
      "flashfuse": 1,
      "comment": "kept as it is, with its own \\u0061 and [brackets, \\"quotes\\"]",
      "inputs": [
        {"name": "q", "type": "f32", "shape": ["batch", 2, "2*seq + 1", 8]},
        {"name": "k", "type": "f32", "shape": ["batch", 2, "2*seq + 1", 8]}
      ],
      "nodes": [
        {"op": "Softmax", "name": "soft", "inputs": ["s"], "outputs": ["p"], "comment": "before what it reads"},
        {"op": "MatMul", "inputs": ["q", "kt"], "outputs": ["s"]},
        {"op": "Transpose", "inputs": ["k"], "outputs": ["kt"], "attributes": {"perm": [0, 1, 3, 2]}},
        {"op": "com.example.Gate", "inputs": ["p", null, "c"], "outputs": ["y", "z"], "types": [{"type": "f32"}, {"type": "i64", "shape": [2, "n"]}]}
      ],
      "weights": [ {"name": "c", "type": "bf16", "shape": [2, 2], "data": [[1, 0.5], ["-inf", "nan"]]} ],
      "outputs": ["y", "z"]
    }
    """

  @Test func saysTheGraph() throws {
    let document = try read(attention)
    #expect(document.format == "json")
    try document.graph.verify()
    expectEqualText(
      document.graph.text(),
      """
      graph {
        %0 = Parameter "q" : f32[batch, 2, 2*seq + 1, 8]
        %1 = Parameter "k" : f32[batch, 2, 2*seq + 1, 8]
        %2 = Transpose "kt" {perm = [0, 1, 3, 2]} (%1) : f32[batch, 2, 8, 2*seq + 1]
        %3 = MatMul "s" (%0, %2) : f32[batch, 2, 2*seq + 1, 2*seq + 1]
        %4 = Softmax "soft" (%3) : f32[batch, 2, 2*seq + 1, 2*seq + 1]
        %5 = Constant "c" : bf16[2, 2] = [[1.0, 0.5], [-inf, nan]]
        %6:2 = Opaque "y" {type = "com.example.Gate"} (%4, _, %5) : f32[*], i64[2, n]
        return "y" %6.0
        return "z" %6.1
      }

      """)
    #expect(document.graph.nodes.first { $0.operation is Softmax }?.origin.sources.map(\.name) == ["soft"])
  }

  @Test func comesBackByteForByteWhereNothingChanges() throws {
    let document = try read(attention)
    let path = folder.file("same.json")
    try document.write(document.graph, to: path)
    #expect(try String(contentsOfFile: path, encoding: .utf8) == attention)
  }

  @Test func onlyWhatChangesIsWrittenAnew() throws {
    let document = try read(attention)
    var graph = document.graph
    let softmax = try #require(graph.nodes.first { $0.operation is Softmax })
    // What stands before the softmax goes, what stands behind it stays.
    let order = try graph.addConstant(Tensor([Int64(0), 1, 3, 2]), name: "order")
    let (q, k) = (graph.inputs[0].value, graph.inputs[1].value)
    let fused = try graph.add(
      FlashAttention(), [q, k, k, nil, nil], name: "soft",
      origin: Origin(sources: softmax.origin.sources, passes: ["test"]))
    let other = try graph.add(Opaque(type: "Join", outputs: [.unknown]), [Value(fused), order])
    let value = Value(other)
    try graph.replaceUses(of: softmax.values[0], with: value, except: [fused])
    graph.removeUnused()
    let path = folder.file("fused.json")
    try document.write(graph, to: path)
    let expected = attention.replacing(
      """
          {"op": "Softmax", "name": "soft", "inputs": ["s"], "outputs": ["p"], "comment": "before what it reads"},
          {"op": "MatMul", "inputs": ["q", "kt"], "outputs": ["s"]},
          {"op": "Transpose", "inputs": ["k"], "outputs": ["kt"], "attributes": {"perm": [0, 1, 3, 2]}},

      """,
      with: """
            {"op": "FlashAttention", "name": "soft", "inputs": ["q", "k", "k"], "outputs": ["soft"]},
            {"op": "Constant", "name": "order", "outputs": ["order"], "attributes": {"value": {"type": "i64", "shape": [4], "data": [0, 1, 3, 2]}}},
            {"op": "Join", "inputs": ["soft", "order"], "outputs": ["p"], "types": [{"type": "?"}]},

        """)
    expectEqualText(try String(contentsOfFile: path, encoding: .utf8), expected)
  }

  @Test func weightsComeFromFilesSeedsAndText() throws {
    let header =
      #"{"__metadata__": {"made by": "a test"}, "w": {"dtype": "F32", "shape": [2], "data_offsets": [1, 9]}, "b": {"dtype": "BOOL", "shape": [1], "data_offsets": [0, 1]}}"#
    var file = withUnsafeBytes(of: UInt64(header.utf8.count).littleEndian) { Data($0) } + Data(header.utf8) + Data([1])
    [Float(1.5), -2].withUnsafeBytes { file += Data($0) }
    try folder.write(file, to: "weights.safetensors")
    let document = try read(
      """
      {"flashfuse": 1, "inputs": [], "nodes": [], "outputs": ["a", "w", "c", "d", "e", "f"], "weights": [
        {"name": "a", "file": "weights.safetensors", "tensor": "b"},
        {"name": "w", "type": "f32", "shape": [2], "file": "weights.safetensors"},
        {"name": "c", "type": "f16", "shape": [2, 3], "random": {"seed": 7, "scale": 0.5}},
        {"name": "d", "type": "i64", "shape": [2, 2], "data": [1, 2, 3, 4]},
        {"name": "e", "type": "bool", "shape": [3], "data": true},
        {"name": "f", "type": "u8", "data": [[], []]}
      ]}
      """)
    let constants = document.graph.outputs.map { document.graph.info(of: $0.value).constant }
    #expect(constants[0] == Tensor([true]))
    #expect(constants[1] == Tensor([Float(1.5), -2]))
    #expect(constants[2] == (try Tensor(randomOf: .float16, shape: [2, 3], seed: 7, scale: 0.5)))
    #expect(constants[3] == (try Tensor([Int64(1), 2, 3, 4], shape: [2, 2])))
    #expect(constants[4] == Tensor([true, true, true]))
    #expect(constants[5]?.shape == [2, 0])
    // Written elsewhere, the file goes along.
    let other = try TemporaryDirectory()
    try document.write(document.graph, to: other.file("copy.json"))
    #expect(try other.contents() == ["copy.json", "weights.safetensors"])
    #expect(try Document.read(path: other.file("copy.json")).graph.text(.complete) == document.graph.text(.complete))
  }

  @Test func anOperationsAttributesOfEveryKindComeBack() throws {
    let document = try read(
      """
      {"flashfuse": 1, "name": "a", "inputs": [{"name": "x", "type": "f32", "shape": [1, 2, 4, 8]}], "outputs": ["y"], "nodes": [
        {"op": "FlashAttention", "inputs": ["x", "x", "x"], "outputs": ["y"],
         "attributes": {"scale": 2, "causal": "lowerRight", "leftWindow": 3, "rightWindow": null, "maskedScore": "-inf", "guardsNaN": true}}]}
      """)
    let attention: FlashAttention? = document.graph.operation(of: document.graph.outputs[0].value)
    #expect(attention?.scale == 2 && attention?.causal == .lowerRight && attention?.guardsNaN == true)
    #expect(attention?.leftWindow == 3 && attention?.rightWindow == nil && attention?.maskedScore == -.infinity)
  }
}
