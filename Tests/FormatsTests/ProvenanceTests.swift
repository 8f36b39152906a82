import Foundation
import Fusion
import GraphIR
import Operations
import Rewriting
import Tensors
import TestSupport
import Testing

@testable import Formats

/// What fused nodes say of where they come from, beyond one fusion.
struct ProvenanceTests {
  private let names = ["_datadump_original_op_names", "_datadump_original_op_types", "pass_name"]

  @Test func layersOfAnIRSayWhatTheyReplaced() throws {
    let document = try Document.read(path: "\(packageDirectory)/graphs/bert.xml")
    var graph = document.graph
    let log = try FusionPipeline([FlashAttentionFusionPass()]).run(on: &graph)
    let folder = try TemporaryDirectory()
    try document.write(graph, to: folder.file("out.xml"))
    let sources = try Document.read(path: folder.file("out.xml")).graph.nodes
      .filter { $0.operation is FlashAttention }.compactMap { $0.origin.sources.first }
    #expect(sources.count == log.decisions.count)
    for (source, decision) in zip(sources, log.decisions) {
      #expect(source.history?.names == decision.nodes)
      #expect(source.history?.types.contains("SoftMax") ?? false)
      #expect(source.history?.passes == ["FlashAttentionFusionPass"])
    }
  }

  @Test func aFusionOfFusedNodesNamesWhatTheyReplaced() throws {
    let history = FusionHistory(names: ["a", "b"], types: ["A", "B"], passes: ["FirstFusionPass"])
    let origin = Origin(
      sources: [
        SourceNode(index: 3, name: "made", type: "Made", history: history),
        SourceNode(index: 4, name: "c", type: "C"),
      ], passes: ["SecondFusionPass", "ONNX"])
    let lists = Provenance.lists(origin)
    #expect(lists.map(\.key) == names)
    #expect(lists.map(\.list) == [["a", "b", "c"], ["A", "B", "C"], ["FirstFusionPass", "SecondFusionPass"]])
    let texts = Dictionary(uniqueKeysWithValues: Provenance.texts(origin).map { ($0.key, $0.text) })
    #expect(
      Provenance.history(texts: texts)
        == FusionHistory(names: lists[0].list, types: lists[1].list, passes: lists[2].list))
    #expect(Provenance.history(texts: ["pass_name": "[\"P\"]"]) == nil)
    #expect(Provenance.history(texts: [names[0]: "[\"a\"]", names[1]: "nonsense"]) == nil)
  }

  @Test func historiesAreReadFromONNX() throws {
    var node = try ONNXTestModels.node("Relu", ["x"], ["y"], name: "r")
    for (key, text) in zip(names, ["[\"a\"]", "[\"A\"]", "[\"P\"]"]) {
      var entry = Onnx_StringStringEntryProto()
      (entry.key, entry.value) = (key, text)
      node.metadataProps.append(entry)
    }
    let graph = try readONNX(ONNXTestModels.model([node])).graph
    let source = graph.nodes.compactMap { $0.origin.sources.first }.first { $0.name == "r" }
    #expect(source?.history == FusionHistory(names: ["a"], types: ["A"], passes: ["P"]))
  }
}
