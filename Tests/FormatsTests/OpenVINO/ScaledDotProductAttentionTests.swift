import Foundation
import GraphIR
import Operations
import Tensors
import TestSupport
import Testing

@testable import Formats

/// An attention that is written as an IR, and how many `ScaledDotProductAttention` layers say it.
struct WrittenAttention: CustomTestStringConvertible, Sendable {
  let testDescription: String
  let attention: FlashAttention
  var inputs: Set<String> = []
  /// Whether the bias is seen to be of small numbers only.
  var isBounded = false
  var layers = 1

  init(
    _ description: String, _ inputs: Set<String> = [], isBounded: Bool = false, layers: Int = 1,
    _ change: (inout FlashAttention) -> Void
  ) {
    testDescription = description
    self.isBounded = isBounded
    var attention = FlashAttention()
    attention.scale = 0.3
    change(&attention)
    self.attention = attention
    self.inputs = inputs
    self.layers = layers
  }
}

@Suite struct ScaledDotProductAttentionTests {
  static let lowest = -Double(Float.greatestFiniteMagnitude)

  static let attentions = [
    WrittenAttention("scale alone") { _ in },
    WrittenAttention("a negative scale") { $0.scale = -2 },
    WrittenAttention("a bias", ["bias"]) { _ in },
    WrittenAttention("a mask", ["mask"]) { _ in },
    WrittenAttention("a mask that hides with the lowest number", ["mask"]) { $0.maskedScore = lowest },
    WrittenAttention("a mask that hides with a low number", ["mask"]) { $0.maskedScore = -1e9 },
    WrittenAttention("a mask that hides with a number not so low", ["mask"], layers: 0) { $0.maskedScore = -3 },
    WrittenAttention("a bias and a mask", ["bias", "mask"]) { _ in },
    WrittenAttention("a bias and a mask with a low number", ["bias", "mask"], layers: 0) { $0.maskedScore = -1e4 },
    WrittenAttention("a small bias and a mask with a low number", ["bias", "mask"], isBounded: true) {
      $0.maskedScore = -1e4
    },
    WrittenAttention("a bias and a mask with the lowest number", ["bias", "mask"]) { $0.maskedScore = lowest },
    WrittenAttention("causal from the upper left") { $0.causal = .upperLeft },
    WrittenAttention("causal from the lower right") { $0.causal = .lowerRight },
    WrittenAttention("causal with a mask", ["mask"]) { $0.causal = .upperLeft },
    WrittenAttention("causal with a bias", ["bias"]) { $0.causal = .lowerRight },
    WrittenAttention("causal with a low number", ["mask"]) {
      $0.causal = .upperLeft
      $0.maskedScore = lowest
    },
    WrittenAttention("a window") {
      $0.leftWindow = 1
      $0.rightWindow = 0
    },
    WrittenAttention("lengths", ["lengths"]) { _ in },
    WrittenAttention("a guard with a mask", ["mask"]) { $0.guardsNaN = true },
    WrittenAttention("a guard with a bias", ["bias"]) { $0.guardsNaN = true },
    WrittenAttention("a guard with lengths", ["lengths"]) { $0.guardsNaN = true },
    WrittenAttention("sinks", ["sinks"]) { _ in },
    WrittenAttention("sinks with a mask and a guard", ["sinks", "mask"]) { $0.guardsNaN = true },
    WrittenAttention("soft-capped scores", ["bias"], layers: 0) { $0.softcap = 2 },
  ]

