import Foundation
import TestSupport
import Testing

@Suite struct ManualTests {
  /// Every option of the command line stands in the manual page, which `Scripts/manual` makes.
  @Test func theManualPageNamesEveryOption() throws {
    let page = try String(contentsOfFile: "\(packageDirectory)/docs/flashfuse.1", encoding: .utf8)
      .replacing("\\-", with: "-")
    let help = try CommandRun("--experimental-dump-help")
    let root = try #require(try JSONSerialization.jsonObject(with: Data(help.output.utf8)) as? [String: Any])
    var pending = [try #require(root["command"] as? [String: Any])]
    while let command = pending.popLast() {
      pending += (command["subcommands"] as? [[String: Any]] ?? []).filter { $0["commandName"] as? String != "help" }
      for argument in command["arguments"] as? [[String: Any]] ?? [] {
        for case let name as String in (argument["names"] as? [[String: Any]] ?? []).map({ $0["name"] ?? "" })
        where name.count > 1 && !["help", "version"].contains(name) {
          #expect(page.contains("-\(name)"), "run Scripts/manual")
        }
      }
    }
  }

  @Test(arguments: ["bash", "zsh", "fish"])
  func shellsGetCompletions(_ shell: String) throws {
    let run = try CommandRun("--generate-completion-script", shell)
    #expect(run.status == 0 && run.output.contains("profile") && run.output.contains("output-dir"))
  }

  @Test(arguments: ["", "fuse", "explain", "run", "profile", "plan", "bench", "bench attention", "bench model"])
  func helpFits80Columns(_ command: String) throws {
    let run = try CommandRun(command.split(separator: " ").map(String.init) + ["--help"])
    #expect(run.status == 0 && run.lines.allSatisfy { $0.count <= 80 }, "\(run.output)")
  }

  @Test func theVersionIsPrinted() throws {
    let run = try CommandRun("--version")
    #expect(run.status == 0 && run.lines.first?.wholeMatch(of: #/\d+\.\d+\.\d+/#) != nil)
  }
}
