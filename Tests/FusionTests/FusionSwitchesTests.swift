import Foundation
import Fusion
import GraphIR
import Rewriting
import Tensors
import TestSupport
import Testing

/// Does nothing but say that it ran: one decision for every softmax.
private struct NamedPass: FusionPass {
  let name: String

  func run(on graph: inout Graph) throws -> [FusionDecision] {
    [FusionDecision(pass: name, verdict: .fused, anchor: name)]
  }
}

@Suite struct FusionSwitchesTests {
  private func switches(_ text: String) throws -> FusionSwitches { try FusionSwitches(parsing: Data(text.utf8)) }

  /// The names of `passes` that run, in their order.
  private func order(of passes: [String], _ text: String) throws -> [String] {
    let pipeline = FusionPipeline(passes.map(NamedPass.init)).applying(try switches(text))
    var graph = Graph(name: "empty")
    let log = try pipeline.run(on: &graph)
    #expect(log.decisions.map(\.pass) == log.passes.map(\.name))
    #expect(Set(log.switchedOff).union(log.passes.map(\.name)) == Set(passes))
    return log.passes.map(\.name)
  }

  @Test(arguments: [
    (#"{}"#, ["A", "B", "C"]),
    (#"{"Switch": {"GraphFusion": {"B": "off"}}}"#, ["A", "C"]),
    (#"{"Switch": {"GraphFusion": {"ALL": "off", "B": "on"}}}"#, ["B"]),
    (#"{"Switch": {"GraphFusion": {"B": "on", "ALL": "off"}, "UBFusion": {"A": "on"}}}"#, ["B"]),
    (#"{"Switch": {"UBFusion": {"ALL": "off"}}, "ExceptionalPassOfO1Level": ["A"]}"#, ["A", "B", "C"]),
    (#"{"Switch": {"GraphFusion": {"Unknown": "off"}}}"#, ["A", "B", "C"]),
    ("B:off", ["A", "C"]), ("ALL:off\r\n\r\n  C : on\r\n", ["C"]), ("\nUnknown:off\n\nA:on\n", ["A", "B", "C"]),
  ])
  func aNameBeatsAllAndAllBeatsOn(_ text: String, _ expected: [String]) throws {
    #expect(try order(of: ["A", "B", "C"], text) == expected)
  }

  @Test(arguments: [
    (#"{"Top": {"C": "999"}}"#, ["C", "A", "B", "D"]),
    (#"{"Down": {"A": "2000"}}"#, ["B", "C", "D", "A"]),
    (#"{"Main": {"D": "1000", "C": "1999"}, "Top": {"B": "5"}}"#, ["B", "D", "C", "A"]),
    (#"{"Down": {"A": "2002", "B": "2001"}, "Top": {"D": "0"}}"#, ["D", "C", "B", "A"]),
  ])
  func prioritiesOrderPasses(_ sections: String, _ expected: [String]) throws {
    #expect(try order(of: ["A", "B", "C", "D"], #"{"Priority": {"GraphFusion": \#(sections)}}"#) == expected)
  }

  @Test(arguments: [
    ("", "empty"), (" \n\t\n", "empty"), ("A:on\nnonsense", "line 2"), ("A:on\nB:On", "found 'On'"),
    ("A:on:off", "found 'on:off'"), ("A:on\n\nA:off", "line 3: 'A' is there twice"), (":on", "name of a pass"),
    ("# comment\nA:on", "line 1"), ("[]", "object"), ("{", "malformed JSON"),
    (#"{"Switches": {}}"#, "'Switches'"), (#"{"Switch": []}"#, "Switch: an object"),
    (#"{"Switch": {"Graph": {}}}"#, "'Graph'"), (#"{"Switch": {"GraphFusion": {"A": true}}}"#, "GraphFusion: A: "),
    (#"{"Switch": {"GraphFusion": {"A": "ON"}}}"#, "found 'ON'"),
    (#"{"Switch": {"UBFusion": {"A": "perhaps"}}}"#, "UBFusion: A: "),
    (#"{"Switch": {"GraphFusion": {"A": "on", "A": "on"}}}"#, "'A' is there twice"),
    (#"{"Priority": {"GraphFusion": {"Middle": {}}}}"#, "'Middle'"),
    (#"{"Priority": {"GraphFusion": {"Top": {"A": 5}}}}"#, "found no text"),
    (#"{"Priority": {"GraphFusion": {"Top": {"A": "+5"}}}}"#, "0 to 999"),
    (#"{"Priority": {"GraphFusion": {"Top": {"A": "1000"}}}}"#, "0 to 999"),
    (#"{"Priority": {"GraphFusion": {"Main": {"A": "999"}}}}"#, "1000 to 1999"),
    (#"{"Priority": {"GraphFusion": {"Down": {"A": "99999999999999999999"}}}}"#, "2000 to 2999"),
    (#"{"Priority": {"GraphFusion": {"Top": {"A": "1", "B": "1"}}}}"#, "priority 1"),
    (#"{"Priority": {"GraphFusion": {"Top": {"A": "1", "A": "2"}}}}"#, "'A' is there twice"),
    (#"{"Priority": {"GraphFusion": {"Top": {"A": "1"}, "Main": {"A": "1001"}}}}"#, "another section"),
    (#"{"ExceptionalPassOfO1Level": "A"}"#, "list of names"),
  ])
  func whatIsWrongIsNamed(_ text: String, _ part: String) throws {
    let error = #expect(throws: ModelError.self) { try switches(text) }
    #expect(error?.kind == .invalid)
    #expect(error?.message.contains(part) == true, "\(error?.message ?? "")")
  }

  @Test func keysWithinTextsAreNoKeys() throws {
    let read = try switches(
      #"{"Switch": {"GraphFusion": {"A\":\"B": "on", "A": "off"}}, "ExceptionalPassOfO1Level": []}"#)
    #expect(!read.isOn("A") && read.isOn(#"A":"B"#))
  }

  @Test func aFileIsNamedInItsErrors() throws {
    let folder = try TemporaryDirectory()
    let path = try folder.write("nonsense", to: "switches.cfg")
    let error = #expect(throws: ModelError.self) { try FusionSwitches(contentsOfFile: path) }
    #expect(error?.message.hasPrefix("\(path): line 1: ") == true)
    let missing = #expect(throws: ModelError.self) { try FusionSwitches(contentsOfFile: folder.file("none")) }
    #expect(missing?.kind == .notFound)
  }
}
