import Foundation
import TestSupport
import Testing

@testable import Reporting

@Suite struct TraceFileTests {
  private func events(_ profile: RunProfile, of model: ProfiledModel) throws -> [[String: Any]] {
    let data = try TraceFile(profile, title: "test", peak: model.peak, log: model.log).json()
    let file = try #require(try JSONSerialization.jsonObject(with: data) as? [String: Any])
    return try #require(file["traceEvents"] as? [[String: Any]])
  }

  private func names(_ events: [[String: Any]], category: String) -> [String] {
    events.filter { $0["cat"] as? String == category }.compactMap { $0["name"] as? String }
  }

  @Test func theNativeTraceHasThePartsAndTheFusedOneASingleSlice() throws {
    let model = try ProfiledModel()
    let native = names(try events(model.native, of: model), category: "attention")
    #expect(native == ["MatMul+Div+Add", "Softmax", "MatMul"])
    let fused = names(try events(model.fused, of: model), category: "attention")
    #expect(fused.filter { $0 == "FlashAttention" }.count == 1 && !fused.contains("Softmax"))
  }

  @Test func everyEventHasWhatItsPhaseAsksFor() throws {
    let model = try ProfiledModel()
    let events = try events(model.native, of: model)
    for event in events {
      #expect(event["name"] is String && event["pid"] is Int && event["tid"] is Int)
      switch event["ph"] as? String {
      case "X":
        #expect((event["ts"] as? Double ?? -1) >= 0 && (event["dur"] as? Double ?? -1) >= 0 && event["cat"] is String)
      case "C": #expect(event["ts"] is Double && (event["args"] as? [String: Double])?["bytes"] != nil)
      case "M": #expect((event["args"] as? [String: String])?["name"] != nil)
      default: Issue.record("an event of phase \(event["ph"] ?? "none")")
      }
    }
    #expect(events.filter { $0["ph"] as? String == "X" && $0["tid"] as? Int == 1 }.count == model.native.steps.count)
  }

  @Test func slicesOfATrackDoNotOverlap() throws {
    let model = try ProfiledModel()
    var ends: [Int: Double] = [:]
    for event in try events(model.fused, of: model) where event["ph"] as? String == "X" {
      let track = try #require(event["tid"] as? Int)
      let (start, duration) = (try #require(event["ts"] as? Double), try #require(event["dur"] as? Double))
      #expect(start >= ends[track, default: 0] - 1e-6)
      ends[track] = start + duration
    }
    #expect(ends.keys.contains(1) && ends.count > 1, "one track for steps, and one for each thread that worked")
  }

  @Test func theSoftmaxWritesOverItsScores() throws {
    let model = try ProfiledModel(batch: 2)
    let slices = try events(model.native, of: model).filter { $0["cat"] as? String == "attention" }
    let overwritten = slices.map { ($0["args"] as? [String: Any])?["overwritten_bytes"] as? Double }
    #expect(overwritten == [nil, Double(2 * 4 * 24 * 24 * 4), nil])
  }

  @Test func onlyWhatIsNeededIsAlive() throws {
    let model = try ProfiledModel(batch: 2)
    let peak = model.native.statistics.activationBytes
    let alive = model.native.steps.map(\.liveBytes)
    #expect(alive.allSatisfy { (0...peak).contains($0) })
    let scores = 2 * 4 * 24 * 24 * 4
    let softmax = try #require(model.native.steps.firstIndex { $0.kind == "Softmax" })
    #expect(alive[softmax] >= scores)
    #expect(try #require(alive.last) < alive[softmax], "after the attention its scores are gone: \(alive)")
  }

  @Test func aSliceSaysWhatItDid() throws {
    let model = try ProfiledModel(batch: 2)
    let slice = try #require(try events(model.fused, of: model).first { $0["name"] as? String == "FlashAttention" })
    let arguments = try #require(slice["args"] as? [String: Any])
    #expect(arguments["outputs"] as? [String] == ["f32[2, 4, 24, 16]"])
    #expect(arguments["flops"] as? Double == Double(2 * 2 * 4 * 24 * 24 * 32))
    #expect((arguments["sources"] as? [String] ?? []).contains("attention/softmax"))
    #expect(arguments["attention"] as? String == "attention/softmax")
    let (speed, share) = (arguments["gflops_per_second"] as? Double ?? 0, arguments["share_of_peak"] as? Double ?? 0)
    #expect(speed > 0 && abs(share - speed * 1e9 / model.peak) < 1e-9 * max(share, 1))
  }
}
