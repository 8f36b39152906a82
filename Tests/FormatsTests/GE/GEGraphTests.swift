import Foundation
import Fusion
import GraphIR
import Operations
import Rewriting
import Runtime
import Tensors
import TestSupport
import Testing

@testable import Formats

/// The JSON of Ascend's graph engine: read, fused, written back.
struct GEGraphTests {
  /// A graph of which `operations` are the operations' texts.
  private func read(_ operations: [String], in folder: TemporaryDirectory) throws -> Document {
    let text = "{\"graph\": [{\"name\": \"g\", \"op\": [\(operations.joined(separator: ",\n"))]}], \"name\": \"g\"}"
    return try Document.read(path: folder.write(text, to: "model.json"))
  }

  private func operation(
    _ name: String, _ type: String, _ sizes: [Int], _ inputs: [String] = [], dtype: String = "DT_FLOAT",
    _ attributes: String = ""
  ) -> String {
    """
    {"name": "\(name)", "type": "\(type)", "input": \(inputs), "attr": [\(attributes)],
     "output_desc": [{"dtype": "\(dtype)", "layout": "ND", "shape": {"dim": \(sizes)}}]}
    """
  }

  private func fused(_ document: Document, in folder: TemporaryDirectory) throws -> (GEGraph, [String]) {
    var graph = document.graph
    let log = try FusionPipeline([FlashAttentionFusionPass()]).run(on: &graph)
    try document.write(graph, to: folder.file("fused.json"))
    let bytes = try [UInt8](Data(contentsOf: URL(fileURLWithPath: folder.file("fused.json"))))
    let main = try JSONField(JSONValue(parsing: bytes)).required("graph").list()[0]
    return (try GEGraph(main), log.decisions.map { "\($0.verdict.rawValue) \($0.reason?.code ?? "")" })
  }

  private var attention: [String] {
    [
      operation("q", "Data", [2, 4, 8, 16]), operation("k", "Data", [2, 4, 6, 16]),
      operation("v", "Data", [2, 4, 6, 16]),
      operation(
        "qk", "BatchMatMulV2", [2, 4, 8, 6], ["q:0", "k:0"], "{\"key\": \"adj_x2\", \"value\": {\"b\": true}}"),
      operation("scale", "Muls", [2, 4, 8, 6], ["qk:0"], "{\"key\": \"value\", \"value\": {\"f\": \"0.25\"}}"),
      operation(
        "soft", "SoftmaxV2", [2, 4, 8, 6], ["scale:0"], "{\"key\": \"axes\", \"value\": {\"list\": {\"i\": [-1]}}}"),
      operation("pv", "BatchMatMulV2", [2, 4, 8, 16], ["soft:0", "v:0"]),
      operation("after", "Relu", [2, 4, 8, 16], ["pv:0", "soft:-1"]),
      "{\"name\": \"end\", \"type\": \"NetOutput\", \"input\": [\"after:0\"], \"attr\": null}",
    ]
  }

  @Test func attentionBecomesFlashAttentionScore() throws {
    let folder = try TemporaryDirectory()
    let document = try read(attention, in: folder)
    #expect(document.format == "ge")
    let (graph, decisions) = try fused(document, in: folder)
    #expect(decisions == ["fused "])
    #expect(graph.operations.map(\.type) == ["Data", "Data", "Data", "FlashAttentionScore", "Relu", "NetOutput"])
    let score = try #require(graph.operations.first { $0.type == "FlashAttentionScore" })
    #expect(score.inputs.map { $0?.text } == ["q:0", "k:0", "v:0"])
    #expect(try score.number("scale_value") == 0.25)
    #expect(try score.integer("head_num") == 4)
    #expect(try score.string("input_layout") == "BNSD")
    #expect(try score.integer("sparse_mode") == 0)
    #expect(try score.integer("pse_type") == 0)
    #expect(try score.strings("pass_name") == ["FlashAttentionFusionPass"])
    #expect(try score.strings("_datadump_original_op_names") == ["qk", "scale", "soft", "pv"])
    #expect(
      try score.strings("_datadump_original_op_types") == ["BatchMatMulV2", "Muls", "SoftmaxV2", "BatchMatMulV2"])
    #expect(score.outputTypes.count == 4)
    // What read the product reads the fourth result, and what waited for the softmax waits for the operation.
    let after = try #require(graph.operations.first { $0.name == "after" })
    #expect(after.inputs == [.init(name: score.name, output: 3)])
    #expect(after.controls == [score.name])

