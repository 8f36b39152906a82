import Foundation
import Fusion
import GraphIR
import Rewriting
import Runtime
import Tensors
import TestSupport
import Testing

@testable import Formats

private typealias Models = ONNXTestModels

/// Rotary embeddings in the standard's operator, where the graph proves that it says the same.
struct ONNXRotaryWritingTests {
  /// x [b, 2, s, 8] turned by the angles of positions p [n, s], in a spelling of exporters.
  ///
  /// - Parameters:
  ///   - joined: the columns of the angles, made of `f [n, s, 4]`.
  private func model(
    opset: Int = 23, batch: Any? = "b", interleaved: Bool = false, joined: [Onnx_NodeProto]
  ) throws -> Onnx_ModelProto {
    func integers(_ name: String, _ values: [Int]) throws -> Onnx_NodeProto {
      try Models.node("Constant", [], [name], ["value_ints": .integers(values)])
    }
    let turned =
      interleaved
      ? [
        try integers("pairs", [0, 0, 0, 4, 2]), try Models.node("Reshape", ["x", "pairs"], ["q"]),
        try Models.node("Split", ["q"], ["a", "b"], ["axis": .integer(-1), "num_outputs": .integer(2)]),
        try Models.node("Neg", ["b"], ["m"]), try Models.node("Concat", ["m", "a"], ["t"], ["axis": .integer(-1)]),
        try integers("whole", [0, 0, 0, 8]), try Models.node("Reshape", ["t", "whole"], ["r"]),
      ]
      : [
        try Models.node("Split", ["x"], ["a", "b"], ["axis": .integer(-1), "num_outputs": .integer(2)]),
        try Models.node("Neg", ["b"], ["m"]), try Models.node("Concat", ["m", "a"], ["r"], ["axis": .integer(-1)]),
      ]
    let sum = [
      try Models.node("Mul", ["x", "cosines"], ["straight"]), try Models.node("Mul", ["r", "sines"], ["across"]),
      try Models.node("Add", ["straight", "across"], ["y"]),
    ]
    let angles = [
      try integers("one", [1]), try Models.node("Cos", ["angles"], ["c"]), try Models.node("Sin", ["angles"], ["s"]),
      try Models.node("Unsqueeze", ["c", "one"], ["cosines"]), try Models.node("Unsqueeze", ["s", "one"], ["sines"]),
    ]
    return Models.model(
      opset: opset, irVersion: 10,
      inputs: [Models.float("x", [batch, 2, "length", 8]), Models.float("f", ["n", "length", 4])],
      joined + angles + turned + sum, outputs: [Models.float("y", [batch, 2, "length", 8])])
  }

  private func twice(_ parts: [String] = ["f", "f"]) throws -> [Onnx_NodeProto] {
    [try Models.node("Concat", parts, ["angles"], ["axis": .integer(-1)])]
  }

  private func neighbours(_ parts: [String] = ["column", "column"]) throws -> [Onnx_NodeProto] {
    [
      try Models.node("Constant", [], ["last"], ["value_ints": .integers([-1])]),
      try Models.node("Constant", [], ["flat"], ["value_ints": .integers([0, 0, 8])]),
      try Models.node("Unsqueeze", ["f", "last"], ["column"]), try Models.node("Neg", ["column"], ["other"]),
      try Models.node("Concat", parts, ["pairwise"], ["axis": .integer(-1)]),
      try Models.node("Reshape", ["pairwise", "flat"], ["angles"]),
    ]
  }

  /// The types of the nodes that are written for `model` after fusion, which must compute what it computed.
  private func written(_ model: Onnx_ModelProto, batches: (x: Int, angles: Int)) throws -> [String] {
    let folder = try TemporaryDirectory()
    let document = try readONNX(model, in: folder)
    var graph = document.graph
    let log = try FusionPipeline.standard.run(on: &graph)
    #expect(log.decisions.contains { $0.pass == "RotaryPositionFusionPass" && $0.verdict == .fused })
    try document.write(graph, to: folder.file("out.onnx"))
    let again = try Document.read(path: folder.file("out.onnx"))
    try again.graph.verify()
    let inputs = [
      "x": try Tensor.random([batches.x, 2, 5, 8], seed: 7), "f": try Tensor.random([batches.angles, 5, 4], seed: 8),
    ]
    let before = try Session(document.graph, options: .init(threads: 1)).run(inputs).outputs[0]
    let after = try Session(again.graph, options: .init(threads: 1)).run(inputs).outputs[0]
    #expect(try largestDifference(before, after) < 1e-6)
    let bytes = try Data(contentsOf: URL(fileURLWithPath: folder.file("out.onnx")))
    return try Onnx_ModelProto(serializedBytes: bytes).graph.node.map { $0.domain.isEmpty ? $0.opType : "call" }
  }

  @Test func anglesThatAreAlikeInPairsAreWrittenOnce() throws {
    var sameBatch = try model(joined: twice())
    sameBatch.graph.input[0] = Models.float("x", ["n", 2, "length", 8])
    #expect(try written(sameBatch, batches: (3, 3)).contains("RotaryEmbedding"))
    #expect(try !written(sameBatch, batches: (3, 3)).contains("Expand"))
    let pairs = try model(batch: "n", interleaved: true, joined: neighbours())
    #expect(try written(pairs, batches: (2, 2)).contains("RotaryEmbedding"))
  }

  @Test func oneRowOfPositionsForAllOfABatch() throws {
    var model = try model(joined: twice())
    model.graph.input[1] = Models.float("f", [1, "length", 4])
    let types = try written(model, batches: (3, 1))
    #expect(types.contains("RotaryEmbedding") && types.contains("Expand"))
  }

  @Test func otherRotationsStayFunctions() throws {
    let older = try model(opset: 18, batch: "n", joined: twice())
    var otherHalves = try model(batch: "n", joined: [Models.node("Neg", ["f"], ["g"])] + twice(["f", "g"]))
    otherHalves.graph.input[0] = Models.float("x", ["n", 2, "length", 8])
    let otherNeighbours = try model(batch: "n", interleaved: true, joined: neighbours(["column", "other"]))
    // Halves that are alike are no neighbours that are.
    let wrongPairs = try model(batch: "n", interleaved: true, joined: twice())
    for model in [older, otherHalves, otherNeighbours, wrongPairs] {
      let types = try written(model, batches: (2, 2))
      #expect(types.contains("call") && !types.contains("RotaryEmbedding"))
    }
    // Nothing says that the batches are one.
    #expect(try !written(self.model(joined: twice()), batches: (2, 2)).contains("RotaryEmbedding"))
  }
}
