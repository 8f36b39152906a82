import CReportResources
import Foundation
import GraphIR
import Rewriting
import Tensors

/// A model's fusion, and where it was profiled its runs, as one HTML file that needs nothing else.
package struct Report {
  private let title: String
  private let contents: Contents

  /// - Parameters:
  ///   - headline: what was fused, in a sentence
  ///   - profiles: the runs of both graphs, and what they are summed up in
  package init(
    model: String, format: String, headline: String, before: Graph, after: Graph, log: FusionLog,
    profiles: (native: RunProfile, fused: RunProfile, comparison: ProfileComparison)? = nil
  ) {
    title = "\(model): \(headline)"
    let regions = AttentionRegions(log)
    let results = log.decisions.enumerated().compactMap { index, decision in decision.result.map { ($0, index) } }
    let decisions = Dictionary(results) { first, _ in first }
    let (native, fused) = (
      ReportGraph(before, regions: regions, decisions: [:]), ReportGraph(after, regions: regions, decisions: decisions)
    )
    contents = Contents(
      flashfuse: FlashFuseVersion.current, model: model, format: format, headline: headline,
      decisions: log.decisions, attentionPass: FusionDecision.attentionPass, before: native, after: fused,
      profile: profiles?.comparison,
      timelines: profiles.map { [Timeline($0.native, in: native), Timeline($0.fused, in: fused)] } ?? [])
  }

  /// The file.
  package func html() throws -> Data {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    encoder.nonConformingFloatEncodingStrategy = .convertToString(
      positiveInfinity: "inf", negativeInfinity: "-inf", nan: "nan")
    // The data stands inside an element, which nothing in it may end.
    let data = String(decoding: try encoder.encode(contents), as: UTF8.self).replacing("<", with: "\\u003C")
    let page = try Self.resource("page.html")
    let styles = try ["page.css", "graph.css"].map(Self.resource).joined()
    let scripts = try [
      "format.js", "straighten.js", "layout.js", "graph.js", "details.js", "search.js", "summary.js", "timeline.js",
      "page.js",
    ].map(Self.resource).joined(separator: "\n")
    let parts = [
      "title": Self.escaped(title), "styles": styles, "dagre": try Self.resource("dagre.js"),
      "license": try Self.resource("dagre-license"), "data": data, "scripts": scripts,
    ]
    // One pass: what is put in is not searched again.
    var text = ""
    for (index, part) in page.components(separatedBy: "{{").enumerated() {
      guard index > 0, let end = part.range(of: "}}"), let value = parts[String(part[..<end.lowerBound])] else {
        text += index > 0 ? "{{\(part)" : part
        continue
      }
      text += value + part[end.upperBound...]
    }
    return Data(text.utf8)
  }

  private static func resource(_ name: String) throws -> String {
    let resource = report_resource_named(name)
    guard let bytes = resource.bytes else { throw ModelError.invalid("the report's part \(name) is missing") }
    return String(decoding: UnsafeBufferPointer(start: bytes, count: resource.count), as: UTF8.self)
  }

  private static func escaped(_ text: String) -> String {
    text.replacing("&", with: "&amp;").replacing("<", with: "&lt;").replacing(">", with: "&gt;")
  }
}

extension Report {
  /// What the page's scripts read.
  fileprivate struct Contents: Encodable {
    let flashfuse: String
    let model: String
    let format: String
    let headline: String
    let decisions: [FusionDecision]
    let attentionPass: String
    let before: ReportGraph
    let after: ReportGraph
    let profile: ProfileComparison?
    let timelines: [Timeline]
  }

  /// The steps of a run, field by field: a model may have thousands.
  fileprivate struct Timeline: Encodable {
    let kinds: [String]
    let names: [String]
    let nodes: [Int?]
    /// All nodes that a step computes.
    let members: [[Int]]
    /// Microseconds.
    let starts: [Double]
    let durations: [Double]
    let operations: [Double]
    let bytes: [Double]
    let liveBytes: [Int]
    let types: [String]
    let attentions: [Int?]
    let seconds: Double

    init(_ profile: RunProfile, in graph: ReportGraph) {
      let steps = profile.steps
      kinds = steps.map(\.kind)
      names = steps.map(\.name)
      nodes = steps.map { graph.index[$0.node] }
      members = steps.map { $0.members.compactMap { graph.index[$0] } }
      starts = steps.map { Self.micro($0.start) }
      durations = steps.map { Self.micro($0.duration) }
      operations = steps.map(\.work.operations)
      bytes = steps.map(\.work.bytes)
      liveBytes = steps.map(\.liveBytes)
      types = steps.map { $0.outputs.map(\.description).joined(separator: ", ") }
      attentions = steps.map(\.attention)
      seconds = profile.statistics.seconds
    }

    private static func micro(_ seconds: Double) -> Double { (seconds * 1e8).rounded() / 100 }
  }
}
