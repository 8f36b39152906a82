import GraphIR
import Runtime
import Tensors

/// One run of a graph and what it took.
struct ModelRun {
  let outputs: [(name: String, tensor: Tensor)]
  let statistics: RunStatistics
  let threads: Int

  /// With `isTimed`, a run of less than a second is done twice: the first one also starts threads and touches memory.
  init(
    _ graph: Graph, inputs: [String: Tensor], options: Session.Options, isTimed: Bool = false, progress: Progress?
  ) throws {
    progress?.begin("preparing the run")
    let session = Session(graph, options: options)
    var result = try session.run(inputs, observer: progress)
    if isTimed && result.statistics.seconds < 1 { result = try session.run(inputs, observer: progress) }
    outputs = Array(zip(graph.outputs.map(\.name), result.outputs)).map { (name: $0, tensor: $1) }
    statistics = result.statistics
    threads = session.threads
  }
}

/// The fused run beside the unfused one, the one in 64 bits, and what was expected.
struct RunComparison {
  struct Row {
    let output: String
    /// Which run's output it is: `fused` or `unfused`.
    let actual: String
    /// What it is compared with: `unfused`, `expected` or `64 bits`.
    let reference: String
    let error: OutputError
    let tolerance: Double

    var passes: Bool { error.scaled <= tolerance }
  }

  let unfused: ModelRun
  /// Why there is no run in 64 bits, where an operation does not have it.
  private(set) var missingReference: String?
  private(set) var rows: [Row] = []

  var passes: Bool { rows.allSatisfy(\.passes) }

  init(
    fused: ModelRun, unfused graph: Graph, inputs: [String: Tensor], expected: [String: Tensor], tolerance: Double?,
    options: Session.Options, progress: Progress?
  ) throws {
    unfused = try ModelRun(graph, inputs: inputs, options: options, isTimed: true, progress: progress)
    var exact: ModelRun?
    do {
      exact = try ModelRun(
        graph.promotedToDoublePrecision(), inputs: inputs.mapValues { try $0.promotedToDoublePrecision() },
        // The limit is for the model as it is; the reference has numbers twice as wide.
        options: .init(threads: options.threads), progress: progress)
    } catch let error as ModelError {
      missingReference = error.message
    }
    progress?.begin("comparing")
    for (index, (name, tensor)) in fused.outputs.enumerated() {
      let other = unfused.outputs[index].tensor
      let allowed = tolerance ?? OutputError.tolerance(for: tensor.element)
      func compare(_ actual: String, _ value: Tensor, _ reference: String, _ expected: Tensor) throws {
        let error = try locating("output '\(name)'") { try OutputError(of: value, expected: expected) }
        rows.append(Row(output: name, actual: actual, reference: reference, error: error, tolerance: allowed))
      }
      try compare("fused", tensor, "unfused", other)
      if let reference = expected[name] {
        try compare("fused", tensor, "expected", reference)
        try compare("unfused", other, "expected", reference)
      }
      if let exact {
        try compare("fused", tensor, "64 bits", exact.outputs[index].tensor)
        try compare("unfused", other, "64 bits", exact.outputs[index].tensor)
      }
    }
  }
}
