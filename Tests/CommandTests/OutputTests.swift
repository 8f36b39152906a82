import Foundation
import Tensors
import TestSupport
import Testing

@Suite struct OutputTests {
  let folder: TemporaryDirectory

  init() throws { folder = try TemporaryDirectory() }

  private func object(_ text: String) throws -> [String: Any] {
    try #require(try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any])
  }

  @Test(arguments: exportedModels)
  func theExplanationFits80Columns(_ name: String) throws {
    let run = try CommandRun("explain", graph(name))
    #expect(run.status == 0)
    #expect(run.lines.allSatisfy { $0.count <= 80 }, "\(run.output)")
    #expect(run.lines.first?.hasPrefix("\(name): ") == true)
  }

  @Test func aComparisonFits80Columns() throws {
    let run = try CommandRun("run", graph("bert.xml"), "--inputs", graph("bert.npz"), "--compare")
    #expect(run.status == 0)
    #expect(run.lines.allSatisfy { $0.count <= 80 }, "\(run.output)")
    #expect(run.output.contains("2 of 2 attentions fused"))
  }

  @Test func theLogHasTheFixedKeys() throws {
    let path = folder.file("log.json")
    let run = try CommandRun("fuse", graph("bert.xml"), "--log", path)
    #expect(run.status == 0 && run.output == "bert.xml: 2 of 2 attentions fused\n")
    let text = try String(contentsOfFile: path, encoding: .utf8)
    let log = try object(text)
    #expect(Set(log.keys) == ["flashfuse", "model", "format", "passes", "decisions"])
    #expect(log["model"] as? String == "bert.xml" && log["format"] as? String == "openvino")
    let pass = try #require(
      (log["passes"] as? [[String: Any]])?.first { $0["name"] as? String == "FlashAttentionFusionPass" })
    #expect(pass["matched"] as? Int == 2 && pass["fused"] as? Int == 2)
    let decisions = try #require(log["decisions"] as? [[String: Any]])
    #expect(decisions.count == 2)
    for decision in decisions {
      #expect(
        Set(decision.keys) == ["pass", "verdict", "anchor", "nodes", "result", "attention", "cost"])
      #expect(decision["verdict"] as? String == "fused")
      let attention = try #require(decision["attention"] as? [String: Any])
      #expect(
        Set(attention.keys) == [
          "query", "key", "value", "heads", "kv_heads", "scale", "causal", "mask", "softcap", "window", "sinks",
        ])
      #expect(attention["heads"] as? Int == 4 && attention["softcap"] is NSNull)
      let cost = try #require(decision["cost"] as? [String: Any])
      #expect(Set(cost.keys) == ["bytes_unfused", "bytes_fused", "tile"])
    }
    let explained = try CommandRun("explain", graph("bert.xml"), "--json")
    #expect(explained.output == text)
  }

  @Test func aReasonHasACodeAndAMessage() throws {
    let log = try object(CommandRun("explain", graph("classifier.onnx"), "--json").output)
    let decision = try #require((log["decisions"] as? [[String: Any]])?.first)
    #expect(decision["verdict"] as? String == "not-attention" && decision["attention"] == nil)
    let reason = try #require(decision["reason"] as? [String: Any])
    #expect(reason["code"] is String && reason["message"] is String)
  }

  @Test(arguments: [[], ["--no-fuse"]])
  func outputsAreWrittenUnderTheirNames(_ flags: [String]) throws {
    let path = folder.file("out.npz")
    let run = try CommandRun(["run", graph("gpt2.onnx"), "--inputs", graph("gpt2.npz"), "--outputs", path] + flags)
    #expect(run.status == 0, "\(run.errors)")
    let (actual, expected) = (
      try NumPyArchive(contentsOfFile: path), try NumPyArchive(contentsOfFile: graph("gpt2.npz"))
    )
    #expect(actual.names == ["logits"])
    let pairs = zip(
      try actual.array(named: "logits").tensor().values(as: Float.self),
      try expected.array(named: "logits").tensor().values(as: Float.self))
    #expect(pairs.allSatisfy { abs($0 - $1) < 1e-4 })
  }

  @Test func randomInputsAreTheSameForTheSameSeed() throws {
    func outputs(_ seed: String) throws -> Data {
      let path = folder.file("out.npz")
      let run = try CommandRun(
        "run", graph("gpt2.onnx"), "--input", "input_ids=random:1,6", "--input", "attention_mask=random:1,6", "--seed",
        seed, "--outputs", path)
      #expect(run.status == 0, "\(run.errors)")
      return try Data(contentsOf: URL(fileURLWithPath: path))
    }
    let first = try outputs("1")
    #expect(try outputs("1") == first)
    #expect(try outputs("2") != first)
  }

  @Test func inputsAreReadFromSingleFiles() throws {
    let inputs = try NumPyArchive(contentsOfFile: graph("gpt2.npz"))
    var arguments = ["run", graph("gpt2.onnx"), "--json"]
    for name in ["input_ids", "attention_mask"] {
      let path = folder.file("\(name).npy")
      try inputs.array(named: name).tensor().write(toFile: path)
      arguments += ["--input", "\(name)=\(path)"]
    }
    let figures = try object(CommandRun(arguments).output)
    #expect((figures["run"] as? [String: Any])?["activation_bytes"] as? Int ?? 0 > 0)
  }

  @Test func namesCannotCommandTheTerminal() throws {
    let run = try CommandRun("run", graph("gpt2.onnx"), "--input", "\u{1B}[2J=random")
    #expect(run.status == 64 && run.saysOneError)
    #expect(!run.errors.contains("\u{1B}"))
  }

  @Test func thePlanReproducesThePublishedFigures() throws {
    let plan = try object(
      CommandRun("plan", "--shape", "4,32,4096,64", "--dtype", "f16", "--device", "ascend-910b", "--json").output)
    let (unfused, fused) = (plan["bytes_unfused"] as? Double ?? 0, plan["bytes_fused"] as? Double ?? 0)
    #expect(abs(unfused - 34.6e9) < 0.1e9)
    #expect(abs(fused - 5.9e9) < 0.1e9)
  }

  @Test func theAttentionBenchmarkHasTheFixedKeys() throws {
    let run = try CommandRun(
      "bench", "attention", "--heads", "2", "--query-length", "32", "--head-dim", "16", "--repeat", "2", "--threads",
      "1",
      "--json", environment: ["FLASHFUSE_INSTRUCTION_SET": "portable"])
    let figures = try object(run.output)
    #expect(
      Set(figures.keys) == [
        "median_seconds", "min_seconds", "gflops", "peak_gflops", "extra_bytes", "threads", "instruction_set",
      ])
    #expect(figures["threads"] as? Int == 1 && figures["instruction_set"] as? String == "portable")
    #expect(figures["peak_gflops"] as? Double ?? 0 > 0)
  }

  @Test func theBenchmarkOfFewQueriesTellsTheBandwidth() throws {
    let run = try CommandRun(
      "bench", "attention", "--heads", "2", "--query-length", "1", "--key-length", "64", "--head-dim", "16", "--repeat",
      "1", "--json")
    let figures = try object(run.output)
    #expect(figures["bytes_per_second"] as? Double ?? 0 > 0)
    #expect(figures["peak_bytes_per_second"] as? Double ?? 0 > 0)
  }

  @Test func theModelBenchmarkHasTheFixedKeys() throws {
    let run = try CommandRun(
      "bench", "model", graph("gpt2.onnx"), "--inputs", graph("gpt2.npz"), "--repeat", "1", "--json")
    let figures = try object(run.output)
    #expect(
      Set(figures.keys) == [
        "median_seconds", "min_seconds", "extra_bytes", "activation_bytes", "threads", "instruction_set",
      ])
  }
}
