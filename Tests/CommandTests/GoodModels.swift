/// A small good model of each format in text, which tests of bad input break in one place.
enum GoodModel: String, CaseIterable, Sendable {
  case openVINO = "model.xml"
  case onnxJSON = "model.onnx.json"
  case json = "model.json"

  /// The model's text. Each is `softmax(x + w)`, with `w` of 4 floats in a file beside it.
  var text: String {
    switch self {
    case .openVINO:
      """
      <?xml version="1.0"?>
      <net name="small" version="11">
        <layers>
          <layer id="0" name="x" type="Parameter" version="opset1">
            <data shape="?,4" element_type="f32" />
            <output><port id="0" precision="FP32"><dim>-1</dim><dim>4</dim></port></output>
          </layer>
          <layer id="1" name="w" type="Const" version="opset1">
            <data element_type="f32" shape="4" offset="0" size="16" />
            <output><port id="0" precision="FP32"><dim>4</dim></port></output>
          </layer>
          <layer id="2" name="sum" type="Add" version="opset1">
            <data auto_broadcast="numpy" />
            <input><port id="0" precision="FP32" /><port id="1" precision="FP32" /></input>
            <output><port id="2" precision="FP32"><dim>-1</dim><dim>4</dim></port></output>
          </layer>
          <layer id="3" name="soft" type="SoftMax" version="opset8">
            <data axis="-1" />
            <input><port id="0" precision="FP32" /></input>
            <output><port id="1" precision="FP32" names="y"><dim>-1</dim><dim>4</dim></port></output>
          </layer>
          <layer id="4" name="result" type="Result" version="opset1">
            <input><port id="0" precision="FP32" /></input>
          </layer>
        </layers>
        <edges>
          <edge from-layer="0" from-port="0" to-layer="2" to-port="0" />
          <edge from-layer="1" from-port="0" to-layer="2" to-port="1" />
          <edge from-layer="2" from-port="2" to-layer="3" to-port="0" />
          <edge from-layer="3" from-port="1" to-layer="4" to-port="0" />
        </edges>
      </net>
      """
    case .onnxJSON:
      """
      {
        "irVersion": "8", "opsetImport": [{"version": "17"}],
        "graph": {
          "name": "small",
          "node": [
            {"opType": "Add", "name": "sum", "input": ["x", "w"], "output": ["s"]},
            {"opType": "Softmax", "name": "soft", "input": ["s"], "output": ["y"]}
          ],
          "initializer": [{
            "name": "w", "dims": ["4"], "dataType": 1, "dataLocation": "EXTERNAL",
            "externalData": [{"key": "location", "value": "model.bin"}, {"key": "offset", "value": "0"}]
          }],
          "input": [{"name": "x", "type": {"tensorType": {"elemType": 1, "shape": {"dim": [{"dimParam": "n"}, {"dimValue": "4"}]}}}}],
          "output": [{"name": "y", "type": {"tensorType": {"elemType": 1}}}]
        }
      }
      """
    case .json:
      """
      {
        "flashfuse": 1,
        "inputs": [{"name": "x", "type": "f32", "shape": ["n", 4]}],
        "weights": [{"name": "w", "type": "f32", "shape": [4], "file": "model.safetensors"}],
        "nodes": [
          {"op": "Add", "name": "sum", "inputs": ["x", "w"], "outputs": ["s"]},
          {"op": "Softmax", "name": "soft", "inputs": ["s"], "outputs": ["y"]}
        ],
        "outputs": ["y"]
      }
      """
    }
  }
}
