import Foundation
import GraphIR
import Operations
import Rewriting
import Tensors
import TestSupport
import Testing

@testable import Reporting

@Suite struct ReportTests {
  private func report(
    _ model: ProfiledModel, named name: String = "attention.json", profiled: Bool = true
  ) throws -> String {
    let report = Report(
      model: name, format: "json", headline: "1 of 1 attention fused", before: model.before, after: model.after,
      log: model.log,
      profiles: profiled ? (native: model.native, fused: model.fused, comparison: model.comparison) : nil)
    return String(decoding: try report.html(), as: UTF8.self)
  }

  /// What the page's scripts read.
  private func data(of page: String) throws -> [String: Any] {
    let start = try #require(page.range(of: "id=\"data\">"))
    let end = try #require(page.range(of: "</script>", range: start.upperBound..<page.endIndex))
    let text = page[start.upperBound..<end.lowerBound]
    return try #require(try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any])
  }

  @Test(arguments: [false, true])
  func thePageNeedsNothingElse(_ profiled: Bool) throws {
    let page = try report(try ProfiledModel(), profiled: profiled)
    #expect(
      !page.contains("{{") && !page.contains("src=") && !page.contains("<link rel=\"stylesheet")
        && !page.contains("@import"))
    #expect(page.contains("Permission is hereby granted"))
    let data = try data(of: page)
    #expect((data["profile"] != nil) == profiled)
    #expect((data["timelines"] as? [Any])?.count == (profiled ? 2 : 0))
  }

  @Test func namesCannotEndTheData() throws {
    let name = "</script><script>alert(1)</script>{{data}}"
    let page = try report(try ProfiledModel(), named: name)
    #expect(!page.contains("<script>alert(1)"))
    #expect(try data(of: page)["model"] as? String == name)
  }

  @Test func everyNodeThatRunsIsShown() throws {
    let model = try ProfiledModel()
    let graph = ReportGraph(model.before, regions: AttentionRegions(model.log), decisions: [:])
    for step in model.native.steps { #expect(graph.index[step.node] != nil, "\(step.name)") }
    #expect(graph.nodes.allSatisfy { node in node.inputs.allSatisfy { $0.node != nil || $0.constant != nil } })
    #expect(graph.outputs.map(\.name) == ["output"])
  }
}

@Suite struct GraphOutlineTests {
  @Test func groupsNeverDependOnEachOtherInACycle() throws {
    let model = try ProfiledModel()
    let outline = GraphOutline(model.before, regions: AttentionRegions(model.log))
    #expect(outline.groups.map(\.decision) == [nil, 0, nil])
    for id in outline.nodes {
      guard let group = outline.groupOf[id] else { continue }
      for input in model.before[id].inputs {
        guard let input, let other = outline.groupOf[input.node] else { continue }
        #expect(other <= group)
      }
    }
  }

  @Test func longGroupsAreSplit() throws {
    var graph = Graph()
    var value = try graph.addInput(["x"], TensorType(.float32, [4]))
    for _ in 0..<150 { value = try graph.insert(Exp(), [value]) }
    graph.addOutput(["y"], value)
    let outline = GraphOutline(graph, regions: .none)
    #expect(outline.groups.map(\.members.count) == [50, 50, 50])
    #expect(outline.nodes.count == 151)
  }
}
