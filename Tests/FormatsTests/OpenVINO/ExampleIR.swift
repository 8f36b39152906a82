import Foundation
import TestSupport

/// An IR put together line by line, so that a test can say what it breaks.
struct ExampleIR {
  var version = "11"
  var prolog = #"<?xml version="1.0"?>"#
  var layers: [String] = []
  var edges: [String] = []
  var weights = Data()

  /// `scores = MatMul(query, key, transpose_b)`, `weights = SoftMax(scores)`, both results.
  static let scores = ExampleIR(
    layers: [
      parameter(0, "query", "?,4,8"),
      parameter(1, "key", "?,4,8"),
      """
      <layer id="2" name="scores" type="MatMul" version="opset1"><data transpose_a="false" transpose_b="true" />\
      <input><port id="0" precision="FP32"><dim>-1</dim><dim>4</dim><dim>8</dim></port>\
      <port id="1" precision="FP32"><dim>-1</dim><dim>4</dim><dim>8</dim></port></input>\
      <output><port id="2" precision="FP32" names="first,sec\\,ond"><dim>-1</dim><dim>4</dim><dim>4</dim></port></output></layer>
      """,
      """
      <layer id="3" name="weights" type="SoftMax" version="opset8"><data axis="-1" />\
      <input><port id="0" precision="FP32"><dim>-1</dim><dim>4</dim><dim>4</dim></port></input>\
      <output><port id="1" precision="FP32" names="probabilities"><dim>-1</dim><dim>4</dim><dim>4</dim></port></output></layer>
      """,
      result(4, "result"),
    ],
    edges: [edge(0, 0, 2, 0), edge(1, 0, 2, 1), edge(2, 2, 3, 0), edge(3, 1, 4, 0)])

  /// `sum = input + constant`.
  static let sum = ExampleIR(
    layers: [
      parameter(0, "input", "2,2"),
      constant(1, "addend", element: "f32", shape: "2, 2", offset: "0", size: "16"),
      """
      <layer id="2" name="sum" type="Add" version="opset1"><data auto_broadcast="numpy" />\
      <input><port id="0" precision="FP32"><dim>2</dim><dim>2</dim></port>\
      <port id="1" precision="FP32"><dim>2</dim><dim>2</dim></port></input>\
      <output><port id="2" precision="FP32" names="sum"><dim>2</dim><dim>2</dim></port></output></layer>
      """,
      result(3, "result"),
    ],
    edges: [edge(0, 0, 2, 0), edge(1, 0, 2, 1), edge(2, 2, 3, 0)],
    weights: [Float(1), 2, 3, 4].withUnsafeBytes { Data($0) })

  static func parameter(_ id: Int, _ name: String, _ shape: String, element: String = "f32") -> String {
    """
    <layer id="\(id)" name="\(name)" type="Parameter" version="opset1"><data shape="\(shape)" element_type="\(element)" />\
    <output><port id="0" precision="FP32" names="\(name)" /></output></layer>
    """
  }

  static func constant(
    _ id: Int, _ name: String, element: String, shape: String, offset: String, size: String
  ) -> String {
    """
    <layer id="\(id)" name="\(name)" type="Const" version="opset1">\
    <data element_type="\(element)" shape="\(shape)" offset="\(offset)" size="\(size)" />\
    <output><port id="0" precision="FP32" /></output></layer>
    """
  }

  static func result(_ id: Int, _ name: String) -> String {
    """
    <layer id="\(id)" name="\(name)" type="Result" version="opset1"><input><port id="0" precision="FP32" /></input></layer>
    """
  }

  static func edge(_ fromLayer: Int, _ fromPort: Int, _ toLayer: Int, _ toPort: Int) -> String {
    #"<edge from-layer="\#(fromLayer)" from-port="\#(fromPort)" to-layer="\#(toLayer)" to-port="\#(toPort)" />"#
  }

  var text: String {
    """
    \(prolog)
    <net name="example" version="\(version)">
    \t<layers>
    \(layers.map { "\t\t" + $0 }.joined(separator: "\n"))
    \t</layers>
    \t<edges>
    \(edges.map { "\t\t" + $0 }.joined(separator: "\n"))
    \t</edges>
    \t<rt_info><note value="kept" /></rt_info>
    </net>

    """
  }

  /// The example after `change`.
  func with(_ change: (inout ExampleIR) -> Void) -> ExampleIR {
    var changed = self
    change(&changed)
    return changed
  }

  /// Writes `model.xml` and, where there are any, the weights into `folder`; returns the path.
  func write(to folder: TemporaryDirectory) throws -> String {
    if !weights.isEmpty { try folder.write(weights, to: "model.bin") }
    return try folder.write(text, to: "model.xml")
  }
}