  @Test(arguments: attentions, [1, 2, 4]) func meansTheSame(_ written: WrittenAttention, keyHeads: Int) throws {
    let folder = try TemporaryDirectory()
    let document = try Document.read(path: try example(keyHeads: keyHeads).write(to: folder))
    var graph = document.graph
    let values = Dictionary(uniqueKeysWithValues: graph.inputs.map { ($0.name, $0.value) })
    var optional = ["bias", "mask", "sinks", "lengths"].map { written.inputs.contains($0) ? values[$0] : nil }
    if written.isBounded, let bias = optional[0] { optional[0] = try graph.insert(Tanh(), [bias]) }
    let operands = ["query", "key", "value"].map { values[$0] } + optional
    let result = try graph.insert(
      written.attention, FlashAttention.trimmed(operands), name: "attention", origin: Origin(passes: ["TestPass"]))
    try graph.replaceUses(of: graph.outputs[0].value, with: result)
    graph.removeUnused()
    try document.write(graph, to: folder.file("out.xml"))
    let read = try Document.read(path: folder.file("out.xml")).graph
    #expect(read.nodes.count { $0.operation is FlashAttention } == written.layers)
    #expect((document.remark(on: result.node, in: graph) != nil) == (written.layers == 0))

    let tensors = try inputs(keyHeads: keyHeads)
    let expected = try evaluate(graph, tensors)
    let actual = try evaluate(read, tensors)
    try #require(expected.count == actual.count)
    // Both compute in 64 bits and round once to 32, but for what the decomposition rounds in between.
    for (a, b) in zip(expected, actual) { #expect((a.isNaN && b.isNaN) || abs(a - b) <= 2e-6 * max(1, abs(a))) }
  }

  /// A layer of another kind in the place of the attention, reading everything an attention may read.
  private func example(keyHeads: Int) -> ExampleIR {
    let shapes = [
      ("query", "2,4,3,4", "f32"), ("key", "2,\(keyHeads),5,4", "f32"), ("value", "2,\(keyHeads),5,6", "f32"),
      ("bias", "4,1,5", "f32"), ("mask", "2,1,3,5", "boolean"), ("sinks", "4", "f32"), ("lengths", "2", "i64"),
    ]
    let ports = shapes.indices.map { "<port id=\"\($0)\" precision=\"FP32\" />" }.joined()
    let dimensions = [2, 4, 3, 6].map { "<dim>\($0)</dim>" }.joined()
    let layer = """
      <layer id="7" name="attention" type="Placeholder" version="extension"><input>\(ports)</input>\
      <output><port id="7" precision="FP32" names="context">\(dimensions)</port></output></layer>
      """
    return ExampleIR(
      layers: shapes.enumerated().map { ExampleIR.parameter($0, $1.0, $1.1, element: $1.2) } + [
        layer, ExampleIR.result(8, "result"),
      ],
      edges: shapes.indices.map { ExampleIR.edge($0, 0, 7, $0) } + [ExampleIR.edge(7, 7, 8, 0)])
  }

  /// The second batch entry hides everything from its middle query, and has no valid key.
  private func inputs(keyHeads: Int) throws -> [String: Tensor] {
    func wave(_ count: Int, _ step: Double) -> [Float] { (0..<count).map { Float(3 * sin(Double($0) * step + step)) } }
    var bias = wave(20, 1.3)
    bias[2] = -.infinity
    for index in 15..<20 { bias[index] = -.infinity }
    var mask = (0..<30).map { $0 % 3 != 1 }
    for index in 20..<25 { mask[index] = false }
    return [
      "query": try Tensor(wave(96, 0.7), shape: [2, 4, 3, 4]),
      "key": try Tensor(wave(40 * keyHeads, 0.9), shape: [2, keyHeads, 5, 4]),
      "value": try Tensor(wave(60 * keyHeads, 1.1), shape: [2, keyHeads, 5, 6]),
      "bias": try Tensor(bias, shape: [4, 1, 5]), "mask": try Tensor(mask, shape: [2, 1, 3, 5]),
      "sinks": Tensor(wave(4, 0.4)), "lengths": Tensor([Int64(3), 0]),
    ]
  }

  private func evaluate(_ graph: Graph, _ inputs: [String: Tensor]) throws -> [Double] {
    var known: [Value: Tensor] = [:]
    for port in graph.inputs { known[port.value] = inputs[port.name] }
    for id in graph.topologicalOrder() where !(graph[id].operation is Parameter) {
      let node = graph[id]
      let results = try node.operation.evaluate(Operands(node.inputs.map { $0.flatMap { known[$0] } }))
      for (index, result) in results.enumerated() { known[Value(id, index)] = result }
    }
    return try #require(known[graph.outputs[0].value]).doubles()
  }
}
