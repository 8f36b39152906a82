import Foundation
import Runtime
import Tensors

/// What `run` tells of a run.
struct RunReport {
  let model: String
  /// How many attentions were fused; nil where none were to be.
  let explanation: String?
  let random: [String]
  let seed: UInt64
  let run: ModelRun
  let comparison: RunComparison?

  func printText() {
    for line in TextTable.wrap("\(model): \(explanation ?? "not fused")", width: TextTable.lineWidth) { print(line) }
    if !random.isEmpty {
      let text = "random inputs (seed \(seed)): \(random.joined(separator: ", "))"
      for line in TextTable.wrap(text, width: TextTable.lineWidth) { print(line) }
    }
    print()
    printOutputs()
    print()
    printRuns()
    if let comparison {
      print()
      printComparison(comparison)
    }
  }

  private func printOutputs() {
    var table = TextTable([
      .init(title: "Output", width: 28), .init(title: "Type", width: 20),
      .init(title: "Least", width: 10, isRightAligned: true), .init(title: "Mean", width: 10, isRightAligned: true),
      .init(title: "Largest", width: 10, isRightAligned: true),
    ])
    for (name, tensor) in run.outputs {
      let summary = Summary(tensor)
      table.add([
        name, "\(tensor.element.rawValue)\(tensor.shape)", summary.least.map(Figures.number) ?? "–",
        summary.mean.map(Figures.number) ?? "–", summary.largest.map(Figures.number) ?? "–",
      ])
    }
    print(table.text, terminator: "")
  }

  private func printRuns() {
    var table = TextTable([
      .init(title: "Run", width: 10), .init(title: "Time", width: 12, isRightAligned: true),
      .init(title: "Peak of values", width: 16, isRightAligned: true),
      .init(title: "Threads", width: 7, isRightAligned: true),
    ])
    func add(_ name: String, _ run: ModelRun) {
      table.add([
        name, Figures.seconds(run.statistics.seconds), Figures.bytes(run.statistics.activationBytes),
        String(run.threads),
      ])
    }
    add(explanation == nil ? "unfused" : "fused", run)
    if let comparison { add("unfused", comparison.unfused) }
    print(table.text, terminator: "")
  }

  private func printComparison(_ comparison: RunComparison) {
    var table = TextTable([
      .init(title: "Output", width: 28), .init(title: "Run", width: 7), .init(title: "Against", width: 8),
      .init(title: "Absolute", width: 8, isRightAligned: true),
      .init(title: "Relative", width: 8, isRightAligned: true),
      .init(title: "", width: 9, style: { $0 == "ok" ? .green : .red }),
    ])
    for row in comparison.rows {
      table.add([
        row.output, row.actual, row.reference, Figures.error(row.error.absolute), Figures.error(row.error.relative),
        row.passes ? "ok" : "TOO LARGE",
      ])
    }
    print(table.text, terminator: "")
    if let missing = comparison.missingReference {
      print()
      for line in TextTable.wrap("No run in 64 bits: \(missing)", width: TextTable.lineWidth) { print(line) }
    }
    print(
      """

      Largest errors; relative: as a part of the output's largest magnitude.
      \(comparison.passes ? "All are" : "NOT all are") within the tolerance of \(tolerances(comparison)).
      """)
  }

  private func tolerances(_ comparison: RunComparison) -> String {
    Set(comparison.rows.map(\.tolerance)).sorted().map(Figures.error).joined(separator: " or ")
  }

  func printJSON() throws {
    let encoded = Encoded(
      model: model, randomInputs: random, run: .init(run, isFused: explanation != nil),
      outputs: run.outputs.map { .init($0.name, $0.tensor) },
      unfusedRun: comparison.map { .init($0.unfused, isFused: false) },
      comparisons: comparison.map { $0.rows.map(Encoded.Comparison.init) },
      missingFloat64Run: comparison?.missingReference, passed: comparison?.passes)
    try JSONOutput.print(encoded)
  }
}

/// The figures in which outputs are summed up; none of them where there are no finite elements.
private struct Summary {
  private(set) var least: Double?
  private(set) var largest: Double?
  private(set) var mean: Double?

  init(_ tensor: Tensor) {
    let finite = ((try? tensor.doubles()) ?? []).filter(\.isFinite)
    guard !finite.isEmpty else { return }
    least = finite.min()
    largest = finite.max()
    mean = finite.reduce(0, +) / Double(finite.count)
  }
}

private struct Encoded: Encodable {
  struct Figures: Encodable {
    let fused: Bool
    let seconds: Double
    let activationBytes: Int
    let extraBytes: Int
    let threads: Int

    init(_ run: ModelRun, isFused: Bool) {
      fused = isFused
      seconds = run.statistics.seconds
      activationBytes = run.statistics.activationBytes
      extraBytes = run.statistics.scratchBytes
      threads = run.threads
    }
  }

  struct Output: Encodable {
    let name: String
    let element: String
    let shape: [Int]
    let least: Double?
    let largest: Double?
    let mean: Double?

    init(_ name: String, _ tensor: Tensor) {
      let summary = Summary(tensor)
      (self.name, element, shape) = (name, tensor.element.rawValue, tensor.shape)
      (least, largest, mean) = (summary.least, summary.largest, summary.mean)
    }
  }

  struct Comparison: Encodable {
    let output: String
    let run: String
    let against: String
    let absoluteError: Double
    let relativeError: Double
    let tolerance: Double
    let passed: Bool

    init(_ row: RunComparison.Row) {
      (output, run, against) = (row.output, row.actual, row.reference == "64 bits" ? "float64" : row.reference)
      (absoluteError, relativeError) = (row.error.absolute, row.error.relative)
      (tolerance, passed) = (row.tolerance, row.passes)
    }
  }

  let model: String
  let randomInputs: [String]
  let run: Figures
  let outputs: [Output]
  let unfusedRun: Figures?
  let comparisons: [Comparison]?
  /// Why the model did not run in 64 bits.
  let missingFloat64Run: String?
  let passed: Bool?
}
