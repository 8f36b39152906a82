import Foundation
import Reporting

/// The table of the differences between the native and the fused run.
struct ProfileText {
  let comparison: ProfileComparison
  let headline: String
  let random: [String]
  let seed: UInt64

  init(_ comparison: ProfileComparison, headline: String, random: [String], seed: UInt64) {
    self.comparison = comparison
    self.headline = headline
    self.random = random
    self.seed = seed
  }

  func print() {
    for line in TextTable.wrap("\(comparison.model): \(headline)", width: TextTable.lineWidth) { Swift.print(line) }
    if !random.isEmpty {
      let text = "random inputs (seed \(seed)): \(random.joined(separator: ", "))"
      for line in TextTable.wrap(text, width: TextTable.lineWidth) { Swift.print(line) }
    }
    Swift.print("\n" + differences + "\n" + kinds, terminator: "")
    if !comparison.passes { Swift.print("\nThe fused run's outputs are NOT within the tolerance of the native ones.") }
  }

  private var differences: String {
    var table = TextTable([
      .init(title: "", width: 26), .init(title: "Native", width: 14, isRightAligned: true),
      .init(title: "Fused", width: 14, isRightAligned: true), .init(title: "Change", width: 14, isRightAligned: true),
    ])
    let (native, fused) = (comparison.native, comparison.fused)
    func add(_ name: String, _ before: Double, _ after: Double, _ format: (Double) -> String) {
      table.add([name, format(before), format(after), Self.change(from: before, to: after)])
    }
    func bytes(_ value: Double) -> String { Figures.bytes(Int(clamping: Int64(min(value, 1e18)))) }
    add("Time", native.seconds, fused.seconds, Figures.seconds)
    add("  in attention", native.attention.seconds, fused.attention.seconds, Figures.seconds)
    table.add(["  share of attention", Self.percent(native.attention.share), Self.percent(fused.attention.share), ""])
    add("Bytes moved, by the model", native.bytesMoved, fused.bytesMoved, bytes)
    add("  by attention", native.attention.bytesMoved, fused.attention.bytesMoved, bytes)
    add("Peak of values", Double(native.activationBytes), Double(fused.activationBytes), bytes)
    table.add([
      "Speed", Self.speed(native), Self.speed(fused),
      "peak \(Figures.number((comparison.peakOperationsPerSecond * 1e-9).rounded()))",
    ])
    table.add(["Steps", String(native.steps), String(fused.steps), ""])
    for output in comparison.outputs {
      table.add([
        "Error of \(output.name)", "", Figures.error(output.absoluteError), output.passed ? "ok" : "TOO LARGE",
      ])
    }
    return table.text
  }

  /// The kinds of operation that took longest, with the rest in a line.
  private var kinds: String {
    var table = TextTable([
      .init(title: "Time by operation", width: 26), .init(title: "Native", width: 10, isRightAligned: true),
      .init(title: "Steps", width: 6, isRightAligned: true), .init(title: "Fused", width: 10, isRightAligned: true),
      .init(title: "Steps", width: 6, isRightAligned: true), .init(title: "Change", width: 12, isRightAligned: true),
    ])
    let before = Dictionary(uniqueKeysWithValues: comparison.native.kinds.map { ($0.name, $0) })
    let after = Dictionary(uniqueKeysWithValues: comparison.fused.kinds.map { ($0.name, $0) })
    func longest(_ name: String) -> Double { max(before[name]?.seconds ?? 0, after[name]?.seconds ?? 0) }
    let names = Set(before.keys).union(after.keys).sorted { (longest($1), $0) < (longest($0), $1) }
    for name in names.prefix(Self.shownKinds) {
      let (old, new) = (before[name], after[name])
      table.add([
        name, old.map { Figures.seconds($0.seconds) } ?? "–", old.map { String($0.count) } ?? "–",
        new.map { Figures.seconds($0.seconds) } ?? "–", new.map { String($0.count) } ?? "–",
        Self.change(from: old?.seconds ?? 0, to: new?.seconds ?? 0),
      ])
    }
    let rest = names.dropFirst(Self.shownKinds)
    if !rest.isEmpty {
      let seconds = { (kinds: [String: ProfileComparison.Kind]) in rest.reduce(0.0) { $0 + (kinds[$1]?.seconds ?? 0) } }
      table.add(["\(rest.count) others", Figures.seconds(seconds(before)), "", Figures.seconds(seconds(after)), "", ""])
    }
    return table.text
  }

  private static let shownKinds = 12

  private static func speed(_ run: ProfileComparison.Run) -> String {
    "\(Figures.number((run.operations / max(run.seconds, 1e-9) * 1e-9 * 10).rounded() / 10)) GFLOP/s"
  }

  private static func percent(_ share: Double) -> String {
    String(format: share < 0.095 ? "%.1f %%" : "%.0f %%", 100 * share)
  }

  /// `−76 %` or `2.3 ×`; nothing where one of the two is nothing.
  private static func change(from before: Double, to after: Double) -> String {
    guard before > 0, after > 0 else { return "" }
    if after > 2 * before { return "\(Figures.number((after / before * 10).rounded() / 10)) ×" }
    let percent = Int((100 * (after / before - 1)).rounded())
    return percent == 0 ? "0 %" : "\(percent < 0 ? "−" : "+")\(abs(percent)) %"
  }
}
