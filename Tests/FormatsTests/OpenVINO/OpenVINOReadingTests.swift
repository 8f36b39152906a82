import Foundation
import GraphIR
import Operations
import Tensors
import TestSupport
import Testing

@testable import Formats

@Suite struct OpenVINOReadingTests {
  private func read(_ example: ExampleIR) throws -> Graph {
    let folder = try TemporaryDirectory()
    let document = try Document.read(path: try example.write(to: folder))
    #expect(document.format == "openvino")
    try document.graph.verify()
    return document.graph
  }

  @Test func inputsAnswerToEveryName() throws {
    let graph = try read(
      .scores.with {
        $0.layers[0] = $0.layers[0].replacingOccurrences(of: "names=\"query\"", with: #"names="a\,b,c""#)
      })
    #expect(graph.inputs.map(\.names) == [["a,b", "c", "query"], ["key"]])
  }

  /// x joined to a variable of the sizes `state`, which begins with `initial` where that is given.
  private func stateful(_ state: [Int], initial: (shape: String, size: Int)? = nil) -> ExampleIR {
    let sizes = state.map { "<dim>\($0)</dim>" }.joined()
    let input = #"<input><port id="0" precision="FP32" /></input>"#
    return .sum.with {
      $0.layers = [
        ExampleIR.parameter(0, "x", "?,2"),
        ExampleIR.constant(
          1, "initial", element: "f32", shape: initial?.shape ?? "2, 2", offset: "0", size: "\(initial?.size ?? 16)"),
        """
        <layer id="2" name="state" type="ReadValue" version="opset6"><data variable_id="a" variable_type="f32" />\
        \(initial == nil ? "" : input)<output><port id="1" precision="FP32">\(sizes)</port></output></layer>
        """,
        """
        <layer id="3" name="joined" type="Concat" version="opset1"><data axis="0" />\
        <input><port id="0" precision="FP32" /><port id="1" precision="FP32" /></input>\
        <output><port id="2" precision="FP32" names="joined"><dim>-1</dim><dim>2</dim></port></output></layer>
        """,
        ExampleIR.result(4, "result"),
      ]
      $0.edges = [
        ExampleIR.edge(2, 1, 3, 0), ExampleIR.edge(0, 0, 3, 1), ExampleIR.edge(3, 2, 4, 0),
      ]
      if initial != nil { $0.edges.append(ExampleIR.edge(1, 0, 2, 0)) }
    }
  }

  /// What a variable holds differs from run to run: nothing may follow from where it begins but what it is in the first.
  @Test func variablesBeginWithTheirInitialValueAndAreNotConstant() throws {
    let x = try Tensor([Float(8), 9]).reshaped(to: [1, 2])
    let cases: [(ExampleIR, type: String, result: [Float])] = [
      (stateful([-1, 2]), "f32[?, 2]", [8, 9]), (stateful([2, 2]), "f32[2, 2]", [0, 0, 0, 0, 8, 9]),
      (stateful([2, 2], initial: ("2, 2", 16)), "f32[2, 2]", [1, 2, 3, 4, 8, 9]),
      (stateful([-1, 2], initial: ("0, 2", 0)), "f32[?, 2]", [8, 9]),
      // So OpenVINO writes what has no elements.
      (stateful([-1, 2], initial: ("0, 2", 1)), "f32[?, 2]", [8, 9]),
      (stateful([-1, -1], initial: ("2, 2", 16)), "f32[?, ?]", [1, 2, 3, 4, 8, 9]),
    ]
    for (example, type, result) in cases {
      let graph = try read(example)
      let variable = try #require(graph.nodes.first { $0.operation is ReadValue })
      let info = graph.info(of: Value(variable.id))
      #expect(info.constant == nil)
      let sizes = info.shape.dimensions?.map { $0.constant.map { "\($0)" } ?? "?" } ?? []
      #expect("f32[\(sizes.joined(separator: ", "))]" == type)
      #expect(try graph.evaluate([x])[0].values(as: Float.self) == result)
    }
    #expect(throws: ModelError.self) { try read(stateful([-1], initial: ("2, 2", 16))) }
  }

  @Test func tensorNamesComeBeforeNamesOfLayers() throws {
    let graph = try read(
      .scores.with {
        $0.layers[0] = $0.layers[0].replacingOccurrences(of: "names=\"query\"", with: "names=\"key\"")
        $0.layers[1] = $0.layers[1].replacingOccurrences(of: "names=\"key\"", with: "names=\"query\"")
      })
    #expect(graph.inputs.map(\.names) == [["key"], ["query"]])
  }

  @Test func outputsAnswerToTheNamesOfThePortThatFeedsThem() throws {
    let graph = try read(
      .scores.with {
        $0.layers.append(ExampleIR.result(5, "scores result"))
        $0.edges.append(ExampleIR.edge(2, 2, 5, 0))
      })
    #expect(
      graph.outputs.map(\.names) == [
        ["probabilities", "result", "weights"], ["first", "sec,ond", "scores result", "scores"],
      ])
  }

