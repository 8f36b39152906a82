import Formats
import Foundation
import Tensors
import TestSupport
import Testing

@Suite struct JSONErrorTests {
  let folder: TemporaryDirectory

  init() throws { folder = try TemporaryDirectory() }

  /// The message with which `json` is refused, without the file's path.
  private func refusal(_ json: String, kind: ModelError.Kind = .invalid) throws -> String? {
    let path = try folder.write(json, to: "graph.json")
    let error = #expect(throws: ModelError.self, Comment(rawValue: String(json.prefix(200)))) {
      try Document.read(path: path)
    }
    #expect(error?.kind == kind)
    #expect(error?.message.contains("\n") == false)
    return error?.message.replacing("\(path): ", with: "")
  }

  private func graph(
    inputs: String = #"{"name": "x", "type": "f32", "shape": [2, 4]}"#, weights: String = "", nodes: String = "",
    outputs: String = ""
  ) -> String {
    #"{"flashfuse": 1, "inputs": [\#(inputs)], "weights": [\#(weights)], "nodes": [\#(nodes)], "outputs": [\#(outputs)]}"#
  }

  @Test(arguments: [
    ("{", "malformed JSON"), ("{\"flashfuse\": 1,", "malformed JSON"), ("{]", "malformed JSON"),
    ("{} more", "malformed JSON"), ("{\"a\": 01}", "malformed JSON"), ("{\"a\": \"\\q\"}", "malformed JSON"),
    ("{}", "no model: this JSON has neither 'flashfuse'"),
    ("{\"flashfuse\": 2}", "'flashfuse' is 2; the version read here is 1"),
    ("{\"flashfuse\": \"1\"}", "'flashfuse' is '1'; the version read here is 1"),
    ("{\"flashfuse\": 1}", "'inputs' is missing"),
    (
      "{\"flashfuse\": 1, \"inputs\": {}, \"nodes\": [], \"outputs\": []}",
      "inputs: a list was expected, found an object"
    ),
    ("{\"flashfuse\": 1, \"inputs\": [{}], \"nodes\": [], \"outputs\": []}", "inputs[0]: 'name' is missing"),
    (
      "{\"flashfuse\": 1, \"inputs\": [], \"nodes\": [{\"op\": 3}], \"outputs\": []}",
      "nodes[0].op: a string was expected, found 3"
    ),
    (
      "{\"flashfuse\": 1, \"inputs\": [], \"nodes\": [], \"outputs\": [null]}",
      "outputs[0]: a string was expected, found null"
    ),
    (
      "{\"flashfuse\": 1, \"inputs\": [], \"nodes\": [], \"nodes\": [], \"outputs\": []}",
      "the key 'nodes' is there twice"
    ),
    (
      "{\"flashfuse\": 1, \"inputs\": [], \"nodes\": [], \"\\u006eodes\": [], \"outputs\": []}",
      "the key 'nodes' is there twice"
    ),
  ])
  func documentsThatAreNoGraph(_ json: String, _ message: String) throws {
    let refusal = try refusal(json)
    #expect(refusal?.hasPrefix(message) == true, "\(refusal ?? "")")
  }

  @Test func deepNestingIsRefused() throws {
    for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
      let nested = String(repeating: open, count: 100_000)
      #expect(try refusal("{\"flashfuse\": 1, \"x\": \(nested)")?.hasPrefix("malformed JSON") == true)
      let balanced = String(repeating: open, count: 400) + "1" + String(repeating: close, count: 400)
      let data = #"{"name": "w", "type": "f32", "data": \#(balanced)}"#
      #expect(try refusal(graph(weights: data)) != nil)
    }
  }

  @Test(arguments: [
    (#"{"name": "x", "type": "f33"}"#, "inputs[0].type: 'f33' is no element type; these are: f64, f32,"),
    (#"{"name": "x", "type": "?"}"#, "input 'x': its element type must be known"),
    (#"{"name": "x", "type": "f32", "shape": [1.5]}"#, "inputs[0].shape[0]: an integer was expected, found 1"),
    (#"{"name": "x", "type": "f32", "shape": ["a b"]}"#, "inputs[0].shape[0]: 'a b' is no size, such as"),
    (#"{"name": "x", "type": "f32", "shape": [-1]}"#, "input 'x': [-1] is no shape"),
    (
      #"{"name": "x", "type": "f32", "shape": [4611686018427387904, 4]}"#,
      "input 'x': [4611686018427387904, 4] is no shape"
    ),
    (#"{"name": "x", "type": "f32", "shape": ["9223372036854775807*2"]}"#, "input 'x': a size of the result overflows"),
    (
      #"{"name": "x", "type": "f32", "shape": [99999999999999999999]}"#,
      "inputs[0].shape[0]: an integer was expected, found 1e+20"
    ),
    (#"{"name": "x", "type": "f32"}, {"name": "x", "type": "f32"}"#, "two values are called 'x'"),
    (#"{"name": "", "type": "f32"}"#, "a value's name is empty"),
  ])
  func inputs(_ inputs: String, _ message: String) throws {
    let refusal = try refusal(graph(inputs: inputs))
    #expect(refusal?.hasPrefix(message) == true, "\(refusal ?? "")")
  }

  @Test(arguments: [
    (
      #"{"op": "Softmax", "inputs": ["nowhere"], "outputs": ["y"]}"#,
      "node 'y': input 'nowhere': there is no value of this name"
    ),
    (#"{"op": "Softmax", "inputs": ["x"], "outputs": ["x"]}"#, "two values are called 'x'"),
    (#"{"op": "Softmax", "inputs": ["x"], "outputs": []}"#, "node 'Softmax': 'outputs' is empty"),
    (#"{"op": "Softmax", "inputs": ["x"], "outputs": ["a", "b"]}"#, "node 'a': Softmax gives 1 result at most, not 2"),
    (#"{"op": "Softmax", "inputs": [], "outputs": ["y"]}"#, "node 'y': Softmax: input 0 ('data') is missing"),
    (
      #"{"op": "Softmax", "inputs": ["x"], "outputs": ["y"], "attributes": {"axes": 1}}"#,
      "node 'y': Softmax has no attribute 'axes'; it has axis"
    ),
    (
      #"{"op": "Softmax", "inputs": ["x"], "outputs": ["y"], "attributes": {"axis": "1"}}"#,
      "node 'y': attribute 'axis': an integer was expected, found '1'"
    ),
    (
      #"{"op": "Softmax", "inputs": ["x"], "outputs": ["y"], "attributes": {"axis": 1.5}}"#,
      "node 'y': attribute 'axis': an integer was expected, found 1.5"
    ),
    (
      #"{"op": "Softmax", "inputs": ["x"], "outputs": ["y"], "attributes": {"axis": 2}}"#,
      "node 'y': axis 2 is out of range for rank 2"
    ),
    (
      #"{"op": "Softmax", "inputs": ["x"], "outputs": ["y"], "attributes": {"axis": [[1]]}}"#,
      "node 'y': nodes[0].attributes.axis[0]: a number was expected, found a list of 1"
    ),
    (
      #"{"op": "Softmax", "inputs": ["x"], "outputs": ["y"], "types": []}"#,
      "node 'y': 1 results need as many 'types', found 0"
    ),
    (
      #"{"op": "Softmax", "inputs": ["x"], "outputs": ["y"], "types": [{"type": "f32", "shape": [3, 4]}]}"#,
      "node 'y': 'y' is stated to be f32[3, 4], but follows to be f32[2, 4]"
    ),
    (#"{"op": "Parameter", "outputs": ["y"]}"#, "node 'y': 'Parameter' is no operation of a node"),
    (
      #"{"op": "Softmax", "inputs": ["b"], "outputs": ["a"]}, {"op": "Softmax", "inputs": ["a"], "outputs": ["b"]}"#,
      "the graph has a cycle: 'a', 'b' depend on each other"
    ),
    (#"{"op": "Softmax", "inputs": ["a"], "outputs": ["a"]}"#, "the graph has a cycle: 'a' depends on itself"),
    (
      #"{"op": "Softmax", "name": "n", "inputs": ["x"], "outputs": ["a"]}, {"op": "Softmax", "name": "n", "inputs": ["x"], "outputs": ["b"]}"#,
      "two nodes are called 'n'"
    ),
  ])
  func nodes(_ nodes: String, _ message: String) throws {
    let refusal = try refusal(graph(nodes: nodes))
    #expect(refusal?.hasPrefix(message) == true, "\(refusal ?? "")")
  }

  @Test func outputs() throws {
    #expect(try refusal(graph(outputs: #""y""#)) == "output 'y': there is no value of this name")
    #expect(try refusal(graph(outputs: #""x", "x""#)) == "two outputs are called 'x'")
  }

  @Test func unknownOperations() throws {
    let node = #"{"op": "Mystery", "inputs": ["x"], "outputs": ["y"]}"#
    #expect(
      try refusal(graph(nodes: node), kind: .unsupported)
        == "node 'y': the operation 'Mystery' is not known; state the 'types' of its results to keep it as it is")
  }

  @Test(arguments: [
    (#""type": "f32", "shape": [2]"#, "one of 'data', 'random' and 'file' must say what the elements are"),
    (#""type": "f32", "data": 1, "random": {"seed": 1}"#, "one of 'data', 'random' and 'file' must say"),
    (#""data": [1]"#, "'type' is missing"),
    (#""type": "f32", "shape": [3], "data": [1, 2]"#, "the elements are of shape [2], not [3]"),
    (#""type": "f32", "shape": [2, 2], "data": [[1, 2, 3, 4]]"#, "the elements are of shape [1, 4], not [2, 2]"),
    (#""type": "f32", "data": [[1], [1, 2]]"#, "the rows of 'data' differ in shape"),
    (#""type": "f32", "data": [1, [2]]"#, "the rows of 'data' differ in shape"),
    (#""type": "f32", "data": ["one"]"#, "'one' is no element of a tensor"),
    (#""type": "i8", "data": [200]"#, "'200' is no i8"),
    (#""type": "i8", "data": [1.5]"#, "'1.5' is no i8"),
    (#""type": "f32", "data": [true]"#, "'true' is no f32"),
    (#""type": "bool", "data": [1]"#, "'1' is no bool"),
    (#""type": "f32", "shape": [-1], "data": 1"#, "[-1] is no shape"),
    (#""type": "f32", "shape": [1000000, 1000000], "data": 1"#, "f32[1000000, 1000000] has more than 268435456 bytes"),
    (
      #""type": "f32", "shape": [1000000, 1000000], "random": {"seed": 1}"#,
      "f32[1000000, 1000000] has more than 268435456 bytes"
    ),
    (
      #""type": "f32", "shape": [9223372036854775807, 2], "random": {"seed": 1}"#,
      "[9223372036854775807, 2] is no shape"
    ),
    (#""type": "i32", "shape": [1], "random": {"seed": 1}"#, "random numbers are floating-point numbers, not i32"),
    (
      #""file": "../w.safetensors""#, "'../w.safetensors': the file '../w.safetensors' is not inside the model's folder"
    ),
    (#""file": "/etc/passwd""#, "'/etc/passwd': the file '/etc/passwd' is not inside"),
  ])
  func weights(_ weight: String, _ message: String) throws {
    let refusal = try refusal(graph(weights: #"{"name": "w", \#(weight)}"#))
    #expect(refusal?.hasPrefix("weight 'w': \(message)") == true, "\(refusal ?? "")")
  }

  @Test func seedsMustBeSmallEnough() throws {
    let refusal = try refusal(graph(weights: #"{"name": "w", "type": "f32", "shape": [1], "random": {"seed": -1}}"#))
    #expect(refusal?.hasPrefix("weights[0].random.seed: ") == true, "\(refusal ?? "")")
  }

  @Test func missingWeightFiles() throws {
    #expect(
      try refusal(graph(weights: #"{"name": "w", "file": "none.safetensors"}"#), kind: .notFound)?
        .contains("No such file") == true)
  }

  @Test(
    arguments: [
      ("", 0, "no safetensors file: it has 0 bytes"),
      (#"{}"#, 100, "no safetensors file: a header of 100 bytes is claimed, but the file has 10"),
      (#"{}"#, UInt64.max, "no safetensors file: a header of 18446744073709551615 bytes is claimed"),
      (#"[]"#, nil, "header: an object was expected, found a list of 0"),
      (#"{"w": {"dtype": "F32", "shape": [1]}}"#, nil, "header: w: 'data_offsets' is missing"),
      (#"{"w": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}"#, nil, "header: malformed JSON"),
      (#"{"v": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}"#, nil, "there is no tensor 'w'"),
      (
        #"{"w": {"dtype": "F32", "shape": [1], "data_offsets": [0, 12]}}"#, nil,
        "tensor 'w': its offsets [0, 12] are not in the file"
      ),
      (
        #"{"w": {"dtype": "F32", "shape": [1], "data_offsets": [4, 0]}}"#, nil,
        "tensor 'w': its offsets [4, 0] are not in the file"
      ),
      (
        #"{"w": {"dtype": "F32", "shape": [1], "data_offsets": [-4, 0]}}"#, nil,
        "tensor 'w': its offsets [-4, 0] are not in the file"
      ),
      (
        #"{"w": {"dtype": "F32", "shape": [1], "data_offsets": [0]}}"#, nil,
        "tensor 'w': its offsets [0] are not in the file"
      ),
      (
        #"{"w": {"dtype": "F32", "shape": [2], "data_offsets": [0, 4]}}"#, nil,
        "tensor 'w': f32[2] takes 8 bytes, but its offsets are [0, 4]"
      ),
      (#"{"w": {"dtype": "F32", "shape": [-1], "data_offsets": [0, 4]}}"#, nil, "tensor 'w': [-1] is no shape"),
      (
        #"{"w": {"dtype": "F32", "shape": [4294967296, 4294967296], "data_offsets": [0, 4]}}"#, nil,
        "tensor 'w': [4294967296, 4294967296] is no shape"
      ),
      (
        #"{"v": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}, "w": {"dtype": "F32", "shape": [1], "data_offsets": [2, 6]}}"#,
        nil, "tensor 'w': it overlaps another tensor"
      ),
    ] as [(String, UInt64?, String)])
  func safetensorsThatLie(_ header: String, _ length: UInt64?, _ message: String) throws {
    var file = Data()
    if !header.isEmpty {
      file = withUnsafeBytes(of: (length ?? UInt64(header.utf8.count)).littleEndian) { Data($0) } + Data(header.utf8)
      if length == nil { file += Data(count: 8) }
    }
    try folder.write(file, to: "w.safetensors")
    let refusal = try refusal(graph(weights: #"{"name": "w", "file": "w.safetensors"}"#))
    #expect(refusal?.hasPrefix("weight 'w': 'w.safetensors': \(message)") == true, "\(refusal ?? "")")
  }

  @Test func elementTypesOfFilesMustBeKnownAndAsStated() throws {
    let header = #"{"w": {"dtype": "F8_E4M3", "shape": [1], "data_offsets": [0, 1]}}"#
    try folder.write(
      withUnsafeBytes(of: UInt64(header.utf8.count).littleEndian) { Data($0) } + Data(header.utf8) + [0],
      to: "w.safetensors")
    #expect(
      try refusal(graph(weights: #"{"name": "w", "file": "w.safetensors"}"#), kind: .unsupported)
        == "weight 'w': 'w.safetensors': tensor 'w': the element type 'F8_E4M3'")
    let other = #"{"w": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}"#
    try folder.write(
      withUnsafeBytes(of: UInt64(other.utf8.count).littleEndian) { Data($0) } + Data(other.utf8) + Data(count: 4),
      to: "w.safetensors")
    #expect(
      try refusal(graph(weights: #"{"name": "w", "type": "f16", "file": "w.safetensors"}"#))
        == "weight 'w': f16[1] was expected, the file has f32[1]")
  }

  /// Every byte changed, left out or cut off after: an error of one line or a graph, never a trap.
  @Test func damagedDocumentsNeverTrap() throws {
    let text = graph(
      weights:
        #"{"name": "w", "type": "f32", "shape": [2], "data": [1, 2]}, {"name": "r", "type": "f32", "shape": [4], "random": {"seed": 1}}"#,
      nodes: #"{"op": "Softmax", "name": "s", "inputs": ["x"], "outputs": ["y"], "attributes": {"axis": -1}}"#,
      outputs: #""y""#)
    let bytes = Array(text.utf8)
    var generator = SplitMix64(seed: 9)
    for index in bytes.indices {
      var changed = bytes
      changed[index] = UInt8(truncatingIfNeeded: generator.next())
      var shorter = bytes
      shorter.remove(at: index)
      for damaged in [changed, shorter, Array(bytes[..<index])] where !damaged.isEmpty {
        do {
          try Document.read(path: folder.write(Data(damaged), to: "damaged.json")).graph.verify()
        } catch let error as ModelError {
          #expect(!error.message.contains("\n"))
        }
      }
    }
  }
}
