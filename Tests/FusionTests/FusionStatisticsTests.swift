import Foundation
import Fusion
import GraphIR
import Rewriting
import Tensors
import TestSupport
import Testing

/// Decides what it is told to.
private struct DecidedPass: FusionPass {
  let name: String
  let verdicts: [FusionDecision.Verdict]

  func run(on graph: inout Graph) throws -> [FusionDecision] {
    verdicts.map { FusionDecision(pass: name, verdict: $0, anchor: name) }
  }
}

@Suite struct FusionStatisticsTests {
  private func log(_ passes: [(String, [FusionDecision.Verdict])]) throws -> FusionLog {
    var graph = Graph(name: "empty")
    return try FusionPipeline(passes.map(DecidedPass.init)).run(on: &graph)
  }

  @Test func countsAreTextsUnderSortedKeys() throws {
    var statistics = FusionStatistics()
    statistics.add(
      try log([
        ("SecondFusionPass", [.fused, .declined, .fused, .notAttention, .alreadyFused]),
        ("FirstFusionPass", [.declined]), ("IdleFusionPass", []), ("SeesFusionPass", [.notAttention, .alreadyFused]),
      ]))
    expectEqualText(
      String(decoding: try statistics.json(), as: UTF8.self),
      """
      {
          "session_and_graph_id_0_0": {
              "graph_fusion": {
                  "FirstFusionPass": {
                      "effect_times": "0",
                      "match_times": "1"
                  },
                  "SecondFusionPass": {
                      "effect_times": "2",
                      "match_times": "3"
                  }
              }
          }
      }

      """)
  }

  @Test func aGraphInWhichNothingMatchedHasNoCounts() throws {
    var statistics = FusionStatistics()
    statistics.add(try log([("IdleFusionPass", [])]))
    #expect(String(decoding: try statistics.json(), as: UTF8.self) == "{\n    \"session_and_graph_id_0_0\": {}\n}\n")
  }

  @Test func whatIsThereStays() throws {
    let earlier = """
      {
          "session_and_graph_id_0_1": {
              "ub_fusion": {
                  "Üb/\\"Pass\\"": {
                      "effect_times": "1",
                      "match_times": "1",
                      "repository_hit_times": "0"
                  }
              }
          },
          "session_and_graph_id_4_0": {}
      }

      """
    var statistics = try FusionStatistics(parsing: Data(earlier.utf8))
    expectEqualText(String(decoding: try statistics.json(), as: UTF8.self), earlier)
    for _ in 0..<2 { statistics.add(try log([("AFusionPass", [.fused])])) }
    let merged = try #require(try JSONSerialization.jsonObject(with: statistics.json()) as? [String: Any])
    #expect(merged.keys.sorted() == [0, 1, 2].map { "session_and_graph_id_0_\($0)" } + ["session_and_graph_id_4_0"])
  }

  @Test(arguments: ["", "[]", "3", "{", #"{"session_and_graph_id_0_0": 3}"#])
  func otherFilesAreRefused(_ text: String) {
    let error = #expect(throws: ModelError.self) { try FusionStatistics(parsing: Data(text.utf8)) }
    #expect(error?.kind == .invalid)
  }
}
