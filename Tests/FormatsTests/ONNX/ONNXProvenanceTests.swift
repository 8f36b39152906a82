import Foundation
import Fusion
import GraphIR
import Rewriting
import Tensors
import TestSupport
import Testing

@testable import Formats

struct ONNXProvenanceTests {
  private func fields(_ node: Onnx_NodeProto) throws -> [String: [String]] {
    try Dictionary(
      uniqueKeysWithValues: node.metadataProps.map { entry in
        (entry.key, try JSONDecoder().decode([String].self, from: Data(entry.value.utf8)))
      })
  }

  @Test(arguments: WriteOptions.AttentionOperator.allCases)
  func fusedNodesNameWhatTheyReplaced(_ spelling: WriteOptions.AttentionOperator) throws {
    let path = "\(packageDirectory)/graphs/gpt2.onnx"
    let original = try Onnx_ModelProto(serializedBytes: Data(contentsOf: URL(fileURLWithPath: path)))
    let document = try Document.read(path: path)
    var graph = document.graph
    let log = try FusionPipeline.standard.run(on: &graph)
    let folder = try TemporaryDirectory()
    let output = folder.file("out.onnx")
    try document.write(graph, to: output, options: WriteOptions(attentionOperator: spelling))
    let written = try Onnx_ModelProto(serializedBytes: Data(contentsOf: URL(fileURLWithPath: output)))
    let type = [.onnx: "Attention", .microsoft: "MultiHeadAttention", .function: "FlashAttention"][spelling]
    let attention = written.graph.node.filter { $0.opType == type }
    let fused = log.decisions.filter { $0.verdict == .fused && $0.attention != nil }
    #expect(attention.count == fused.count && !fused.isEmpty)
    for (node, decision) in zip(attention, fused) {
      let fields = try fields(node)
      #expect(fields["_datadump_original_op_names"] == decision.nodes)
      #expect(fields["_datadump_original_op_types"]?.count == decision.nodes.count)
      #expect(fields["_datadump_original_op_types"]?.contains("Softmax") == true)
      #expect(fields["pass_name"] == ["FlashAttentionFusionPass"])
    }
    for node in written.graph.node where !node.metadataProps.isEmpty {
      #expect(try fields(node)["_datadump_original_op_names"]?.isEmpty == false)
    }
    let names = Set(original.graph.node.map(\.name))
    #expect(written.graph.node.allSatisfy { $0.metadataProps.isEmpty || !names.contains($0.name) })
    #expect(written.functions.allSatisfy { $0.node.allSatisfy(\.metadataProps.isEmpty) })
  }
}
