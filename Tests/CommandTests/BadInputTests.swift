import Foundation
import TestSupport
import Testing

/// Models that are broken in one place: each ends in one line, the right exit code, and nothing written.
@Suite struct BadInputTests {
  /// A good model in which `good` is replaced with `bad`, and what `flashfuse` must say of it.
  struct Case: Sendable, CustomTestStringConvertible {
    let model: GoodModel
    let good: String
    let bad: String
    let message: String
    var status: Int32 = 65
    var isRun = false

    init(_ model: GoodModel, _ good: String, _ bad: String, _ message: String, status: Int32 = 65, isRun: Bool = false)
    {
      self.model = model
      self.good = good
      self.bad = bad
      self.message = message
      self.status = status
      self.isRun = isRun
    }

    var testDescription: String { "\(model): \(message)" }
  }

  private static let openVINO: [Case] = [
    Case(.openVINO, "</edges>", "", "the XML is broken"),
    Case(.openVINO, "</net>", "", "the XML is broken"),
    Case(.openVINO, "offset=\"0\"", "offset=\"8\"", "model.bin"),
    Case(.openVINO, "offset=\"0\"", "offset=\"9223372036854775807\"", "model.bin"),
    Case(.openVINO, "offset=\"0\"", "offset=\"-16\"", "offset"),
    Case(.openVINO, "size=\"16\"", "size=\"12\"", "12"),
    Case(.openVINO, "shape=\"4\" offset", "shape=\"4611686018427387904,4\" offset", "no shape"),
    Case(.openVINO, "shape=\"?,4\"", "shape=\"4611686018427387904,4\"", "no shape"),
    Case(.openVINO, "element_type=\"f32\" shape=\"4\"", "element_type=\"f33\" shape=\"4\"", "f33"),
    Case(.openVINO, "from-layer=\"0\" from-port=\"0\"", "from-layer=\"3\" from-port=\"1\"", "cycle"),
    Case(.openVINO, "from-layer=\"0\"", "from-layer=\"9\"", "does not exist"),
    Case(.openVINO, "to-layer=\"4\"", "to-layer=\"9\"", "does not exist"),
    Case(.openVINO, "id=\"3\"", "id=\"2\"", "same id"),
    Case(.openVINO, "type=\"Add\"", "type=\"Mystery\"", "Mystery", status: 69, isRun: true),
    Case(
      .openVINO, "auto_broadcast=\"numpy\"", "auto_broadcast=\"pdpd\"", "sum: Add (opset1): its attributes or ports",
      status: 69, isRun: true),
    Case(.openVINO, "\"f32\" shape=\"4\"", "\"u4\" shape=\"4\"", "size is 16, but u4[4] has 2 bytes"),
    Case(
      .openVINO, "\"f32\" shape=\"4\"", "\"u3\" shape=\"4\"", "w: Const (opset1): elements of type u3 are not",
      status: 69, isRun: true),
    Case(
      .openVINO, "<?xml version=\"1.0\"?>",
      """
      <?xml version="1.0"?><!DOCTYPE net [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">
      <!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;"><!ENTITY d "&c;&c;&c;&c;&c;&c;&c;&c;&c;&c;">]>
      """, "document type declaration"),
  ]

  private static let onnx: [Case] = [
    Case(.onnxJSON, "\"output\": [{", "\"output\": [", "malformed"),
    Case(.onnxJSON, "\"model.bin\"", "\"../outside.bin\"", "not inside the model's folder"),
    Case(.onnxJSON, "\"model.bin\"", "\"/etc/hostname\"", "not inside the model's folder"),
    Case(.onnxJSON, "\"model.bin\"", "\"none.bin\"", "none.bin", status: 66),
    Case(.onnxJSON, "\"value\": \"0\"", "\"value\": \"8\"", "offset 8"),
    Case(.onnxJSON, "\"value\": \"0\"", "\"value\": \"9223372036854775807\"", "offset"),
    Case(.onnxJSON, "[\"4\"]", "[\"4611686018427387904\", \"4\"]", "no shape"),
    Case(.onnxJSON, "[\"4\"]", "[\"-4\"]", "no shape"),
    Case(.onnxJSON, "[\"x\", \"w\"]", "[\"y\", \"w\"]", "cycle"),
    Case(.onnxJSON, "[\"x\", \"w\"]", "[\"nowhere\", \"w\"]", "nowhere"),
    Case(.onnxJSON, "\"output\": [\"s\"]", "\"output\": [\"x\"]", "'x'"),
    Case(.onnxJSON, "\"opType\": \"Add\"", "\"opType\": \"Mystery\"", "Mystery", status: 69, isRun: true),
    Case(.onnxJSON, "\"dataType\": 1", "\"dataType\": 7", "w"),
    Case(
      .onnxJSON, "\"dataType\": 1", "\"dataType\": 20", "w: Initializer: elements of type float8E5M2Fnuz are not",
      status: 69,
      isRun: true),
  ]

