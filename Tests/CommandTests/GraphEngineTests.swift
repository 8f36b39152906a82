import Foundation
import TestSupport
import Testing

/// What people expect who come from Ascend's graph engine.
@Suite struct GraphEngineTests {
  let folder: TemporaryDirectory

  init() throws { folder = try TemporaryDirectory() }

  private func object(_ path: String) throws -> [String: Any] {
    try #require(try JSONSerialization.jsonObject(with: Data(contentsOf: URL(fileURLWithPath: path))) as? [String: Any])
  }

  /// The counts that the decision log at `path` has, as `fusion_result.json` says them.
  private func counts(ofLog path: String) throws -> [String: [String: String]] {
    var result: [String: [String: String]] = [:]
    for pass in try #require(object(path)["passes"] as? [[String: Any]]) {
      let (name, matched, fused) = (pass["name"] as? String, pass["matched"] as? Int, pass["fused"] as? Int)
      if let name, let matched, let fused, matched > 0 {
        result[name] = ["match_times": String(matched), "effect_times": String(fused)]
      }
    }
    return result
  }

  @Test func countsOfEveryGraphReconcileWithItsLog() throws {
    for (index, name) in exportedModels.enumerated() {
      let log = folder.file("\(name).json")
      let run = try CommandRun("fuse", graph(name), "--log", log, in: folder)
      #expect(run.status == 0 && run.errors.isEmpty, "\(run.errors)")
      let results = try object(folder.file("fusion_result.json"))
      #expect(results.count == index + 1)
      let entry = try #require(results["session_and_graph_id_0_\(index)"] as? [String: Any])
      let expected = try counts(ofLog: log)
      #expect(entry["graph_fusion"] as? [String: [String: String]] ?? [:] == expected, "\(name)")
      #expect(Set(entry.keys) == (expected.isEmpty ? [] : ["graph_fusion"]))
    }
  }

  @Test(arguments: [("0", 0), ("1", 1), ("2", 2)])
  func theFileIsWrittenWhenAsked(_ value: String, _ expected: Int) throws {
    let option = expected == 2 ? "--export_compile_stat=\(value)" : "--export-compile-stat=\(value)"
    let failing = try CommandRun("fuse", graph("gpt2.onnx"), "-o", folder.file("none/x.onnx"), option, in: folder)
    #expect(failing.status == 66)
    #expect(try folder.contents() == (expected == 2 ? ["fusion_result.json"] : []))
    let run = try CommandRun("fuse", graph("gpt2.onnx"), option, in: folder)
    #expect(run.status == 0, "\(run.errors)")
    #expect(try folder.contents() == (expected == 0 ? [] : ["fusion_result.json"]))
  }

  @Test func theWorkPathOfAscendIsHonoured() throws {
    let run = try CommandRun("fuse", graph("gpt2.onnx"), in: folder, environment: ["ASCEND_WORK_PATH": "work"])
    #expect(run.status == 0, "\(run.errors)")
    #expect(try folder.contents() == ["work"])
    let process = try #require(FileManager.default.contentsOfDirectory(atPath: folder.file("work/FE")).first)
    #expect(Int(process) != nil)
    #expect(try object(folder.file("work/FE/\(process)/fusion_result.json")).count == 1)
  }

  @Test func aFileOfAnotherKindIsLeftAlone() throws {
    let path = try folder.write("important", to: "fusion_result.json")
    let run = try CommandRun("fuse", graph("gpt2.onnx"), in: folder)
    #expect(run.status == 0 && run.errors.hasPrefix("warning: fusion_result.json: "), "\(run.errors)")
    let asked = try CommandRun("fuse", graph("gpt2.onnx"), "--export-compile-stat", "1", in: folder)
    #expect(asked.status == 65 && asked.saysOneError, "\(asked.errors)")
    #expect(try String(contentsOfFile: path, encoding: .utf8) == "important")
  }

  @Test(
    arguments: [
      #"{"Switch": {"GraphFusion": {"FlashAttentionFusionPass": "off"}}}"#, "FlashAttentionFusionPass:off\n",
      #"{"Switch": {"GraphFusion": {"ALL": "off"}}}"#,
    ])
  func aPassThatIsOffDoesNotRun(_ text: String) throws {
    let switches = try folder.write(text, to: "switches")
    let output = folder.file("out.onnx")
    let run = try CommandRun(
      "fuse", graph("gpt2.onnx"), "--fusion-switch-file", switches, "-o", output, "--log", folder.file("log"),
      in: folder)
    #expect(run.status == 0 && run.output.contains("switched off"), "\(run.errors)")
    let log = try object(folder.file("log"))
    let passes = try #require(log["passes"] as? [[String: Any]])
    #expect(!passes.contains { $0["name"] as? String == "FlashAttentionFusionPass" })
    #expect(passes.isEmpty == text.contains("ALL"))
    #expect((log["switched_off"] as? [String])?.contains("FlashAttentionFusionPass") == true)
    #expect(try counts(ofLog: folder.file("log"))["FlashAttentionFusionPass"] == nil)
    let original = try Data(contentsOf: URL(fileURLWithPath: graph("gpt2.onnx")))
    let isUnchanged = try Data(contentsOf: URL(fileURLWithPath: output)) == original
    #expect(isUnchanged == text.contains("ALL"))
    if isUnchanged {
      #expect(try object(folder.file("fusion_result.json"))["session_and_graph_id_0_0"] as? [String: String] == [:])
    }
    let explained = try CommandRun("explain", graph("gpt2.onnx"), "--fusion_switch_file=\(switches)")
    #expect(explained.status == 0 && explained.output.contains("switched off"))
  }

  @Test(arguments: ["fuse", "explain", "run"])
  func aBadSwitchFileStopsTheCommand(_ command: String) throws {
    let switches = try folder.write("FlashAttentionFusionPass=off", to: "switches")
    let run = try CommandRun(command, graph("gpt2.onnx"), "--fusion-switch-file", switches, in: folder)
    #expect(run.status == 65 && run.saysOneError && run.errors.contains("line 1"), "\(run.errors)")
    #expect(try folder.contents() == ["switches"])
    let missing = try CommandRun(command, graph("gpt2.onnx"), "--fusion-switch-file", folder.file("none"), in: folder)
    #expect(missing.status == 66 && missing.saysOneError, "\(missing.errors)")
  }
}