  @Test func sizesThatAreOpenBecomeSymbolsOfInputAndAxis() throws {
    let graph = try read(.scores.with { $0.layers[1] = ExampleIR.parameter(1, "key", "1..5,4,8") })
    #expect(graph.inputs.map { graph.type(of: $0.value).description } == ["f32[query.0, 4, 8]", "f32[key.0, 4, 8]"])
  }

  @Test func anInputMayHaveAnyRank() throws {
    let graph = try read(.sum.with { $0.layers[0] = ExampleIR.parameter(0, "input", "...") })
    #expect(graph.type(of: graph.inputs[0].value) == TensorType(.float32, .unranked))
  }

  @Test func operationsAreLifted() throws {
    let graph = try read(.scores)
    #expect(
      graph.nodes.map { OperationDescriptor.of($0.operation).name } == [
        "Parameter", "Parameter", "Transpose", "MatMul", "Softmax",
      ])
    let sources = graph.nodes.map { $0.origin.sources.map(\.name) }
    #expect(sources == [["query"], ["key"], ["scores"], ["scores"], ["weights"]])
  }

  @Test func weightsAreThoseOfTheFile() throws {
    let graph = try read(.sum)
    let constant = try #require(graph.nodes.compactMap { $0.operation as? Constant }.first)
    #expect(try constant.tensor.values(as: Float.self) == [1, 2, 3, 4] && constant.tensor.shape == [2, 2])
  }

  @Test func versionTenIsReadToo() throws {
    let graph = try read(
      .sum.with {
        $0.version = "10"
        $0.layers[2] = $0.layers[2].replacingOccurrences(of: "<data auto_broadcast=\"numpy\" />", with: "")
          .replacingOccurrences(of: " names=\"sum\"", with: "")
      })
    #expect(graph.outputs.map(\.names) == [["result", "sum"]])
    #expect(graph.nodes.contains { $0.operation is Add })
  }

  @Test func manyLayersAreReadInOnePass() throws {
    let count = 3000
    let layer = ExampleIR.scores.layers[3].replacingOccurrences(of: "probabilities", with: "")
    let chain = (0..<count).map { index in
      layer.replacingOccurrences(of: "id=\"3\" name=\"weights\"", with: "id=\"\(index + 10)\" name=\"layer \(index)\"")
    }
    let example = ExampleIR(
      layers: [ExampleIR.parameter(0, "input", "?,4,4")] + chain + [ExampleIR.result(1, "result")],
      edges: [ExampleIR.edge(0, 0, 10, 0)]
        + (1..<count).map { ExampleIR.edge($0 + 9, 1, $0 + 10, 0) } + [ExampleIR.edge(count + 9, 1, 1, 0)])
    #expect(try read(example).nodeCount == count + 1)
  }

  @Test func layersMayComeInAnyOrder() throws {
    let graph = try read(.scores.with { $0.layers.reverse() })
    #expect(graph.inputs.map(\.name) == ["key", "query"])
    #expect(graph.nodeCount == 5)
  }

  @Test func anUnknownOperationIsOpaque() throws {
    let graph = try read(
      .scores.with { $0.layers[3] = $0.layers[3].replacingOccurrences(of: "SoftMax", with: "SparseMax") })
    let opaque = try #require(graph.nodes.compactMap { $0.operation as? Opaque }.first)
    #expect(opaque.type == "SparseMax (opset8)")
    #expect(opaque.outputs == [TensorType(.float32, [.unknown, 4, 4])])
  }

  @Test func layersWithOneNameAreToldApart() throws {
    let graph = try read(
      .scores.with { $0.layers[3] = $0.layers[3].replacingOccurrences(of: "\"weights\"", with: "\"scores\"") })
    let names = graph.nodes.flatMap { $0.origin.sources.map(\.name) }
    #expect(names.suffix(2) == ["scores", "scores#3"])
  }

  @Test func aByteOrderMarkAndEscapedNamesAreRead() throws {
    let graph = try read(
      .scores.with {
        $0.prolog = "\u{FEFF}" + $0.prolog
        $0.layers[0] = $0.layers[0].replacingOccurrences(of: "query", with: "a &lt;&amp;&quot;&#228; b")
      })
    #expect(graph.inputs[0].names == [#"a <&"ä b"#])
  }

  @Test(arguments: [
    ("a,b", ["a", "b"]), (#"a\,b,c"#, ["a,b", "c"]), (#"a\b"#, [#"a\b"#]), ("", []), (#"x\\,y"#, [#"x\,y"#]),
  ]) func namesAreSplitAtCommas(_ list: String, _ names: [String]) {
    #expect(IRText.names(list) == names)
  }
}