  private static let json: [Case] = [
    Case(.json, "\"outputs\": [\"y\"]", "\"outputs\": [\"y\"", "malformed JSON"),
    Case(.json, "\"model.safetensors\"", "\"../outside.safetensors\"", "not inside the model's folder"),
    Case(.json, "\"model.safetensors\"", "\"none.safetensors\"", "none.safetensors", status: 66),
    Case(.json, "\"shape\": [4]", "\"shape\": [5]", "f32[5] was expected"),
    Case(.json, "[\"n\", 4]", "[4611686018427387904, 4]", "no shape"),
    Case(.json, "[\"x\", \"w\"]", "[\"y\", \"w\"]", "cycle"),
    Case(.json, "[\"x\", \"w\"]", "[\"nowhere\", \"w\"]", "'nowhere'"),
    Case(.json, "\"outputs\": [\"s\"]", "\"outputs\": [\"x\"]", "two values are called 'x'"),
    Case(.json, "\"name\": \"soft\"", "\"name\": \"sum\"", "two nodes are called 'sum'"),
    Case(.json, "\"type\": \"f32\", \"shape\": [\"n\"", "\"type\": \"f16\", \"shape\": [\"n\"", "f16"),
    Case(.json, "\"type\": \"f32\"", "\"type\": \"f33\"", "'f33' is no element type"),
    Case(.json, "\"op\": \"Add\"", "\"op\": \"Mystery\"", "'Mystery' is not known", status: 69),
  ]

  /// A folder with `text` as `model`, the weights of all formats, and a file where the output would go.
  private func folder(with text: String, as model: GoodModel) throws -> TemporaryDirectory {
    let folder = try TemporaryDirectory()
    try folder.write(text, to: model.rawValue)
    let weights = [Float(1), 2, 3, 4].withUnsafeBytes { Data($0) }
    try folder.write(weights, to: "model.bin")
    let header = #"{"w": {"dtype": "F32", "shape": [4], "data_offsets": [0, 16]}}"#
    let length = withUnsafeBytes(of: UInt64(header.utf8.count).littleEndian) { Data($0) }
    try folder.write(length + Data(header.utf8) + weights, to: "model.safetensors")
    for name in ["out.xml", "out.bin", "out.json"] { try folder.write("precious", to: name) }
    return folder
  }

  private func arguments(_ model: GoodModel, in folder: TemporaryDirectory, isRun: Bool) -> [String] {
    isRun
      ? [
        "run", folder.file(model.rawValue), "--no-fuse", "--input", "x=random:2,4", "--outputs", folder.file("out.npz"),
      ]
      : ["fuse", folder.file(model.rawValue), "-o", folder.file(model == .openVINO ? "out.xml" : "out.json")]
  }

  @Test(arguments: GoodModel.allCases)
  func modelsAreGoodBeforeTheyAreBroken(_ model: GoodModel) throws {
    let folder = try folder(with: model.text, as: model)
    for isRun in [false, true] {
      let result = try CommandRun(arguments(model, in: folder, isRun: isRun))
      #expect(result.status == 0)
    }
    let output = folder.file(model == .openVINO ? "out.xml" : "out.json")
    #expect(try String(contentsOfFile: output, encoding: .utf8) != "precious")
    #expect(FileManager.default.fileExists(atPath: folder.file("out.npz")))
  }

  @Test(arguments: openVINO + onnx + json)
  func isRefused(_ broken: Case) throws {
    let text = broken.model.text.replacing(broken.good, with: broken.bad, maxReplacements: 1)
    try #require(text != broken.model.text)
    let folder = try folder(with: text, as: broken.model)
    let before = try contents(of: folder)
    let result = try CommandRun(arguments(broken.model, in: folder, isRun: broken.isRun))
    expectRefusal(result, status: broken.status, broken.message)
    #expect(result.errors.contains(broken.model.rawValue) || broken.isRun)
    #expect(result.output.isEmpty)
    #expect(try contents(of: folder) == before)
  }

  @Test func missingAndShortWeights() throws {
    let folder = try folder(with: GoodModel.openVINO.text, as: .openVINO)
    let command = arguments(.openVINO, in: folder, isRun: false)
    try folder.write(Data(count: 15), to: "model.bin")
    expectRefusal(try CommandRun(command), status: 65, "model.bin")
    try FileManager.default.removeItem(atPath: folder.file("model.bin"))
    expectRefusal(try CommandRun(command), status: 66, "model.bin")
    #expect(try String(contentsOfFile: folder.file("out.xml"), encoding: .utf8) == "precious")
  }

  @Test func filesThatAreNoModels() throws {
    let folder = try TemporaryDirectory()
    for (contents, status) in [
      ("", 65), ("hello", 65), ("<html></html>", 65), ("{}", 65), ("[1]", 65), ("\u{8}\u{7F}", 65),
    ] {
      let path = try folder.write(contents, to: "file")
      expectRefusal(
        try CommandRun(["explain", path]), status: Int32(status), "file")
    }
    expectRefusal(try CommandRun(["explain", folder.file("none")]), status: 66, "none")
    expectRefusal(try CommandRun(["explain", folder.path]), status: 66, "not a regular file")
    expectRefusal(try CommandRun(["explain"]), status: 64, "MODEL")
  }

  @Test func anOutputThatCannotBeWrittenIsAnError() throws {
    let folder = try folder(with: GoodModel.json.text, as: .json)
    let result = try CommandRun(["fuse", folder.file("model.json"), "-o", folder.file("none/out.json")])
    expectRefusal(result, status: 66, "none/out.json")
  }

  private func contents(of folder: TemporaryDirectory) throws -> [String: Data] {
    Dictionary(
      uniqueKeysWithValues: try folder.contents().map {
        ($0, try Data(contentsOf: URL(fileURLWithPath: folder.file($0))))
      })
  }

  private func expectRefusal(
    _ run: CommandRun, status: Int32, _ message: String, sourceLocation: SourceLocation = #_sourceLocation
  ) {
    #expect(run.status == status, "\(run.errors)", sourceLocation: sourceLocation)
    #expect(run.errors.contains(message), sourceLocation: sourceLocation)
    #expect(run.saysOneError, "\(run.errors)", sourceLocation: sourceLocation)
  }
}
