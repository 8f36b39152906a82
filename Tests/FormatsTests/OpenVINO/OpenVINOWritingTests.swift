import Foundation
import GraphIR
import Operations
import Tensors
import TestSupport
import Testing

@testable import Formats

@Suite struct OpenVINOWritingTests {
  private let folder: TemporaryDirectory

  init() throws { folder = try TemporaryDirectory() }

  /// Writes `example` with its graph changed and reads the result; `text` is what the file says.
  private func rewrite(
    _ example: ExampleIR, _ change: (inout Graph) throws -> Void
  ) throws -> (graph: Graph, text: String, weights: Data) {
    let document = try Document.read(path: try example.write(to: folder))
    var graph = document.graph
    try change(&graph)
    graph.removeUnused()
    let path = folder.file("out.xml")
    try document.write(graph, to: path)
    let written = try Document.read(path: path)
    try written.graph.verify()
    return (
      written.graph, try String(contentsOfFile: path, encoding: .utf8),
      try Data(contentsOf: URL(fileURLWithPath: folder.file("out.bin")))
    )
  }

  private static let pass = Origin(passes: ["TestPass"])

  private func value(_ layer: String, in graph: Graph) throws -> Value {
    let node = try #require(graph.nodes.reversed().first { $0.origin.sources.first?.name == layer })
    return Value(node.id)
  }

  private func names(_ graph: Graph) -> [String] {
    graph.nodes.map { OperationDescriptor.of($0.operation).name }
  }

  @Test func nothingChangedIsWrittenAsItWas() throws {
    let written = try rewrite(.sum) { _ in }
    #expect(written.text == ExampleIR.sum.text)
    #expect(written.weights == ExampleIR.sum.weights)
  }

  @Test func aNewLayerTakesThePlaceAndTheNames() throws {
    let written = try rewrite(.sum) { graph in
      let sum = try value("sum", in: graph)
      let factor = try graph.addConstant(Tensor([Float(10), 20]), origin: Self.pass)
      let product = try graph.insert(Mul(), [graph.inputs[0].value, factor], name: "product", origin: Self.pass)
      try graph.replaceUses(of: sum, with: product)
    }
    #expect(names(written.graph) == ["Parameter", "Constant", "Mul"])
    #expect(written.graph.outputs.map(\.names) == [["sum", "result", "product"]])
    #expect(!written.text.contains("\"addend\"") && !written.text.contains("type=\"Add\""))
    // What no pass touched is there as it was, weights included.
    for line in [ExampleIR.sum.layers[0], ExampleIR.sum.layers[3], "<rt_info><note value=\"kept\" /></rt_info>"] {
      #expect(written.text.contains(line))
    }
    #expect(written.weights.prefix(16) == ExampleIR.sum.weights && written.weights.count == 72)
    let constant = try #require(written.graph.nodes.compactMap { $0.operation as? Constant }.first)
    #expect(try constant.tensor.values(as: Float.self) == [10, 20])
  }

  @Test func newLayersHaveIdsOfTheirOwn() throws {
    let written = try rewrite(
      .sum.with {
        $0.layers[3] = ExampleIR.result(41, "result"); $0.edges[2] = ExampleIR.edge(2, 2, 41, 0)
      }
    ) {
      let negative = try $0.insert(Neg(), [value("sum", in: $0)], origin: Self.pass)
      try $0.replaceUses(of: value("sum", in: $0), with: negative)
    }
    #expect(written.text.contains("<layer id=\"42\" name=\"Negative\" type=\"Negative\" version=\"opset1\">"))
    #expect(names(written.graph) == ["Parameter", "Constant", "Add", "Neg"])
    // The layer that lost its place at the result gives up the result's name.
    #expect(written.graph.outputs[0].names == ["sum", "result", "Negative"])
    #expect(written.text.components(separatedBy: "names=\"sum\"").count == 2)
  }

  @Test func aPartOfALayerIsWrittenAnew() throws {
    let written = try rewrite(.scores) { graph in
      let transpose = try #require(graph.nodes.first { $0.operation is Transpose })
      let other = try graph.insert(Transpose([0, 2, 1]), [graph.inputs[0].value], origin: Self.pass)
      try graph.replaceUses(of: Value(transpose.id), with: other)
    }
    #expect(names(written.graph) == ["Parameter", "Parameter", "Constant", "Transpose", "MatMul", "Softmax"])
    let transpose = try #require(written.graph.nodes.first { $0.operation is Transpose })
    #expect(transpose.inputs == [written.graph.inputs[0].value])
    #expect(!written.text.contains("transpose_b=\"true\""))
    // The softmax only has another edge.
    #expect(written.text.contains(ExampleIR.scores.layers[3]))
  }

  @Test func whatNoOutputNeedsStaysWithAllItReads() throws {
    let state = """
      <layer id="9" name="state" type="Assign" version="opset6"><data variable_id="a" />\
      <input><port id="0" precision="FP32"><dim>2</dim><dim>2</dim></port></input></layer>
      """
    let example = ExampleIR.sum.with {
      $0.layers.append(state)
      $0.edges.append(ExampleIR.edge(2, 2, 9, 0))
    }
    let written = try rewrite(example) { graph in
      let negative = try graph.insert(Neg(), [graph.inputs[0].value], origin: Self.pass)
      let result = graph.outputs[0].value
      try graph.replaceUses(of: result, with: negative)
    }
    for layer in [state, example.layers[1], example.layers[3], ExampleIR.edge(2, 2, 9, 0)] {
      #expect(written.text.contains(layer))
    }
  }

  @Test func theFileItselfCanBeReplaced() throws {
    let path = try ExampleIR.sum.write(to: folder)
    let document = try Document.read(path: path)
    var graph = document.graph
    let result = graph.outputs[0].value
    let offset = try graph.addConstant(Tensor([Float(5), 6]), origin: Self.pass)
    let moved = try graph.insert(Add(), [result, offset], origin: Self.pass)
    try graph.replaceUses(of: result, with: moved)
    try document.write(graph, to: path)
    #expect(try folder.contents() == ["model.bin", "model.xml"])
    let again = try Document.read(path: path)
    let constants = again.graph.nodes.compactMap { ($0.operation as? Constant)?.tensor }
    #expect(try constants.map { try $0.values(as: Float.self) } == [[1, 2, 3, 4], [5, 6]])
    // What was read before still is what it was.
    let old = document.graph.nodes.compactMap { ($0.operation as? Constant)?.tensor }
    #expect(try old.map { try $0.values(as: Float.self) } == [[1, 2, 3, 4]])
  }

  @Test func whatCantBeSaidLeavesNoFile() throws {
    let document = try Document.read(path: try ExampleIR.sum.write(to: folder))
    var graph = document.graph
    let result = graph.outputs[0].value
    let unknown = Opaque(type: "Unknown", outputs: [TensorType(.float32, [2, 2])])
    try graph.replaceUses(of: result, with: graph.insert(unknown, [result], origin: Self.pass))
    let error = try #require(throws: ModelError.self) { try document.write(graph, to: folder.file("out.xml")) }
    #expect(error.kind == .unsupported)
    #expect(try folder.contents() == ["model.bin", "model.xml"])
  }
}