    let again = try Document.read(path: folder.file("fused.json"))
    var unchanged = again.graph
    let log = try FusionPipeline([FlashAttentionFusionPass()]).run(on: &unchanged)
    #expect(log.decisions.map(\.verdict) == [.alreadyFused])
    let inputs = try ["q": [2, 4, 8, 16], "k": [2, 4, 6, 16], "v": [2, 4, 6, 16]].mapValues {
      try Tensor.random($0, .float32, seed: 1)
    }
    let run = { (graph: Graph) in try #require(try Session(graph, options: .init(threads: 1)).run(inputs).outputs.first)
    }
    #expect(try largestDifference(run(document.graph), run(again.graph)) < 1e-5)
  }

  @Test func whatNothingFusesComesBackAsItWas() throws {
    let folder = try TemporaryDirectory()
    let operations = [operation("x", "Data", [4]), operation("odd", "Unheard", [4], ["x:0"])]
    let document = try read(operations, in: folder)
    try document.write(document.graph, to: folder.file("out.json"))
    let contents = { (name: String) in try Data(contentsOf: URL(fileURLWithPath: folder.file(name))) }
    #expect(try contents("out.json") == contents("model.json"))
    #expect(document.graph.outputs.map(\.name) == ["odd:0"])
  }

  @Test func aScaleInAConstantIsAnInputOfTheRun() throws {
    let folder = try TemporaryDirectory()
    var operations = attention
    operations[4] = operation("scale", "Mul", [2, 4, 8, 6], ["qk:0", "number:0"])
    operations.append(operation("number", "Const", []))
    let document = try read(operations, in: folder)
    #expect(document.missingWeights == ["number"])
    let (graph, decisions) = try fused(document, in: folder)
    #expect(decisions == ["fused "])
    let score = try #require(graph.operations.first { $0.type == "FlashAttentionScore" })
    #expect(try score.number("scale_value") == 1)
    // The queries are multiplied with it, in the shape that takes.
    #expect(graph.operations.contains { $0.type == "Mul" && $0.inputs.contains(.init(name: "q", output: 0)) })
    #expect(graph.operations.contains { $0.inputs.contains(.init(name: "number", output: 0)) })
  }

  @Test func biasesAndMasksAreWrittenAsTheOperationTakesThem() throws {
    var causal = FlashAttention()
    causal.causal = .lowerRight
    var upper = causal
    upper.causal = .upperLeft
    var window = causal
    window.leftWindow = 2
    let cases: [(FlashAttention, bias: Bool, mask: Bool, mode: Int)] = [
      (FlashAttention(), true, false, 0), (FlashAttention(), false, true, 0), (causal, true, false, 3),
      (upper, false, false, 2), (window, false, false, 4),
    ]
    for (attention, hasBias, hasMask, mode) in cases {
      let folder = try TemporaryDirectory()
      var operations = Array(self.attention.prefix(3))
      operations += [
        operation("bias", "Data", [2, 1, 8, 6]), operation("mask", "Data", [2, 1, 1, 6], dtype: "DT_BOOL"),
        operation("pv", "Unheard", [2, 4, 8, 16], ["q:0", "k:0", "v:0", "bias:0", "mask:0"]),
      ]
      let document = try read(operations, in: folder)
      var graph = document.graph
      let node = try #require(graph.nodes.first { $0.operation is Opaque })
      var inputs = node.inputs
      if !hasMask { inputs.removeLast() }
      if !hasBias { inputs[3] = nil }
      while inputs.last == .some(nil) { inputs.removeLast() }
      let value = try graph.insert(
        attention, inputs, name: "fused", origin: Origin(sources: node.origin.sources, passes: ["AFusionPass"]))
      try graph.replaceUses(of: Value(node.id), with: value)
      graph.removeUnused()
      try document.write(graph, to: folder.file("out.json"))
      let again = try Document.read(path: folder.file("out.json"))
      let found = try #require(again.graph.nodes.compactMap { $0.operation as? FlashAttention }.first)
      #expect(found.causal == attention.causal)
      #expect(found.leftWindow == attention.leftWindow)
      var tensors: [String: Tensor] = [:]
      for port in graph.inputs {
        let sizes = try #require(graph.type(of: port.value).shape.sizes)
        let random = try Tensor.random(sizes, .float32, seed: UInt64(port.name.count))
        tensors[port.name] =
          graph.type(of: port.value).element == .bool
          ? try Tensor(doubles: random.doubles().map { $0 > -1 ? 1 : 0 }, element: .bool, shape: sizes) : random
      }
      let run = { (graph: Graph) in
        try #require(
          try Session(graph, options: .init(threads: 1)).run(
            tensors.filter { name, _ in graph.inputs.contains { $0.name == name && !graph.uses(of: $0.value).isEmpty } }
          ).outputs.first)
      }
      #expect(try largestDifference(run(graph), run(again.graph)) < 1e-5, "mode \(mode)")
      let text = try String(contentsOfFile: folder.file("out.json"), encoding: .utf8)
      #expect(text.contains("\"sparse_mode\", \"value\": {\"i\": \(mode)}"), "\(text)")
      #expect(text.contains("LogicalNot") == hasMask)
    }
  }

  @Test func whatTheOperationCannotSayIsRefused() throws {
    let folder = try TemporaryDirectory()
    let document = try read(attention, in: folder)
    var graph = document.graph
    _ = try FusionPipeline([FlashAttentionFusionPass()]).run(on: &graph)
    let node = try #require(graph.nodes.first { $0.operation is FlashAttention })
    var capped = FlashAttention()
    capped.softcap = 2
    let value = try graph.insert(capped, node.inputs, name: "capped", origin: node.origin)
    try graph.replaceUses(of: Value(node.id), with: value)
    graph.removeUnused()
    #expect(throws: ModelError.self) { try document.write(graph, to: folder.file("out.json")) }
    #expect(!FileManager.default.fileExists(atPath: folder.file("out.json")))
  }

  @Test(arguments: [
    ("\"q:0\", \"k:0\"", "\"q\", \"k:0\"", "'q' is no input"),
    ("\"q:0\", \"k:0\"", "\"nowhere:0\", \"k:0\"", "'nowhere'"),
    ("\"q:0\", \"k:0\"", "\"q:7\", \"k:0\"", "'q:7'"),
    ("\"q:0\", \"k:0\"", "\"q:-2\", \"k:0\"", "'q:-2'"),
    ("\"q:0\", \"k:0\"", "\"q:99999999999999999999\", \"k:0\"", "is no input"),
    ("\"q:0\", \"k:0\"", "\"pv:0\", \"k:0\"", "cycle"),
    ("\"name\": \"k\"", "\"name\": \"q\"", "two operations are called 'q'"),
    ("\"name\": \"k\",", "", "'name' is missing"),
    ("\"type\": \"Data\"", "\"type\": 3", "a string was expected"),
    ("\"dim\": [2, 4, 8, 16]", "\"dim\": [-3]", "-3 is no size"),
    ("\"dim\": [2, 4, 8, 16]", "\"dim\": \"x\"", "a list"),
    ("[\"after:0\"]", "null", "no outputs"),
    ("\"graph\": [{", "\"graph\": [], \"other\": [{", "'graph' is empty"),
  ])
  func malformedFilesAreRefused(_ before: String, _ after: String, _ message: String) throws {
    let folder = try TemporaryDirectory()
    let text = "{\"graph\": [{\"name\": \"g\", \"op\": [\(attention.joined(separator: ",\n"))]}], \"name\": \"g\"}"
    guard let place = text.range(of: before) else {
      Issue.record("nothing to damage: \(before)")
      return
    }
    let path = try folder.write(text.replacingCharacters(in: place, with: after), to: "model.json")
    let error = #expect(throws: ModelError.self) { try Document.read(path: path) }
    #expect(error?.kind == .invalid)
    #expect(error?.message.contains(message) ?? false, "\(error?.message ?? "")")
  }
}
