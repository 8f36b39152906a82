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

  /// `layers` attentions, one after the other; in those of `leaking` the weights are an output, too.
  private func layered(_ layers: Int, leaking: Set<Int> = []) throws -> String {
    var nodes: [String] = []
    var outputs: [String] = []
    var value = "hidden"
    for layer in 0..<layers {
      let name = { (part: String) in "\"layer.\(layer)/\(part)\"" }
      nodes += [
        "{\"op\": \"Transpose\", \"inputs\": [\"\(value)\"], \"outputs\": [\(name("kt"))], \"attributes\": {\"perm\": [0, 1, 3, 2]}}",
        "{\"op\": \"MatMul\", \"inputs\": [\"\(value)\", \(name("kt"))], \"outputs\": [\(name("scores"))]}",
        "{\"op\": \"Softmax\", \"inputs\": [\(name("scores"))], \"outputs\": [\(name("weights"))], \"attributes\": {\"axis\": -1}}",
        "{\"op\": \"MatMul\", \"inputs\": [\(name("weights")), \"\(value)\"], \"outputs\": [\(name("sum"))]}",
      ]
      if leaking.contains(layer) { outputs.append(name("weights")) }
      value = "layer.\(layer)/sum"
    }
    let hidden = "{\"name\": \"hidden\", \"type\": \"f32\", \"shape\": [\"batch\", 4, \"length\", 16]}"
    outputs.append("\"\(value)\"")
    let text = """
      {"flashfuse": 1, "name": "layers", "inputs": [\(hidden)], "weights": [], "nodes": [\(nodes.joined(separator: ", "))],
       "outputs": [\(outputs.joined(separator: ", "))]}
      """
    return try folder.write(Data(text.utf8), to: "layers.json")
  }

  @Test func layersThatAreAlikeAreListedTogether() throws {
    let run = try CommandRun("explain", layered(12))
    #expect(run.lines.first == "layers.json: 12 of 12 attentions fused")
    #expect(run.lines.contains { $0.hasPrefix("fused ") && $0.hasSuffix("layer.{0–11}/weights") }, "\(run.output)")
    #expect(run.lines.count == 6, "\(run.output)")
  }

  @Test func whatWasDeclinedComesFirstWithTheNearestMiss() throws {
    let run = try CommandRun("explain", layered(5, leaking: [3]))
    #expect(run.lines.first == "layers.json: 4 of 5 attentions fused; 1 declined: scores-used-elsewhere")
    #expect(run.lines.dropFirst(2).first.map { $0.hasPrefix("declined ") && $0.hasSuffix("layer.3/weights") } == true)
    #expect(run.output.contains("nearest: MatMul → [Softmax] → MatMul\n"), "\(run.output)")
    // Two are too few for a range.
    #expect(run.output.contains("layer.{0–2}/weights\n") && run.output.contains(" layer.4/weights\n"), "\(run.output)")
  }

  @Test func sizesHoldForAllInputsThatHaveThem() throws {
    let run = try CommandRun("run", graph("gpt2.onnx"), "--input", "input_ids=random:2,6", "--json")
    let outputs = try object(run.output)["outputs"] as? [[String: Any]]
    #expect(outputs?.first?["shape"] as? [Int] == [2, 6, 128], "\(run.errors)")
  }

  @Test func openSizesAreAskedForAtOnce() throws {
    let run = try CommandRun("run", graph("bert.xml"))
    #expect(run.status == 64 && run.saysOneError)
    #expect(
      run.errors.contains("--input input_ids=random:8,8 --input attention_mask=random:8,8"), "\(run.errors)")
  }

  @Test func anEndingOfAnotherFormatIsNoted() throws {
    let run = try CommandRun("fuse", graph("bert.xml"), "-o", folder.file("fused.onnx"))
    #expect(run.status == 0 && run.errors.hasPrefix("warning: ") && run.errors.contains("bert.xml"))
    #expect(try CommandRun("fuse", graph("bert.xml"), "-o", folder.file("fused.xml")).errors.isEmpty)
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
      .filter { $0["pass"] as? String == "FlashAttentionFusionPass" }
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
      // The lengths are symbols: there are figures for an example.
      #expect(Set(cost.keys) == ["bytes_unfused", "bytes_fused", "tile", "example"])
      #expect(cost["bytes_unfused"] is NSNull)
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
    let turned = try CommandRun("run", graph("gpt2.onnx"), "--input", "\u{202E}a\u{2028}b=random")
    #expect(turned.saysOneError && !turned.errors.contains("\u{202E}") && !turned.errors.contains("\u{2028}"))
  }

  @Test func longNamesDoNotFillTheTerminal() throws {
    let run = try CommandRun("explain", String(repeating: "a/", count: 1500))
    #expect(run.status == 66 && run.saysOneError)
    #expect(run.errors.count < 1100 && run.errors.contains("…"))
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
