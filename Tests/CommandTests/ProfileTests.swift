import Foundation
import TestSupport
import Testing

@Suite struct ProfileTests {
  let folder: TemporaryDirectory

  init() throws { folder = try TemporaryDirectory() }

  private func object(at path: String) throws -> [String: Any] {
    try #require(try JSONSerialization.jsonObject(with: Data(contentsOf: URL(fileURLWithPath: path))) as? [String: Any])
  }

  @Test func aProfileIsTwoTracesAndTheFigures() throws {
    let output = folder.file("a/b")
    let run = try CommandRun(
      "profile", graph("gpt2.onnx"), "--inputs", graph("gpt2.npz"), "--output-dir", output, "--repeat", "1")
    #expect(run.status == 0 && run.errors.isEmpty, "\(run.errors)")
    #expect(run.lines.first == "gpt2.onnx: 2 of 2 attentions fused")
    #expect(run.lines.allSatisfy { $0.count <= 80 }, "\(run.output)")
    let files = try FileManager.default.contentsOfDirectory(atPath: output).sorted()
    #expect(files == ["flash_attention.json", "native_attention.json", "profile.json"])
    for (name, softmaxes, fused) in [("native_attention", 2, 0), ("flash_attention", 0, 2)] {
      let events = try #require(try object(at: "\(output)/\(name).json")["traceEvents"] as? [[String: Any]])
      let slices = events.filter { $0["cat"] as? String == "attention" }.compactMap { $0["name"] as? String }
      #expect(slices.count { $0 == "Softmax" } == softmaxes && slices.count { $0 == "FlashAttention" } == fused)
    }
  }

  @Test func theFiguresHaveTheirKeys() throws {
    let output = folder.file("out")
    let run = try CommandRun(
      "profile", graph("bert.xml"), "--inputs", graph("bert.npz"), "--output-dir", output, "--repeat", "1", "--json",
      "--report", folder.file("report.html"))
    #expect(run.status == 0, "\(run.errors)")
    let figures = try object(at: "\(output)/profile.json")
    #expect(run.output == (try String(contentsOfFile: "\(output)/profile.json", encoding: .utf8)))
    #expect(
      Set(figures.keys) == [
        "flashfuse", "model", "threads", "instruction_set", "peak_operations_per_second", "native", "fused", "outputs",
      ])
    let native = try #require(figures["native"] as? [String: Any])
    #expect(
      Set(native.keys) == [
        "seconds", "activation_bytes", "scratch_bytes", "steps", "bytes_moved", "operations", "attention", "kinds",
      ])
    #expect(try String(contentsOfFile: folder.file("report.html"), encoding: .utf8).hasPrefix("<!doctype html>"))
  }

  @Test(arguments: [[], ["--no-fuse"]])
  func aRunCanBeTraced(_ flags: [String]) throws {
    let path = folder.file("trace.json")
    let run = try CommandRun(["run", graph("gpt2.onnx"), "--inputs", graph("gpt2.npz"), "--trace", path] + flags)
    #expect(run.status == 0, "\(run.errors)")
    let events = try #require(try object(at: path)["traceEvents"] as? [[String: Any]])
    #expect(events.contains { $0["name"] as? String == "FlashAttention" } == flags.isEmpty)
  }

  @Test func theReportOfAFusionIsAFile() throws {
    let path = folder.file("report.html")
    let run = try CommandRun("fuse", graph("not-attention.json"), "--report", path)
    #expect(run.status == 0 && run.errors.isEmpty, "\(run.errors)")
    #expect(try String(contentsOfFile: path, encoding: .utf8).contains("scores-used-elsewhere"))
  }

  @Test func aFolderThatCannotBeMadeIsAnError() throws {
    let file = try folder.write("", to: "file")
    let run = try CommandRun(
      "profile", graph("gpt2.onnx"), "--inputs", graph("gpt2.npz"), "--output-dir", "\(file)/below", "--repeat", "1")
    #expect(run.status == 66 && run.saysOneError)
  }
}
