import Fusion
import GraphIR
import Operations
import Rewriting
import Runtime
import Tensors
import TestSupport
import Testing

@testable import Formats

/// Graphs inside layers: what the port maps say, and what is wrong with them.
@Suite struct OpenVINOSubgraphTests {
  private static let body = """
    <layers>\(ExampleIR.parameter(0, "inner", "?,4"))
    <layer id="1" name="negative" type="Negative" version="opset1">\
    <input><port id="0" precision="FP32"><dim>-1</dim><dim>4</dim></port></input>\
    <output><port id="1" precision="FP32"><dim>-1</dim><dim>4</dim></port></output></layer>
    \(ExampleIR.result(2, "inner_result"))</layers>
    <edges>\(ExampleIR.edge(0, 0, 1, 0))\(ExampleIR.edge(1, 1, 2, 0))</edges>
    """

  private static let identity = """
    <layers>\(ExampleIR.parameter(0, "inner", "?,4"))\(ExampleIR.result(1, "inner_result"))</layers>
    <edges>\(ExampleIR.edge(0, 0, 1, 0))</edges>
    """

  private static let thenMap = """
    <then_port_map><input external_port_id="1" internal_layer_id="0" />\
    <output external_port_id="2" internal_layer_id="2" /></then_port_map>
    """

  private static let elseMap = """
    <else_port_map><input external_port_id="1" internal_layer_id="0" />\
    <output external_port_id="2" internal_layer_id="1" /></else_port_map>
    """

  private static func branches(
    thenMap: String = thenMap, elseMap: String = elseMap, bodies: String? = nil
  ) -> ExampleIR {
    let bodies = bodies ?? "<then_body>\(body)</then_body><else_body>\(identity)</else_body>"
    return ExampleIR(
      layers: [
        ExampleIR.parameter(0, "condition", "", element: "boolean"),
        ExampleIR.parameter(1, "x", "?,4"),
        """
        <layer id="2" name="choice" type="If" version="opset8">\(thenMap)\(elseMap)\
        <input><port id="0" precision="BOOL" /><port id="1" precision="FP32"><dim>-1</dim><dim>4</dim></port></input>\
        <output><port id="2" precision="FP32"><dim>-1</dim><dim>4</dim></port></output>\(bodies)</layer>
        """,
        ExampleIR.result(3, "result"),
      ],
      edges: [ExampleIR.edge(0, 0, 2, 0), ExampleIR.edge(1, 0, 2, 1), ExampleIR.edge(2, 2, 3, 0)])
  }

  @Test func `a branch is run as the condition says`() throws {
    let document = try Self.branches().read()
    try document.graph.verify()
    let x = try Tensor([1, -2, 3, -4] as [Float], shape: [1, 4])
    let session = Session(document.graph, options: .init(threads: 1))
    let negative = try Tensor([-1, 2, -3, 4] as [Float], shape: [1, 4])
    #expect(try session.run(["condition": Tensor(scalar: true), "x": x]).outputs == [negative])
    #expect(try session.run(["condition": Tensor(scalar: false), "x": x]).outputs == [x])
  }

  @Test(arguments: [
    "external_port_id=\"7\" internal_layer_id=\"0\"", "external_port_id=\"1\" internal_layer_id=\"9\"",
    "external_port_id=\"1\" internal_layer_id=\"2\"", "external_port_id=\"1\"", "internal_layer_id=\"0\"",
    "external_port_id=\"one\" internal_layer_id=\"0\"",
    "external_port_id=\"99999999999999999999\" internal_layer_id=\"0\"",
  ])
  func `a port map that names nothing is refused`(_ input: String) {
    expectRefusal(
      Self.branches(
        thenMap: """
          <then_port_map><input \(input) /><output external_port_id="2" internal_layer_id="2" /></then_port_map>
          """))
  }

  @Test func `bodies that are missing or not right are refused`() {
    expectRefusal(Self.branches(thenMap: ""))
    expectRefusal(Self.branches(bodies: "<then_body>\(Self.body)</then_body>"))
    expectRefusal(Self.branches(bodies: "<then_body></then_body><else_body>\(Self.identity)</else_body>"))
    let twice = "<then_body>\(Self.body)</then_body><then_body>\(Self.body)</then_body>"
    expectRefusal(Self.branches(bodies: "\(twice)<else_body>\(Self.identity)</else_body>"))
    let other = Self.body.replacing("?,4", with: "?,5")
    #expect(throws: Never.self) {
      try Self.branches(bodies: "<then_body>\(other)</then_body><else_body>\(Self.identity)</else_body>").read()
    }
    let integers = Self.identity.replacing("element_type=\"f32\"", with: "element_type=\"i64\"")
    expectRefusal(Self.branches(bodies: "<then_body>\(Self.body)</then_body><else_body>\(integers)</else_body>"))
  }

  @Test func `bodies nested without end are refused`() {
    var text = Self.identity
    for _ in 0..<60 {
      text = """
        <layers><layer id="0" name="a" type="If" version="opset8"><then_body>\(text)</then_body></layer></layers>
        """
    }
    expectRefusal(Self.branches(bodies: "<then_body>\(text)</then_body><else_body>\(Self.identity)</else_body>"))
  }

  private func expectRefusal(_ ir: ExampleIR, sourceLocation: SourceLocation = #_sourceLocation) {
    #expect(sourceLocation: sourceLocation) {
      try ir.read()
    } throws: {
      ($0 as? ModelError)?.kind == .invalid
    }
  }
}

extension ExampleIR {
  fileprivate func read() throws -> Document {
    let folder = try TemporaryDirectory()
    return try Document.read(path: write(to: folder))
  }
}
